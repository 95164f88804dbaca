//! A read-ahead buffer: a copy of the next few KiB of a map.
//!
//! It serves short sequential reads without an accessor call for each of them.

use std::ops::Range;

use memchr::memchr;

use crate::{Map, Result};

/// Size of the buffer in bytes: fits the L1 data cache, and is large enough to hide the cost of the
/// call that fills it.
const SIZE: usize = 8 * 1024;

/// A copy of the bytes `start..start + filled` of a map.
#[derive(Clone, Debug)]
pub(crate) struct ReadAhead {
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    /// Bytes of the map from here on are not read.
    end: usize,
}

impl ReadAhead {
    /// Creates an empty buffer. Memory is allocated on the first read.
    pub(crate) fn new() -> ReadAhead {
        ReadAhead::up_to(usize::MAX)
    }

    /// Creates an empty buffer for the bytes of a map before `end`.
    pub(crate) fn up_to(end: usize) -> ReadAhead {
        ReadAhead { buffer: Vec::new(), start: 0, filled: 0, end }
    }

    /// Returns the buffered bytes from `offset` on. If there are none, it fills the buffer first.
    /// The result is empty at the end of the map.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault) if the byte at `offset` cannot be read.
    #[inline]
    pub(crate) fn bytes_at(&mut self, map: &Map, offset: usize) -> Result<&[u8]> {
        let buffered = offset.checked_sub(self.start).filter(|&from| from < self.filled);
        let from = match buffered {
            Some(from) => from,
            None => {
                self.fill(map, offset)?;
                0
            }
        };
        Ok(&self.buffer[from..self.filled])
    }

    /// Returns `count` bytes from `offset` on if all of them are buffered.
    #[inline]
    pub(crate) fn buffered(&self, offset: usize, count: usize) -> Option<&[u8]> {
        let from = offset.wrapping_sub(self.start);
        let available = self.filled.checked_sub(from)?;
        if count <= available { self.buffer.get(from..from + count) } else { None }
    }

    /// Appends the bytes of `range` to `bytes`, up to and including the first `delimiter`, or to
    /// the end of the map. Returns the number of bytes appended.
    ///
    /// # Errors
    ///
    /// As [`ReadAhead::bytes_at`]. The bytes before the fault have been appended.
    #[inline]
    pub(crate) fn read_until(
        &mut self,
        map: &Map,
        range: Range<usize>,
        delimiter: u8,
        bytes: &mut Vec<u8>,
    ) -> Result<usize> {
        let mut count = 0;
        while range.start + count < range.end {
            let offset = range.start + count;
            let rest = self.bytes_at(map, offset)?;
            let rest = &rest[..rest.len().min(range.end - offset)];
            let (piece, is_last) = match memchr(delimiter, rest) {
                Some(index) => (&rest[..=index], true),
                None => (rest, rest.is_empty()),
            };
            bytes.extend_from_slice(piece);
            count += piece.len();
            if is_last {
                break;
            }
        }
        Ok(count)
    }

    /// Discards the buffered bytes.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    #[cold]
    fn fill(&mut self, map: &Map, offset: usize) -> Result<()> {
        self.clear();
        self.buffer.resize(SIZE, 0);
        self.start = offset;
        let wanted = self.end.saturating_sub(offset).min(SIZE);
        self.filled = read_up_to_fault(map, &mut self.buffer[..wanted], offset)?;
        Ok(())
    }
}

/// Copies bytes from `offset` on into `buffer`, up to the end of the map or the first byte that
/// cannot be read. Returns the number of bytes copied, which is 0 at and beyond the end.
///
/// # Errors
///
/// [`Error::Fault`](crate::Error::Fault) if the byte at `offset` itself cannot be read. A fault
/// further on is reported by the call that starts there.
pub(crate) fn read_up_to_fault(map: &Map, buffer: &mut [u8], offset: usize) -> Result<usize> {
    let Some(rest) = map.span_from(offset) else { return Ok(0) };
    match map.copy_out_until_fault(rest, buffer) {
        (0, Err(error)) => Err(error),
        (count, _) => {
            map.release_passed(offset, offset + count);
            Ok(count)
        }
    }
}
