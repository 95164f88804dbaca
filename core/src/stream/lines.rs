//! Lines: a map, line by line.

use crate::{Map, Result, stream::read_ahead::Window};

/// The lines of a map, each without its `\n`; a last line need not have one. Made by [`Map::lines`].
///
/// After an error there is nothing more.
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("Cargo.toml")?;
/// let first = map.lines().next().expect("the file is not empty")?;
/// assert_eq!(first, b"[package]");
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    map: &'a Map,
    window: Window,
    at: usize,
    ended: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(map: &'a Map) -> Lines<'a> {
        Lines { map, window: Window::new(), at: 0, ended: false }
    }

    /// Reads the next line into `line`, whose memory is used again; whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault); what could be read of the line is in `line`.
    pub fn read_into(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let read = self.window.until(self.map, self.at, b'\n', line)?;
        self.at += read;
        line.pop_if(|last| *last == b'\n');
        Ok(read > 0)
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        if self.ended {
            return None;
        }
        let mut line = Vec::new();
        let read = self.read_into(&mut line);
        self.ended = !matches!(read, Ok(true));
        match read {
            Ok(more) => more.then_some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    }
}

impl std::iter::FusedIterator for Lines<'_> {}
