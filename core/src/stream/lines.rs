//! `Lines`: an iterator over the lines of a map.

use std::fmt;

use crate::{Map, Result, stream::read_ahead::ReadAhead};

/// An iterator over the lines of a map, each without its `\n`.
///
/// The last line need not end with `\n`. A `\r` before the `\n` is part of the line. The lines are
/// read from a read-ahead buffer of a few KiB, so that a change of the map within that distance may
/// not be seen.
///
/// [`Map::lines`] creates it. The iterator ends after the first error.
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("Cargo.toml")?;
/// let first = map.lines().next().expect("the file is not empty")?;
/// assert_eq!(first, b"[package]");
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone)]
pub struct Lines<'a> {
    map: &'a Map,
    read_ahead: ReadAhead,
    offset: usize,
    has_ended: bool,
}

impl Map {
    /// Returns an iterator over the lines of the map; see [`Lines`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let first = map.lines().next().expect("the file is not empty")?;
    /// assert_eq!(first, b"[package]");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(self)
    }
}

impl<'a> Lines<'a> {
    pub(crate) fn new(map: &'a Map) -> Lines<'a> {
        Lines { map, read_ahead: ReadAhead::new(), offset: 0, has_ended: false }
    }

    /// Reads the next line into `line`, replacing its content, and returns whether there was one.
    ///
    /// Faster than the iterator, which allocates memory for each line.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault); `line` then contains the bytes before the fault.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let (mut lines, mut line, mut longest) = (map.lines(), Vec::new(), 0);
    /// while lines.read_into(&mut line)? {
    ///     longest = longest.max(line.len());
    /// }
    /// assert!(longest > 9);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn read_into(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let count = self.read_ahead.read_until(self.map, self.offset, b'\n', line)?;
        self.offset += count;
        line.pop_if(|last| *last == b'\n');
        Ok(count > 0)
    }
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("position", &self.offset).field("map", self.map).finish()
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        if self.has_ended {
            return None;
        }
        let mut line = Vec::new();
        let read = self.read_into(&mut line);
        self.has_ended = !matches!(read, Ok(true));
        match read {
            Ok(is_line) => is_line.then_some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    }
}

impl std::iter::FusedIterator for Lines<'_> {}
