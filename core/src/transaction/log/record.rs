//! Records: one for each commit.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | magic number |
//! | 8 | 4 | CRC-32C of the following bytes, up to the end of the changed bytes |
//! | 12 | 4 | 1: the data file gets exactly the following length; 0: it has at least that |
//! | 16 | 8 | epoch |
//! | 24 | 8 | offset of the record in the journal |
//! | 32 | 8 | length of the record, with padding and mark |
//! | 40 | 8 | number of ranges |
//! | 48 | 8 | length of the data file after the commit |
//! | 56 | 8 | number of changed bytes |
//! | 64 | 16 each | ranges of the data file: offset, length |
//! | | | the changed bytes, range by range |
//! | | | zeros up to a multiple of 64, less 8 |
//! | | 8 | the mark: 0, or the value that says that the record is applied |
//!
//! The checksum covers the header, so a record counts in its epoch and at its offset only. It does
//! not cover the mark. The value of the mark depends on the record: bytes of older records that a
//! crashed process left there are no mark.
//!
//! Nothing that is read is believed. A length is compared with that of the journal, sums are
//! checked, ranges end before the length that the record declares, and the bytes are read in
//! pieces.

use std::ops::Range;

use super::{
    error::OpenError,
    files::{Files, Which},
    layout::{ALIGNMENT, half, word},
    pieces::Pieces,
};

const MAGIC: u64 = u64::from_le_bytes(*b"\x89smcrec\n");
pub(super) const HEADER: usize = 64;
const SUMMED: usize = 12;
const RANGE: u64 = 16;
const MARK: u64 = 8;
const AT_LEAST: u32 = 0;
const EXACTLY: u32 = 1;
/// No file is longer.
const LONGEST: u64 = i64::MAX as u64;

/// What a commit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    /// Offsets in the data file, and the bytes from there on. Later ranges win.
    pub(crate) ranges: &'a [(u64, &'a [u8])],
    /// The length of the data file after the commit, if that changes it. No range ends behind it.
    pub(crate) len: Option<NewLen>,
}

/// Another length of the data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewLen {
    /// The file becomes longer.
    Grow(u64),
    /// It becomes shorter.
    Cut(u64),
}

impl Change<'_> {
    /// Changes the data file.
    pub(super) fn apply<F: Files>(&self, files: &F) -> Result<(), F::Error> {
        if let Some(NewLen::Grow(len) | NewLen::Cut(len)) = self.len {
            files.set_len(Which::Data, len)?;
        }
        self.ranges.iter().try_for_each(|(at, bytes)| files.write(Which::Data, bytes, *at))
    }

    fn end_of_ranges(&self) -> u64 {
        let ends = self.ranges.iter().map(|(at, bytes)| at.saturating_add(bytes.len() as u64));
        ends.max().unwrap_or(0)
    }
}

/// The header of a record. Its sum may be wrong, and its ranges impossible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    sum: u32,
    kind: u32,
    epoch: u64,
    pub(super) at: u64,
    /// A multiple of the alignment.
    pub(super) len: u64,
    count: u64,
    data_len: u64,
    bytes: u64,
}

impl Record {
    /// Returns the record of a change to a data file of `data_len` bytes, without its sum.
    pub(super) fn new(change: &Change<'_>, data_len: u64, epoch: u64, at: u64) -> Record {
        let bytes = change.ranges.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let count = change.ranges.len() as u64;
        let end = change.end_of_ranges();
        let (kind, data_len) = match change.len {
            None => (AT_LEAST, data_len.max(end)),
            Some(NewLen::Grow(len) | NewLen::Cut(len)) => (EXACTLY, len.max(end)),
        };
        let len = len(count, bytes).unwrap_or(u64::MAX);
        Record { sum: 0, kind, epoch, at, len, count, data_len, bytes }
    }

    /// Returns the start of the record in the journal: the header, with the sum, and the ranges.
    pub(super) fn encode(&mut self, change: &Change<'_>, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend(self.to_bytes());
        for (at, bytes) in change.ranges {
            buffer.extend(at.to_le_bytes());
            buffer.extend((bytes.len() as u64).to_le_bytes());
        }
        let start = crc32c::crc32c(&buffer[SUMMED..]);
        let parts = change.ranges.iter();
        self.sum = parts.fold(start, |sum, (_, bytes)| crc32c::crc32c_append(sum, bytes));
        buffer[8..SUMMED].copy_from_slice(&self.sum.to_le_bytes());
    }

    /// Returns the record at an offset, if one of this epoch can be there.
    pub(super) fn read<F: Files>(
        files: &F,
        epoch: u64,
        at: u64,
    ) -> Result<Option<Record>, F::Error> {
        let mut bytes = [0; HEADER];
        let count = files.read(Which::Journal, &mut bytes, at)?;
        Ok((count == HEADER).then(|| Record::from_bytes(&bytes, epoch, at)).flatten())
    }

    /// Returns the record with this header, if it is of the epoch and belongs here.
    pub(super) fn from_bytes(bytes: &[u8; HEADER], epoch: u64, at: u64) -> Option<Record> {
        if word(bytes, 0) != MAGIC || word(bytes, 16) != epoch || word(bytes, 24) != at {
            return None;
        }
        let record = Record {
            sum: half(bytes, 8),
            kind: half(bytes, SUMMED),
            epoch,
            at,
            len: word(bytes, 32),
            count: word(bytes, 40),
            data_len: word(bytes, 48),
            bytes: word(bytes, 56),
        };
        record.is_possible().then_some(record)
    }

    fn is_possible(&self) -> bool {
        let has_len = len(self.count, self.bytes) == Some(self.len);
        has_len
            && self.at.checked_add(self.len).is_some()
            && self.kind <= EXACTLY
            && self.data_len <= LONGEST
    }

    fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[8..SUMMED].copy_from_slice(&self.sum.to_le_bytes());
        bytes[SUMMED..16].copy_from_slice(&self.kind.to_le_bytes());
        let words = [self.epoch, self.at, self.len, self.count, self.data_len, self.bytes];
        for (at, word) in [(0, MAGIC)].into_iter().chain((16..).step_by(8).zip(words)) {
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Where the next record begins.
    pub(super) fn end(&self) -> u64 {
        self.at + self.len
    }

    fn ranges(&self) -> u64 {
        self.at + HEADER as u64
    }

    fn first_byte(&self) -> u64 {
        self.ranges() + RANGE * self.count
    }

    /// The number of bytes behind the changed ones.
    pub(super) fn padding(&self) -> u64 {
        self.end() - self.first_byte() - self.bytes
    }

    /// The offset of the mark, and its value.
    pub(super) fn mark(&self) -> (u64, [u8; MARK as usize]) {
        let value = (self.epoch ^ self.at ^ u64::from(self.sum) << 32) | 1;
        (self.end() - MARK, value.to_le_bytes())
    }

    /// Whether the record is applied, and in the journal on the disk.
    pub(super) fn is_marked<F: Files>(&self, files: &F) -> Result<bool, F::Error> {
        let ((at, expected), mut found) = (self.mark(), [0; MARK as usize]);
        files.read(Which::Journal, &mut found, at)?;
        Ok(found == expected)
    }

    /// Whether the sum is right, and all ranges are possible.
    pub(super) fn is_valid<F: Files>(&self, files: &F) -> Result<bool, F::Error> {
        let mut sum = crc32c::crc32c(&self.to_bytes()[SUMMED..]);
        let mut pieces = Pieces::new(files, self.ranges(), self.end());
        let mut bytes = 0_u64;
        for _ in 0..self.count {
            let Some(range) = pieces.next_array()? else { return Ok(false) };
            let Some((_, len)) = self.range(&range) else { return Ok(false) };
            sum = crc32c::crc32c_append(sum, &range);
            bytes = bytes.saturating_add(len);
        }
        Ok(bytes == self.bytes && self.sum_of_bytes(&mut pieces, sum)? == Some(self.sum))
    }

    fn sum_of_bytes<F: Files>(
        &self,
        pieces: &mut Pieces<'_, F>,
        mut sum: u32,
    ) -> Result<Option<u32>, F::Error> {
        let mut left = self.bytes;
        while left > 0 {
            let piece = pieces.next(left)?;
            if piece.is_empty() {
                return Ok(None);
            }
            sum = crc32c::crc32c_append(sum, piece);
            left -= piece.len() as u64;
        }
        Ok(Some(sum))
    }

    /// Returns offset and length of a range, if it is not behind the length of the file.
    fn range(&self, bytes: &[u8; RANGE as usize]) -> Option<(u64, u64)> {
        let (at, len) = (word(bytes, 0), word(bytes, 8));
        at.checked_add(len).filter(|end| *end <= self.data_len).map(|_| (at, len))
    }

    /// The exact length that the record gives the data file, if it does.
    pub(super) fn new_len(&self) -> Option<u64> {
        (self.kind == EXACTLY).then_some(self.data_len)
    }

    /// Changes the data file as the commit did, without bytes behind `limit`: a later record cuts
    /// them off, and they could need space that the disk does not have. The record is valid. If it
    /// is not any more, another process writes to the journal.
    pub(super) fn apply<F: Files>(&self, files: &F, limit: u64) -> Result<(), OpenError<F::Error>> {
        if self.kind == EXACTLY || files.len(Which::Data)? < self.data_len {
            files.set_len(Which::Data, self.data_len)?;
        }
        let mut ranges = Pieces::new(files, self.ranges(), self.first_byte());
        let mut bytes = Pieces::new(files, self.first_byte(), self.end());
        for _ in 0..self.count {
            let range = ranges.next_array()?.and_then(|range| self.range(&range));
            let Some((at, len)) = range else { return OpenError::damaged(self.at) };
            self.apply_range(files, &mut bytes, at..at + len, limit)?;
        }
        Ok(())
    }

    fn apply_range<F: Files>(
        &self,
        files: &F,
        pieces: &mut Pieces<'_, F>,
        mut range: Range<u64>,
        limit: u64,
    ) -> Result<(), OpenError<F::Error>> {
        while !range.is_empty() {
            let piece = pieces.next(range.end - range.start)?;
            if piece.is_empty() {
                return OpenError::damaged(self.at);
            }
            let (at, len) = (range.start, piece.len() as u64);
            let kept = limit.saturating_sub(at).min(len) as usize;
            if kept > 0 {
                files.write(Which::Data, &piece[..kept], at)?;
            }
            range.start += len;
        }
        Ok(())
    }

    /// Writes the bytes of the record again.
    pub(super) fn rewrite<F: Files>(&self, files: &F) -> Result<(), OpenError<F::Error>> {
        let mut pieces = Pieces::new(files, self.at, self.end());
        let mut at = self.at;
        while at < self.end() {
            let piece = pieces.next(self.end() - at)?;
            if piece.is_empty() {
                return OpenError::damaged(self.at);
            }
            files.write(Which::Journal, piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    }
}

/// Returns the length of a record.
fn len(count: u64, bytes: u64) -> Option<u64> {
    let ranges = count.checked_mul(RANGE)?;
    let len = ranges.checked_add(bytes)?.checked_add(HEADER as u64 + MARK)?;
    len.checked_next_multiple_of(ALIGNMENT)
}
