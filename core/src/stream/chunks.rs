//! Chunks of a map, one after the other in the same memory.

use std::fmt;

use crate::{Error, Map, Result};

/// Copies of consecutive parts of a map, from [`Map::chunks`].
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("Cargo.toml")?;
/// let (mut chunks, mut newlines) = (map.chunks(64), 0);
/// while let Some(chunk) = chunks.next_chunk()? {
///     newlines += chunk.iter().filter(|&&byte| byte == b'\n').count();
/// }
/// assert_eq!(newlines, map.lines().count());
/// # Ok::<(), safemap::Error>(())
/// ```
pub struct Chunks<'a> {
    map: &'a Map,
    size: usize,
    /// Offset of the next chunk.
    at: usize,
    buffer: Vec<u8>,
}

impl Map {
    /// Returns copies of consecutive parts of `size` bytes, all in the same memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(10).anonymous()?;
    /// let mut chunks = map.chunks(8);
    /// assert_eq!(chunks.next_chunk()?, Some(&[0; 8][..]));
    /// assert_eq!(chunks.next_chunk()?, Some(&[0; 2][..]));
    /// assert_eq!(chunks.next_chunk()?, None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn chunks(&self, size: usize) -> Chunks<'_> {
        Chunks { map: self, size, at: 0, buffer: Vec::new() }
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("position", &self.at)
            .field("size", &self.size)
            .field("map", self.map)
            .finish()
    }
}

impl Chunks<'_> {
    /// Returns the next chunk, or `None` at the end of the map. Only the last chunk can be shorter
    /// than the others.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`]: the next call tries the same chunk again. [`Error::Os`] if there is not
    /// enough memory; [`Error::Unsupported`] if the size is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.chunks(9).next_chunk()?, Some(&b"[package]"[..]));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>> {
        if self.size == 0 {
            return Err(Error::Unsupported("a chunk has at least one byte"));
        }
        // A concurrent resize may have moved the end before the next chunk.
        let len = self.map.len().saturating_sub(self.at).min(self.size);
        if len == 0 {
            return Ok(None);
        }
        self.map.read_into(&mut self.buffer, self.at..self.at + len)?;
        self.map.release_passed(self.at, self.at + len);
        self.at += len;
        Ok(Some(&self.buffer))
    }
}
