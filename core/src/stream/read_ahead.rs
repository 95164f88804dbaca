//! Windows: a piece of a map, copied, to read from without a call for every few bytes.

use memchr::memchr;

use crate::{Map, Result};

/// Bytes copied at a time. Few enough to stay in the processor's first cache, enough to forget the cost of the call.
const SIZE: usize = 8 * 1024;

/// A copy of the bytes `start .. start + filled` of a map.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    start: usize,
    filled: usize,
}

impl Window {
    pub(crate) fn new() -> Window {
        Window { bytes: Vec::new(), start: 0, filled: 0 }
    }

    /// Returns the bytes from `at` on, as far as the copy goes; makes a new one where it has none. Empty at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault) if the byte at `at` itself cannot be read.
    #[inline]
    pub(crate) fn at(&mut self, map: &Map, at: usize) -> Result<&[u8]> {
        let inside = at.checked_sub(self.start).filter(|&from| from < self.filled);
        let from = match inside {
            Some(from) => from,
            None => {
                self.fill(map, at)?;
                0
            }
        };
        Ok(&self.bytes[from..self.filled])
    }

    /// Returns `count` bytes from `at` on if the copy has all of them.
    #[inline]
    pub(crate) fn have(&self, at: usize, count: usize) -> Option<&[u8]> {
        let from = at.wrapping_sub(self.start);
        let left = self.filled.checked_sub(from)?;
        if count <= left { self.bytes.get(from..from + count) } else { None }
    }

    /// Appends the bytes from `at` on to `bytes`, up to and with the first `end`, or to the map's end; returns how many.
    ///
    /// # Errors
    ///
    /// As [`Window::at`]; what could be read was appended.
    #[inline]
    pub(crate) fn until(&mut self, map: &Map, at: usize, end: u8, bytes: &mut Vec<u8>) -> Result<usize> {
        let mut read = 0;
        loop {
            let rest = self.at(map, at + read)?;
            let (piece, last) = match memchr(end, rest) {
                Some(found) => (&rest[..=found], true),
                None => (rest, rest.is_empty()),
            };
            bytes.extend_from_slice(piece);
            read += piece.len();
            if last {
                return Ok(read);
            }
        }
    }

    pub(crate) fn forget(&mut self) {
        self.filled = 0;
    }

    #[cold]
    fn fill(&mut self, map: &Map, at: usize) -> Result<()> {
        self.forget();
        self.bytes.resize(SIZE, 0);
        self.start = at;
        self.filled = read_before_hole(map, &mut self.bytes, at)?;
        Ok(())
    }
}

/// Copies bytes from `at` on into `buffer`, as far as they can be read; returns how many, 0 at the end and behind it.
///
/// # Errors
///
/// [`Error::Fault`](crate::Error::Fault) if the byte at `at` itself cannot be read: a hole is met at its own place, after what comes before it.
pub(crate) fn read_before_hole(map: &Map, buffer: &mut [u8], at: usize) -> Result<usize> {
    let Ok(rest) = map.span_from("read", at) else { return Ok(0) };
    match map.copy_out_until_fault(rest, buffer) {
        (0, Err(error)) => Err(error),
        (count, _) => Ok(count),
    }
}
