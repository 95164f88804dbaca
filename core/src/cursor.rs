//! The cursor: a file's view of a map.

use std::{
    borrow::Borrow,
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
};

use crate::{Error, Map, Result, window::Window};

/// A position in a map that reading and writing move: [`Read`], [`BufRead`], [`Write`] and [`Seek`].
///
/// Made by [`Map::cursor`], or of anything that lends a map: `Cursor::new(Arc::clone(&map))`.
///
/// The position may lie beyond the end, as a file's may: nothing is read there and nothing can be written. Writing never
/// makes the map longer; what does not fit is an error and changes nothing. Writes are in the map, and so visible to all who
/// share it, at once; [`Write::flush`] has nothing to do. What makes them durable is [`Map::flush`].
///
/// # Examples
///
/// ```
/// use std::io::BufRead;
///
/// let map = safemap::Map::open("Cargo.toml")?;
/// let names = map.cursor().lines().filter(|line| line.as_ref().is_ok_and(|line| line.starts_with("name")));
/// assert_eq!(names.count(), 1);
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cursor<M = std::sync::Arc<Map>> {
    map: M,
    position: usize,
    /// What `BufRead` has read ahead.
    window: Window,
    /// Memory for a line until it is known to be text.
    line: Vec<u8>,
}

impl<M: Borrow<Map>> Cursor<M> {
    /// Begins at the start of the map.
    pub fn new(map: M) -> Cursor<M> {
        Cursor { map, position: 0, window: Window::new(), line: Vec::new() }
    }

    /// Returns the map.
    pub fn map(&self) -> &Map {
        self.map.borrow()
    }

    /// Returns the position, in bytes from the map's start.
    pub fn tell(&self) -> usize {
        self.position
    }

    /// Goes to `position`.
    pub fn set_position(&mut self, position: usize) {
        self.position = position;
    }

    /// Reads one byte and steps over it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] at the end; [`Error::Fault`].
    pub fn read_byte(&mut self) -> Result<u8> {
        let byte = self.map().get(self.position)?;
        self.position += 1;
        Ok(byte)
    }

    /// Writes one byte and steps over it.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::OutOfBounds`] at the end; [`Error::Fault`].
    pub fn write_byte(&mut self, byte: u8) -> Result<()> {
        self.map().set(self.position, byte)?;
        self.forget_and_advance(1);
        Ok(())
    }

    /// Reads up to the next `\n`, which is included, or to the end; at the end there is nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`]; [`Error::Os`] if there is no memory for the line.
    pub fn read_line(&mut self) -> Result<Vec<u8>> {
        let map = self.map();
        let start = self.position.min(map.len());
        let end = map.find(b"\n", start..)?.map(|at| at + 1);
        let line = match end {
            Some(end) => map.to_vec(start..end)?,
            None => map.to_vec(start..)?,
        };
        self.position += line.len();
        Ok(line)
    }

    /// What was read ahead may not be what stands there after a write.
    fn forget_and_advance(&mut self, count: usize) {
        self.window.forget();
        self.position += count;
    }
}

impl<M: Borrow<Map>> Read for Cursor<M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let map = self.map.borrow();
        // Another thread may shorten the map between the two: then there is nothing to read either.
        let count = match map.read_at(buffer, self.position.min(map.len())) {
            Err(Error::OutOfBounds { .. }) => 0,
            read => read?,
        };
        self.position += count;
        Ok(count)
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let start = self.position.min(self.map().len());
        let rest = self.map().to_vec(start..);
        // What comes before a hole is given out, as by every reader.
        let end = match rest {
            Err(Error::Fault { offset }) => offset,
            _ => start,
        };
        let read = match &rest {
            Ok(rest) => rest,
            Err(_) => &self.map().to_vec(start..end)?,
        };
        bytes.extend_from_slice(read);
        self.position += read.len();
        Ok(rest?.len())
    }
}

impl<M: Borrow<Map>> BufRead for Cursor<M> {
    /// Returns bytes at the position, copied from the map; empty at the end.
    ///
    /// They are a copy of what stood there when the last ones were used up, as with every buffered reader.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.window.at(self.map.borrow(), self.position)?)
    }

    fn consume(&mut self, count: usize) {
        self.position = self.position.saturating_add(count);
    }

    // As the provided ones, and quicker: they are what lines are read by.
    fn read_until(&mut self, end: u8, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        let read = self.window.until(self.map.borrow(), self.position, end, bytes);
        self.position += bytes.len() - before;
        Ok(read?)
    }

    fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        let mut bytes = std::mem::take(&mut self.line);
        bytes.clear();
        let read = self.read_until(b'\n', &mut bytes);
        let text = std::str::from_utf8(&bytes).map(|text| line.push_str(text));
        self.line = bytes;
        text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)).and(read)
    }
}

impl<M: Borrow<Map>> Write for Cursor<M> {
    /// Writes all of `bytes`, or nothing and returns an error if they do not fit.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.map().write_at(bytes, self.position)?;
        self.forget_and_advance(bytes.len());
        Ok(bytes.len())
    }

    /// Does nothing: the bytes are in the map. See [`Map::flush`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<M: Borrow<Map>> Seek for Cursor<M> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => usize::try_from(at).ok(),
            SeekFrom::End(by) => moved(self.map().len(), by),
            SeekFrom::Current(by) => moved(self.position, by),
        };
        self.position = position.ok_or_else(|| no_such_position(to))?;
        Ok(self.position as u64)
    }
}

#[cold]
fn no_such_position(to: SeekFrom) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("seek: {to:?} is before 0 or beyond {}", usize::MAX))
}

fn moved(from: usize, by: i64) -> Option<usize> {
    from.checked_add_signed(isize::try_from(by).ok()?)
}
