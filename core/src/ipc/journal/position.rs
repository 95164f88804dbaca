//! Positions of records.

use std::fmt;

/// Where a record of a [`Journal`](super::Journal) is. It stays valid as long as the record exists,
/// in all processes and after a restart.
///
/// [`JournalWriter::append`](super::JournalWriter::append) returns the position of the new record,
/// and [`JournalReader::next`](super::JournalReader::next) that of the record that it has read. A
/// program that saves it continues [behind it](ReadFrom::After) later.
///
/// Positions of one journal are ordered as their records are.
///
/// A power failure may remove records that were not [synced](super::JournalWriter::sync). Their
/// positions are [`Error::Cut`](crate::Error::Cut) then, and never mean another record.
///
/// It has no name of its journal: that of another one, or of a copy of the file, may fit a record.
///
/// # Examples
///
/// A position is a number of 96 bits, which can be saved:
///
/// ```
/// use safemap::ipc::{Journal, Position, ReadFrom};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events");
/// # if Journal::open_or_create(&path).is_err() { return Ok(()); }
/// let journal = Journal::open_or_create(&path)?;
/// let mut writer = journal.writer()?;
/// let first = writer.append(b"first")?;
/// let second = writer.append(b"second")?;
/// assert!(first < second);
///
/// let saved = u128::from(first);
/// let mut reader = journal.reader(ReadFrom::After(Position::from(saved)))?;
/// let mut record = Vec::new();
/// assert_eq!(reader.next(&mut record)?, second);
/// assert_eq!(record, b"second");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Where the record begins in the file. First, for the order.
    pub(super) start: u64,
    /// How often the journal had been recovered when the record was written.
    pub(super) recoveries: u32,
}

impl From<Position> for u128 {
    fn from(position: Position) -> u128 {
        u128::from(position.start) << 32 | u128::from(position.recoveries)
    }
}

/// Higher bits than 96 are ignored. A number that is no position is
/// [`Error::Cut`](crate::Error::Cut) when it is used.
impl From<u128> for Position {
    fn from(number: u128) -> Position {
        Position { start: (number >> 32) as u64, recoveries: number as u32 }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({})", u128::from(*self))
    }
}

/// Where a [`JournalReader`](super::JournalReader) begins.
///
/// # Examples
///
/// ```
/// use safemap::ipc::{Journal, ReadFrom};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events");
/// # if Journal::open_or_create(&path).is_err() { return Ok(()); }
/// let journal = Journal::open_or_create(&path)?;
/// let mut writer = journal.writer()?;
/// writer.append(b"old")?;
/// let mut all = journal.reader(ReadFrom::Start)?;
/// let mut new = journal.reader(ReadFrom::End)?;
/// writer.append(b"new")?;
///
/// let mut record = Vec::new();
/// all.next(&mut record)?;
/// assert_eq!(record, b"old");
/// new.next(&mut record)?;
/// assert_eq!(record, b"new");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadFrom {
    /// With the first record.
    Start,
    /// With the first record that is appended after the call.
    End,
    /// With the record at this position.
    At(Position),
    /// With the record behind the one at this position, which a reader has read before.
    After(Position),
}
