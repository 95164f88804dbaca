//! Copies of files, read by system calls. A file that is cut during the copy gives fewer bytes.

use std::{io, mem::MaybeUninit};

use super::memory::{Blank, Memory};
use crate::{
    Error, Result,
    sys::{self, BorrowedFile, fork},
};

/// Longer copies are mapped: the allocator would not give them large pages.
const MAX_HEAP: usize = 32 << 20;

/// How much of a long copy is read by one call: a large page, which the kernel clears and writes to
/// while it is in the processor's cache.
const STEP: usize = 2 << 20;

/// What is copied: a file from byte `offset` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) file: BorrowedFile<'a>,
    pub(super) offset: u64,
    /// Whether the file has offsets. A pipe has none; its bytes are read once.
    pub(super) has_offsets: bool,
    /// Whether the file reports its length. Those of `/proc` do not.
    pub(super) has_length: bool,
    pub(super) limit: Limit,
}

/// The greatest length of a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) bytes: Option<usize>,
    /// Why the file has to be copied.
    pub(super) reason: &'static str,
}

impl Limit {
    fn check(self, len: usize) -> Result<()> {
        match self.bytes {
            Some(limit) if len > limit => Err(Error::CopyLimit { len, limit, reason: self.reason }),
            _ => Ok(()),
        }
    }
}

impl Source<'_> {
    /// Copies `len` bytes, or fewer if the file has fewer. Returns them and their number.
    pub(super) fn copy(self, len: usize) -> Result<(Memory, usize)> {
        self.limit.check(len)?;
        let source = Source { has_length: true, ..self };
        if len > MAX_HEAP {
            return source.copy_to_pages(len);
        }
        let mut bytes = Vec::new();
        reserve(&mut bytes, len)?;
        while bytes.len() < len && source.append(&mut bytes, len)? {}
        if bytes.len() < len {
            bytes.shrink_to_fit();
        }
        let len = bytes.len();
        Ok((Memory::Heap(bytes), len))
    }

    /// Copies at most `max` bytes of a file without a length, or that was empty.
    pub(super) fn copy_to_end(self, mut max: usize) -> Result<(Memory, usize)> {
        let mut bytes = Vec::new();
        while bytes.len() < max {
            let more = bytes.len().max(FIRST_READ).min(max - bytes.len());
            reserve(&mut bytes, more)?;
            let is_first = bytes.is_empty();
            fork::step();
            if !self.append(&mut bytes, max)? {
                break;
            }
            self.limit.check(bytes.len())?;
            if is_first {
                max = max.min(self.new_len().max(bytes.len()));
            }
        }
        bytes.shrink_to_fit();
        let len = bytes.len();
        Ok((Memory::Heap(bytes), len))
    }

    /// The length of a file that was empty, now that it has bytes. Its end could move for ever.
    /// Returns `usize::MAX` for the files of `/proc`, whose length is always 0, and for pipes.
    fn new_len(self) -> usize {
        match sys::file::regular_len(self.file) {
            Ok(Some(len)) if len > 0 => {
                usize::try_from(len.saturating_sub(self.offset)).unwrap_or(usize::MAX)
            }
            _ => usize::MAX,
        }
    }

    /// Appends bytes to `bytes`, as many as fit into its capacity and `max`. Returns false at the
    /// end of the file.
    fn append(self, bytes: &mut Vec<u8>, max: usize) -> Result<bool> {
        let (done, spare) = (bytes.len(), bytes.spare_capacity_mut());
        let room = spare.len().min(max - done);
        let count = self.read(&mut spare[..room], done)?;
        // SAFETY: `read` has initialised the next `count` bytes of the capacity.
        unsafe { bytes.set_len(done + count) };
        Ok(count > 0)
    }

    fn copy_to_pages(self, len: usize) -> Result<(Memory, usize)> {
        let (mut memory, mut done) = (Blank::new(len)?, 0);
        while done < len {
            match self.read(memory.part(done..len.min(done + STEP)), done)? {
                0 => break,
                count => done += count,
            }
        }
        Ok((memory.freeze().map_err(Error::os("bytes"))?, done))
    }

    /// Reads the bytes that follow the first `done` ones. Returns their number, 0 at the end.
    fn read(self, buffer: &mut [MaybeUninit<u8>], done: usize) -> Result<usize> {
        let at = self.offset.saturating_add(done as u64);
        let count = match (self.has_offsets, self.has_length) {
            (true, true) => read_kept(self.file, buffer, at),
            (true, false) => sys::file::read_at(self.file, buffer, at),
            (false, _) => sys::file::read_next(self.file, buffer),
        };
        count.map_err(Error::os("bytes"))
    }
}

/// Reads bytes from `at` on. Returns how many of them the file still has afterwards.
///
/// A call that began before the file was cut may return zeros: Linux clears the rest of the page
/// (or of a larger folio of the page cache) in which the file ends, while the call copies it.
pub(super) fn read_kept(
    file: BorrowedFile<'_>,
    buffer: &mut [MaybeUninit<u8>],
    at: u64,
) -> io::Result<usize> {
    let count = sys::file::read_at(file, buffer, at)?;
    let kept = sys::file::regular_len(file)?.map(|len| len.saturating_sub(at));
    Ok(kept.map_or(count, |kept| count.min(usize::try_from(kept).unwrap_or(usize::MAX))))
}

/// The files of `/proc` write at most a page at a time; most are shorter.
const FIRST_READ: usize = 8 << 10;

fn reserve(bytes: &mut Vec<u8>, len: usize) -> Result<()> {
    bytes.try_reserve_exact(len).map_err(|error| Error::os("bytes")(error.into()))
}
