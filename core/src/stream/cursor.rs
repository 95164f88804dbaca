//! The cursor: a file's view of a map.

use std::{
    borrow::Borrow,
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
};

use crate::{
    Map, Result,
    stream::read_ahead::{Window, read_before_hole},
};

/// A position in a map that reading and writing move: [`Read`], [`BufRead`], [`Write`] and [`Seek`].
///
/// Made by [`Map::cursor`], or of anything that lends a map: `Cursor::new(Arc::clone(&map))`.
///
/// Short reads, and those of [`BufRead`], are served from a copy of the next few KiB, as with every buffered reader: what others write there meanwhile is
/// seen after a [`Seek`]. [`Cursor::read_byte`], [`Cursor::read_line`] and long reads look at the map itself.
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

    /// Goes to `position`, and forgets what was read ahead.
    pub fn set_position(&mut self, position: usize) {
        self.window.forget();
        self.position = position;
    }

    /// Reads one byte and steps over it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) at the end; [`Error::Fault`](crate::Error::Fault).
    pub fn read_byte(&mut self) -> Result<u8> {
        let byte = self.map().get(self.position)?;
        self.position += 1;
        Ok(byte)
    }

    /// Writes one byte and steps over it.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`](crate::Error::ReadOnly); [`Error::OutOfBounds`](crate::Error::OutOfBounds) at the end; [`Error::Fault`](crate::Error::Fault).
    pub fn write_byte(&mut self, byte: u8) -> Result<()> {
        self.map().set(self.position, byte)?;
        self.forget_and_advance(1);
        Ok(())
    }

    /// Reads up to the next `\n`, which is included, or to the end; at the end there is nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault); [`Error::Os`](crate::Error::Os) if there is no memory for the line.
    pub fn read_line(&mut self) -> Result<Vec<u8>> {
        let map = self.map();
        let mut line = Vec::new();
        let Ok(rest) = map.span_from("read_line", self.position) else { return Ok(line) };
        let len = map.find_byte(rest, b'\n')?.map_or(rest.len(), |offset| offset + 1 - rest.start());
        map.append_to(&mut line, rest.part(0, len))?;
        self.position += line.len();
        Ok(line)
    }

    /// What was read ahead may not be what stands there after a write.
    fn forget_and_advance(&mut self, count: usize) {
        self.window.forget();
        self.position += count;
    }
}

/// Reads that are shorter are served from what was read ahead.
const SHORT: usize = 1024;

impl<M: Borrow<Map>> Read for Cursor<M> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let map = self.map.borrow();
        let count = match buffer.len() {
            0 => 0,
            1..SHORT => {
                let ahead = self.window.at(map, self.position)?;
                let count = ahead.len().min(buffer.len());
                buffer[..count].copy_from_slice(&ahead[..count]);
                count
            }
            SHORT.. => read_before_hole(map, buffer, self.position)?,
        };
        self.position += count;
        Ok(count)
    }

    #[inline]
    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if let Some(ahead) = self.window.have(self.position, buffer.len()) {
            buffer.copy_from_slice(ahead);
            self.position += buffer.len();
            return Ok(());
        }
        let mut missing = buffer;
        while !missing.is_empty() {
            let count = self.read(missing)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            missing = &mut missing[count..];
        }
        Ok(())
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let (map, before) = (self.map.borrow(), bytes.len());
        let rest = map.span_from("read_to_end", self.position);
        // What comes before a hole is given out, as by every reader.
        let read = rest.map_or(Ok(()), |rest| map.append_to(bytes, rest));
        let count = bytes.len() - before;
        self.position += count;
        read?;
        Ok(count)
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
        self.set_position(position.ok_or_else(|| no_such_position(to))?);
        Ok(self.position as u64)
    }
}

#[cold]
fn no_such_position(to: SeekFrom) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("seek: {to:?} is before 0 or beyond {}", usize::MAX))
}

fn moved(from: usize, by: i64) -> Option<usize> {
    usize::try_from((from as u64).checked_add_signed(by)?).ok()
}
