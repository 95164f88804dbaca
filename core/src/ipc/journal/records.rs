//! Records: how they lie in the file, and how they are appended.
//!
//! A record begins at a multiple of 8: a header, the checksum, and the payload up to the next
//! multiple of 8. It never changes.
//!
//! | bits of the header | |
//! |---|---|
//! | 0–31 | bytes of the payload |
//! | 32 | end mark: no record follows. The length is 0 |
//! | 33–62 | how often the writers' mutex was taken over, modulo 2^30 |
//! | 63 | 1 |
//!
//! The next word has the CRC-32C in bits 0–31, and above it the number of recoveries. The checksum
//! includes the id of the file, the offset of the record, its header, the number of recoveries, and
//! the payload.
//!
//! **The store of the header appends the record**, and the word behind the last record is always 0.
//! A process that crashes between two steps leaves this:
//!
//! | writer, has the writers' mutex | crash behind it |
//! |---|---|
//! | J0 if the owner of the mutex has crashed, add 1 to `TAKEOVERS` | nothing |
//! | J0 read `TAIL` and the header there; while that is not 0, go behind the record; store `TAIL` | nothing |
//! | J1 extend the file, with 8 bytes for the word behind the record | a longer file |
//! | J2 copy the payload; store the checksum | bytes that no process reads |
//! | J3 store 0 behind the record | the same |
//! | J4 store the header | the record; the next writer's J0 moves the tail |
//! | J5 store `TAIL`, but not behind an end mark | the record |
//!
//! Why this is right:
//!
//! - J3 comes before J4. Otherwise a reader would take bytes of a crashed writer for a header.
//! - J0 stores the tail before anything else. So it is at most one record behind, but in a copy of
//!   the file, whose first words may be older than its records. There it is any number behind.
//! - `TAIL` never moves behind an end mark, so that J0 finds that.
//! - A writer that crashed before J4 may have left a payload with its checksum, and the next record
//!   there may have the same length. A header without the number of takeovers would fit both, and a
//!   power failure could combine it with the wrong one.
//! - The payload may come in pieces. The checksum is that of the bytes that were passed.
//!
//! A power failure may leave any subset of all stores since the last sync. So behind the last good
//! record there may be anything, also good records. `recovery` removes that.

use super::{
    epoch,
    layout::{RECORDS, TAIL, TAKEOVERS},
    position::Position,
    storage::Storage,
};

/// The size of a header, of a checksum, and of the word behind the last record.
pub(super) const WORD: usize = 8;
/// The bytes before a payload.
const PREFIX: usize = 2 * WORD;
/// The length of an end mark.
pub(super) const END_MARK: usize = PREFIX;
const IS_RECORD: u64 = 1 << 63;
const IS_END: u64 = 1 << 32;
const LEN_BITS: u32 = 32;
const TAKEOVERS_SHIFT: u32 = 33;
const TAKEOVERS_MASK: u64 = (1 << 30) - 1;
const LEN: u64 = (1 << LEN_BITS) - 1;
/// How much is copied at once to check a record.
const PIECE: usize = 4096;

/// The length of a payload that a record can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length(u32);

impl Length {
    /// The greatest length: the header has 32 bits for it.
    pub(crate) const LONGEST: usize = u32::MAX as usize - 31;

    /// Returns `None` if a record cannot be so long.
    #[inline]
    pub(crate) fn new(len: usize) -> Option<Length> {
        (len <= Length::LONGEST).then_some(Length(len as u32))
    }
}

/// Makes the checksums of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checksum(u32);

impl Checksum {
    /// `id` is the random number in the header of the file.
    pub(crate) fn new(id: &[u8; 16]) -> Checksum {
        Checksum(crc32c::crc32c(id))
    }

    /// The checksum of a record without a payload, or the start of one.
    #[inline]
    pub(super) fn start(self, start: usize, header: u64, recoveries: u32) -> u32 {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&(start as u64).to_ne_bytes());
        bytes[8..16].copy_from_slice(&header.to_ne_bytes());
        bytes[16..].copy_from_slice(&recoveries.to_ne_bytes());
        crc32c::crc32c_append(self.0, &bytes)
    }
}

/// A record that lies in the file. Its checksum may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) start: usize,
    pub(super) header: u64,
}

