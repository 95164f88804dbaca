//! `Cursor`: a position in a map, with the I/O traits of the standard library.

use std::{
    borrow::Borrow,
    fmt,
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
    ops::RangeBounds,
};

use crate::{
    Error, Map, Result,
    access::Span,
    stream::{
        drop_behind::PART,
        read_ahead::{ReadAhead, read_up_to_fault},
    },
};

/// A position in a map that implements [`Read`], [`BufRead`], [`Write`] and [`Seek`].
///
/// [`Map::cursor`] creates a cursor that borrows the map. [`Cursor::new`] accepts anything that
/// implements [`Borrow<Map>`], for example `Arc<Map>`. [`Cursor::range`] creates one that shows a
/// part of the map as a file.
///
/// # Reading
///
/// Reads of less than 1 KiB and the methods of [`BufRead`] use a read-ahead buffer of a few KiB.
/// They see bytes that are written there later only after a [`Seek`]. Longer reads,
/// [`Cursor::read_byte`] and [`Cursor::next_line`] access the map itself.
///
/// # Writing
///
/// Writes change the map at once. [`Write::flush`] does nothing; [`Map::flush`] makes the bytes
/// durable. Writing never extends the map: a write that does not fit fails and changes nothing.
///
/// The position may lie beyond the end of the map. There reads return 0 bytes and writes fail.
///
/// # Examples
///
/// ```
/// use std::io::BufRead;
///
/// let map = safemap::Map::open("sample.toml")?;
/// let mut names = 0;
/// for line in map.cursor().lines() {
///     names += usize::from(line?.starts_with("name"));
/// }
/// assert_eq!(names, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Cursor<M = std::sync::Arc<Map>> {
    map: M,
    /// In bytes from the start of the map.
    position: usize,
    /// The part of the map. Its end is `usize::MAX` if that is the end of the map.
    start: usize,
    end: usize,
    read_ahead: ReadAhead,
    /// Holds a line until it has been checked for UTF-8.
    line: Vec<u8>,
}

impl Map {
    /// Returns a cursor at the start of the map, which reads and writes the map as a file.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.cursor().next_line()?, b"[package]\n");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn cursor(&self) -> Cursor<&Map> {
        Cursor::new(self)
    }
}

