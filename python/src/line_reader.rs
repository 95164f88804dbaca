//! The state of an iterator over lines: its read-ahead buffer, and where it stands.

use safemap::{LineCount, LineSearch};

/// Number of bytes to read ahead. They fit into the first-level cache, and are enough to make the
/// cost of a refill negligible.
pub(crate) const READ_AHEAD: usize = 8 * 1024;

/// The state of an iterator.
pub(crate) struct Reader {
    /// A copy of bytes of the map, of which `next..filled` are unread.
    buffer: Vec<u8>,
    next: usize,
    filled: usize,
    /// Offset in the map of the first byte after those in the buffer.
    offset: usize,
    pub(crate) exhausted: bool,
    /// For lines that contain one of some needles. The buffer is not used then.
    pub(crate) search: Option<LineSearch>,
    /// The lines before the next one, or some of them.
    pub(crate) count: LineCount,
}

impl Reader {
    pub(crate) fn new(offset: usize, search: Option<LineSearch>) -> Reader {
        let (buffer, count) = (Vec::new(), LineCount::new(offset));
        Reader { buffer, next: 0, filled: 0, offset, exhausted: false, search, count }
    }

    /// Returns the offset of the next line.
    pub(crate) fn position(&self) -> usize {
        self.offset - (self.filled - self.next)
    }

    /// Takes the next line, if the buffer contains its separator.
    #[inline]
    pub(crate) fn take_line(&mut self, separator: u8) -> Option<&[u8]> {
        let unread = &self.buffer[self.next..self.filled];
        let end = memchr::memchr(separator, unread)? + 1;
        self.next += end;
        Some(&unread[..end])
    }

    /// Takes all unread bytes.
    pub(crate) fn take_unread(&mut self) -> &[u8] {
        let unread = &self.buffer[self.next..self.filled];
        self.next = self.filled;
        unread
    }

    /// Whether there is no space in the buffer.
    pub(crate) fn is_full(&self) -> bool {
        self.filled - self.next >= READ_AHEAD
    }

    /// Moves the unread bytes to the start of the buffer. Returns the offset of the bytes behind
    /// them, and the space for these.
    pub(crate) fn free_space(&mut self) -> (usize, &mut [u8]) {
        let unread = self.filled - self.next;
        self.buffer.copy_within(self.next..self.filled, 0);
        (self.next, self.filled) = (0, unread);
        self.buffer.resize(READ_AHEAD, 0);
        (self.offset, &mut self.buffer[unread..])
    }

    /// Adds bytes that were copied to the free space.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.filled += bytes;
        self.offset += bytes;
    }

    /// Takes a line that was not in the buffer, or only in part. It ends at `end`.
    pub(crate) fn pass(&mut self, end: usize) {
        (self.next, self.filled, self.offset) = (0, 0, end);
        self.count.end_line(end);
    }
}