impl Record {
    /// Returns the record with this header, or `None` if none can be there.
    #[inline]
    pub(super) fn find<S: Storage>(
        storage: &S,
        start: usize,
        header: u64,
    ) -> Result<Option<Record>, S::Error> {
        let record = Record { start, header };
        let is_possible = match record.is_end_mark() {
            true => record.len() == 0,
            false => record.len() <= Length::LONGEST,
        };
        let is_header = header & IS_RECORD != 0 && is_possible;
        let Some(end) = record.checked_end().filter(|_| is_header) else { return Ok(None) };
        Ok(is_accessible(storage, end)?.then_some(record))
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        (self.header & LEN) as usize
    }

    pub(super) fn is_end_mark(&self) -> bool {
        self.header & IS_END != 0
    }

    /// Where the payload begins.
    #[inline]
    pub(super) fn payload(&self) -> usize {
        self.start + PREFIX
    }

    #[inline]
    fn checked_end(&self) -> Option<usize> {
        self.start.checked_add(space(self.len())?)
    }

    /// Where the next record begins.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.payload() + self.len().next_multiple_of(WORD)
    }

    /// Loads the stored checksum, and the number of recoveries.
    #[inline]
    pub(super) fn sum<S: Storage>(&self, storage: &S) -> Result<(u32, u32), S::Error> {
        let word = storage.load(self.start + WORD)?;
        Ok((word as u32, (word >> LEN_BITS) as u32))
    }

    /// Checks the record. Returns the number of recoveries, or `None` if the checksum is wrong.
    pub(super) fn check<S: Storage>(
        &self,
        storage: &S,
        checksum: Checksum,
    ) -> Result<Option<u32>, S::Error> {
        let (expected, recoveries) = self.sum(storage)?;
        let mut sum = checksum.start(self.start, self.header, recoveries);
        let (mut piece, mut done) = ([0; PIECE], 0);
        while done < self.len() {
            let piece = &mut piece[..PIECE.min(self.len() - done)];
            storage.read(piece, self.payload() + done)?;
            sum = crc32c::crc32c_append(sum, piece);
            done += piece.len();
        }
        Ok((sum == expected).then_some(recoveries))
    }
}

/// The bytes that a record needs in the file.
#[inline]
fn space(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(WORD)?.checked_add(PREFIX)
}

/// Whether the file has the bytes before `end`, as far as this process can map it.
#[inline]
fn is_accessible<S: Storage>(storage: &S, end: usize) -> Result<bool, S::Error> {
    Ok(end <= storage.len() || end <= storage.refresh()?)
}

/// Loads a header. Behind the end of the file there is none: 0.
#[inline]
pub(super) fn header_at<S: Storage>(storage: &S, start: usize) -> Result<u64, S::Error> {
    match start.checked_add(WORD) {
        Some(end) if is_accessible(storage, end)? => storage.load(start),
        _ => Ok(0),
    }
}

/// Whether a record can begin at this offset.
pub(super) fn is_start(at: u64) -> bool {
    at % WORD as u64 == 0 && at >= RECORDS as u64
}

/// Loads an offset of the file, if a record can begin there, or end at the end of the file.
#[inline]
pub(super) fn offset_at<S: Storage>(storage: &S, at: usize) -> Result<Option<usize>, S::Error> {
    let offset = storage.load(at)?;
    match usize::try_from(offset) {
        Ok(start) if is_start(offset) && is_accessible(storage, start)? => Ok(Some(start)),
        _ => Ok(None),
    }
}

/// Where the next record will begin, or where the end mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(super) at: usize,
    pub(super) is_finished: bool,
}

/// Returns the tail of a settled journal. Without the mutex: it may have moved since.
#[inline]
pub(crate) fn tail<S: Storage>(storage: &S, checksum: Checksum) -> Result<Tail, S::Error> {
    let at = offset_at(storage, TAIL)?.ok_or_else(|| storage.corrupt(TAIL))?;
    match header_at(storage, at)? {
        0 => Ok(Tail { at, is_finished: false }),
        header => behind_records(storage, checksum, at, header),
    }
}

/// The tail is one record behind if a writer has crashed, or is between J4 and J5. It may be more
/// behind in a copy of the file: programs copy the words before the records. If it has moved, other
/// writers append, and need not be followed.
#[cold]
fn behind_records<S: Storage>(
    storage: &S,
    checksum: Checksum,
    mut at: usize,
    mut header: u64,
) -> Result<Tail, S::Error> {
    while header != 0 {
        let record = Record::find(storage, at, header)?.ok_or_else(|| storage.corrupt(at))?;
        record.check(storage, checksum)?.ok_or_else(|| storage.corrupt(at))?;
        if record.is_end_mark() {
            return Ok(Tail { at, is_finished: true });
        }
        at = record.end();
        header = if storage.load(TAIL)? < at as u64 { header_at(storage, at)? } else { 0 };
    }
    Ok(Tail { at, is_finished: false })
}