impl<M: Borrow<Map>> Cursor<M> {
    /// Creates a cursor at the start of `map`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use safemap::{Cursor, Map};
    ///
    /// let map = Arc::new(Map::open("sample.toml")?);
    /// let mut cursor = Cursor::new(Arc::clone(&map)); // can be sent to another thread
    /// assert_eq!(cursor.read_byte()?, b'[');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn new(map: M) -> Cursor<M> {
        Cursor::within(map, 0, usize::MAX)
    }

    /// Creates a cursor over a part of `map`, which the cursor shows as a file: position 0 is the
    /// start of the range, and its end is the end of the file. An open end is that of the map, also
    /// when it moves.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]. The errors of other methods have offsets in the map.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Seek, SeekFrom};
    ///
    /// use safemap::{Cursor, Map};
    ///
    /// let map = Map::open("sample.toml")?;
    /// let mut name = String::new();
    /// let mut cursor = Cursor::range(&map, 1..8)?;
    /// cursor.read_to_string(&mut name)?;
    /// assert_eq!((&name[..], cursor.position()), ("package", 7));
    /// assert_eq!(cursor.seek(SeekFrom::End(-1))?, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn range(map: M, range: impl RangeBounds<usize>) -> Result<Cursor<M>> {
        let (start, end) = Span::bounds(range);
        let known_end = end.unwrap_or_else(|| map.borrow().len());
        map.borrow().span("range", start..known_end)?;
        Ok(Cursor::within(map, start, end.unwrap_or(usize::MAX)))
    }

    fn within(map: M, start: usize, end: usize) -> Cursor<M> {
        let read_ahead = ReadAhead::up_to(end);
        Cursor { map, position: start, start, end, read_ahead, line: Vec::new() }
    }

    /// Returns the number of bytes that the cursor shows: the length of the map or the range, or
    /// less if the map has become shorter. The equivalent of `Seek::stream_len`.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.cursor().len(), map.len());
    /// assert_eq!(safemap::Cursor::range(&map, 3..8)?.len(), 5);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "stream_len")]
    pub fn len(&self) -> usize {
        self.map().len().min(self.end).saturating_sub(self.start)
    }

    /// Returns whether the cursor shows no bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert!(safemap::Cursor::range(&map, 3..3)?.is_empty());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the map.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.cursor().map().len(), map.len());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn map(&self) -> &Map {
        self.map.borrow()
    }

    /// Returns what the cursor was made with: the map, or a pointer to it.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.cursor().into_inner().len(), map.len());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> M {
        self.map
    }

    /// Returns the position in bytes from the start of the map or the range.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let mut cursor = map.cursor();
    /// cursor.read_byte()?;
    /// assert_eq!(cursor.position(), 1);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> usize {
        self.position - self.start
    }

    /// Sets the position in bytes from the start of the map or the range, and discards the
    /// read-ahead buffer.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut cursor = map.cursor();
    /// cursor.set_position(1);
    /// assert_eq!(cursor.read_byte()?, b'p');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn set_position(&mut self, position: usize) {
        self.read_ahead.clear();
        self.position = self.start.saturating_add(position);
    }

    /// Returns the byte at the position and advances by one.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) at the end of the map;
    /// [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut cursor = map.cursor();
    /// assert_eq!(cursor.read_byte()?, b'[');
    /// assert_eq!(cursor.read_byte()?, b'p');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn read_byte(&mut self) -> Result<u8> {
        self.ensure_in_range("read_byte", 1)?;
        let byte = self.map().load_word("read_byte", self.position)?;
        self.position += 1;
        Ok(byte)
    }

    /// Stores a byte at the position and advances by one.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`](crate::Error::ReadOnly);
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) at the end of the map;
    /// [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(2).anonymous()?;
    /// let mut cursor = map.cursor();
    /// cursor.write_byte(b'a')?;
    /// cursor.write_byte(b'b')?;
    /// assert_eq!(map.to_vec(..)?, b"ab");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn write_byte(&mut self, byte: u8) -> Result<()> {
        self.ensure_in_range("write_byte", 1)?;
        self.map().store_word("write_byte", self.position, byte)?;
        self.advance_after_write(1);
        Ok(())
    }

    /// Returns the bytes up to and including the next `\n`, or up to the end of the map, and
    /// advances past them. The result is empty at the end. [`BufRead::read_line`] reads text.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault); [`Error::Os`](crate::Error::Os) if the line does not
    /// fit into memory. The position does not change.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.cursor().next_line()?, b"[package]\n");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn next_line(&mut self) -> Result<Vec<u8>> {
        let map = self.map();
        let mut line = Vec::new();
        let Some(rest) = self.rest() else { return Ok(line) };
        let len =
            map.find_byte(rest, b'\n')?.map_or(rest.len(), |offset| offset + 1 - rest.start());
        map.append_to(&mut line, rest.part(0, len))?;
        self.position += line.len();
        Ok(line)
    }

    /// Fails if `count` bytes at the position do not lie in the range. Whether they lie in the map
    /// is not checked.
    #[inline]
    fn ensure_in_range(&self, call: &'static str, count: usize) -> Result<()> {
        match self.end.checked_sub(self.position) {
            Some(rest) if count <= rest => Ok(()),
            _ => Err(self.out_of_bounds(call, count)),
        }
    }

    #[cold]
    fn out_of_bounds(&self, call: &'static str, count: usize) -> Error {
        let (start, len) = (self.position, self.end.min(self.map().len()));
        Error::OutOfBounds { call, start, end: start.saturating_add(count), len }
    }

    /// Returns what follows the position; `None` behind the end of the map.
    fn rest(&self) -> Option<Span> {
        let rest = self.map().span_from(self.position)?;
        Some(rest.part(0, self.end.saturating_sub(self.position)))
    }

    /// Appends what follows to `bytes`, in parts if pages have to be released between them. Returns
    /// false at the end.
    fn read_part(&mut self, bytes: &mut Vec<u8>) -> Result<bool> {
        let (map, old_len) = (self.map.borrow(), bytes.len());
        let Some(rest) = self.rest().filter(|rest| rest.len() > 0) else { return Ok(false) };
        let part = if map.drops_behind() { rest.part(0, PART) } else { rest };
        let read = map.append_to(bytes, part);
        let count = bytes.len() - old_len;
        map.release_passed(self.position, self.position + count);
        self.position += count;
        read.map(|()| true)
    }

    /// Advances, and discards the read-ahead buffer, which the write may have made stale.
    fn advance_after_write(&mut self, count: usize) {
        self.read_ahead.clear();
        self.position += count;
    }
}