/// Appends records. Only the thread that has the writers' mutex has one.
#[derive(Debug)]
pub(crate) struct Appender<'a, S> {
    storage: &'a S,
    checksum: Checksum,
    /// Where the next record begins.
    pub(super) start: usize,
    recoveries: u32,
    /// The bits of a header that do not depend on the record.
    header: u64,
}

/// A record whose payload is being copied. Dropping it appends nothing.
#[derive(Debug)]
pub(crate) struct Draft<'r, 'a, S> {
    appender: &'r mut Appender<'a, S>,
    record: Record,
    sum: u32,
    /// The bytes of the payload that were copied.
    copied: usize,
}

impl<'a, S: Storage> Appender<'a, S> {
    /// J0. Returns `None` if the journal is finished. `owner_died`: an owner of the mutex has
    /// crashed; the mutex may be marked consistent afterwards.
    pub(crate) fn new(
        storage: &'a S,
        checksum: Checksum,
        owner_died: bool,
    ) -> Result<Option<Appender<'a, S>>, S::Error> {
        if owner_died {
            storage.store(TAKEOVERS, storage.load(TAKEOVERS)?.wrapping_add(1))?;
        }
        let Tail { at: start, is_finished } = tail(storage, checksum)?;
        if is_finished {
            return Ok(None);
        }
        let recoveries = epoch::recoveries(storage)?;
        if storage.load(TAIL)? != start as u64 {
            storage.store(TAIL, start as u64)?;
        }
        let takeovers = storage.load(TAKEOVERS)? & TAKEOVERS_MASK;
        let header = IS_RECORD | takeovers << TAKEOVERS_SHIFT;
        Ok(Some(Appender { storage, checksum, start, recoveries, header }))
    }

    /// J1. The payload has to be written to the draft, and the draft committed.
    #[inline]
    pub(crate) fn reserve(&mut self, len: Length) -> Result<Draft<'_, 'a, S>, S::Error> {
        self.draft(self.header | u64::from(len.0))
    }

    fn draft(&mut self, header: u64) -> Result<Draft<'_, 'a, S>, S::Error> {
        let record = Record { start: self.start, header };
        let needed = record.checked_end().and_then(|end| end.checked_add(WORD));
        let needed = needed.ok_or_else(|| self.storage.corrupt(TAIL))?;
        if needed > self.storage.len() {
            self.storage.extend(needed)?;
        }
        let sum = self.checksum.start(record.start, header, self.recoveries);
        Ok(Draft { appender: self, record, sum, copied: 0 })
    }

    /// Whether a record of this length lies in the bytes that are accessible now.
    pub(crate) fn fits(&self, len: Length) -> bool {
        let len = space(len.0 as usize).and_then(|len| len.checked_add(WORD));
        let end = len.and_then(|len| self.start.checked_add(len));
        end.is_some_and(|end| end <= self.storage.len())
    }

    /// Appends the end mark. No record follows it.
    pub(crate) fn finish(mut self) -> Result<(), S::Error> {
        self.draft(self.header | IS_END)?.store().map(drop)
    }
}

impl<'r, 'a, S: Storage> Draft<'r, 'a, S> {
    /// J2: copies the next bytes of the payload.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), S::Error> {
        debug_assert!(self.copied + bytes.len() <= self.record.len(), "more than was reserved");
        self.appender.storage.write(bytes, self.record.payload() + self.copied)?;
        self.sum = crc32c::crc32c_append(self.sum, bytes);
        self.copied += bytes.len();
        Ok(())
    }

    /// The rest of J2, to J5: appends the record. All of its payload was written.
    #[inline]
    pub(crate) fn commit(self) -> Result<Position, S::Error> {
        debug_assert_eq!(self.copied, self.record.len(), "less than was reserved");
        let Record { start, .. } = self.record;
        let end = self.record.end();
        let appender = self.store()?;
        appender.start = end;
        appender.storage.store(TAIL, end as u64)?;
        Ok(Position { start: start as u64, recoveries: appender.recoveries })
    }

    /// The rest of J2, to J4.
    #[inline]
    fn store(self) -> Result<&'r mut Appender<'a, S>, S::Error> {
        let Draft { appender, record, sum, .. } = self;
        let word = u64::from(appender.recoveries) << LEN_BITS | u64::from(sum);
        appender.storage.store(record.start + WORD, word)?;
        appender.storage.store(record.end(), 0)?;
        appender.storage.store(record.start, record.header)?;
        Ok(appender)
    }
}