impl<M: fmt::Debug> fmt::Debug for Cursor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.position - self.start;
        f.debug_struct("Cursor").field("position", &position).field("map", &self.map).finish()
    }
}

/// Reads of fewer bytes use the read-ahead buffer.
const SHORT: usize = 1024;

impl<M: Borrow<Map>> Read for Cursor<M> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let map = self.map.borrow();
        let count = match buffer.len() {
            0 => 0,
            1..SHORT => {
                let ahead = self.read_ahead.bytes_at(map, self.position)?;
                let count = ahead.len().min(buffer.len());
                buffer[..count].copy_from_slice(&ahead[..count]);
                count
            }
            SHORT.. => {
                let wanted = self.end.saturating_sub(self.position).min(buffer.len());
                read_up_to_fault(map, &mut buffer[..wanted], self.position)?
            }
        };
        self.position += count;
        Ok(count)
    }

    #[inline]
    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if let Some(ahead) = self.read_ahead.buffered(self.position, buffer.len()) {
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
        let old_len = bytes.len();
        // On a fault the bytes before it are kept, as the documentation of `Read` requires.
        while self.read_part(bytes)? {}
        Ok(bytes.len() - old_len)
    }
}

impl<M: Borrow<Map>> BufRead for Cursor<M> {
    /// Returns the buffered bytes at the position, and fills the read-ahead buffer from the map if
    /// it is used up. The result is empty at the end of the map.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.read_ahead.bytes_at(self.map.borrow(), self.position)?)
    }

    fn consume(&mut self, count: usize) {
        self.position = self.position.saturating_add(count);
    }

    // Faster than the provided method: `lines` is made of it.
    fn read_until(&mut self, delimiter: u8, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let old_len = bytes.len();
        let read = self.read_ahead.read_until(
            self.map.borrow(),
            self.position..usize::MAX,
            delimiter,
            bytes,
        );
        self.position += bytes.len() - old_len;
        Ok(read?)
    }

    // Faster than the provided method: `lines` is made of it.
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
    /// Writes all of `bytes`. If they do not fit, it writes nothing and returns an error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.ensure_in_range("write_at", bytes.len())?;
        self.map().write_at(bytes, self.position)?;
        self.advance_after_write(bytes.len());
        Ok(bytes.len())
    }

    /// Does nothing, because the bytes are in the map already. See [`Map::flush`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<M: Borrow<Map>> Seek for Cursor<M> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => usize::try_from(position).ok(),
            SeekFrom::End(distance) => offset_by(self.len(), distance),
            SeekFrom::Current(distance) => offset_by(self.position(), distance),
        };
        self.set_position(position.ok_or_else(|| invalid_seek(to))?);
        Ok(self.position() as u64)
    }
}

#[cold]
fn invalid_seek(to: SeekFrom) -> io::Error {
    let text = format!("seek to {to:?} out of bounds for positions 0..={}", usize::MAX);
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn offset_by(position: usize, distance: i64) -> Option<usize> {
    usize::try_from((position as u64).checked_add_signed(distance)?).ok()
}
