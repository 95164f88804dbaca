//! The header of a file: 96 bytes, in the byte order of the machine.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 8 | 0x89 `SMIPC` 0x0D 0x0A |
//! | 8 | 2 + 2 | major and minor version of the format |
//! | 12 | 4 | 0x0A0B0C0D |
//! | 16 | 4 | kind: 1 channel, 2 journal |
//! | 20 | 4 | incompatible features: a file with an unknown bit is refused |
//! | 24 | 4 | compatible features: unknown bits are ignored |
//! | 28 | 4 | where the data begin: 4096 |
//! | 32 | 8 | capacity in bytes; of a journal, that of the new file |
//! | 40 | 8 | greatest number of messages; 0: no limit |
//! | 48 | 8 | the file has at least this length |
//! | 56 | 16 | a random number of the file |
//! | 72 | 16 | boot id of the system at the creation, or zeros |
//! | 88 | 4 | CRC-32C of the bytes before it |
//! | 92 | 4 | state: 1 in creation, 2 complete |

use crate::FormatError;

/// Length of the header.
pub(super) const LEN: usize = 96;
/// Where the data begin.
pub(crate) const DATA: u64 = 4096;

const MAGIC: [u8; 8] = *b"\x89SMIPC\r\n";
const MAJOR: u16 = 1;
const MINOR: u16 = 0;
const BYTE_ORDER: u32 = 0x0A0B_0C0D;

const SUM: usize = 88;
/// Where the state is. The checksum does not include it.
pub(super) const STATE: usize = 92;
/// Changing one state to the other changes one byte, so that no part of it can be written alone.
pub(super) const IN_CREATION: [u8; 4] = 1_u32.to_ne_bytes();
pub(super) const COMPLETE: [u8; 4] = 2_u32.to_ne_bytes();

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Channel = 1,
    Journal = 2,
}

/// The sizes of a file's content. A journal may have become larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes of a ring, or those that are allocated for a new journal.
    pub(crate) capacity: u64,
    /// Greatest number of messages; 0: no limit.
    pub(crate) slots: u64,
}

/// A random number, or the number of a start of the system.
pub(crate) type Id = [u8; 16];

/// The fields of a header that differ between files of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) geometry: Geometry,
    pub(super) len: u64,
    pub(super) id: Id,
    pub(super) boot: Id,
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or the beginning of a header whose creator has crashed.
    Nothing,
    /// A header whose creator has crashed.
    Incomplete,
    Complete(Header),
}

/// A channel has at least one page and positions of 30 bits, each of eight bytes.
const CAPACITIES: std::ops::RangeInclusive<u64> = 4096..=1 << 32;
/// A new journal has at least one page, and offsets of 63 bits.
const JOURNAL_CAPACITIES: std::ops::RangeInclusive<u64> = 4096..=i64::MAX as u64 - DATA;

impl Geometry {
    /// Returns the length of a new file.
    pub(super) fn file_len(self, kind: Kind) -> Result<u64, FormatError> {
        let Geometry { capacity, .. } = self;
        let is_valid = match kind {
            Kind::Channel => CAPACITIES.contains(&capacity) && capacity.is_power_of_two(),
            Kind::Journal => JOURNAL_CAPACITIES.contains(&capacity),
        };
        if is_valid { Ok(DATA + capacity) } else { Err(FormatError::InvalidCapacity { capacity }) }
    }

    /// Fails if the geometry of a file is not the one that is wanted. That of a journal only counts
    /// for its creation.
    pub(crate) fn ensure_fits(self, wanted: Geometry, kind: Kind) -> Result<(), FormatError> {
        match kind {
            Kind::Channel => self.ensure_is(wanted),
            Kind::Journal => Ok(()),
        }
    }

    /// Fails if the geometry of a file is not the one that is wanted.
    pub(crate) fn ensure_is(self, wanted: Geometry) -> Result<(), FormatError> {
        let [found, requested] = [self.capacity, wanted.capacity];
        if found != requested {
            return Err(FormatError::OtherCapacity { found, requested });
        }
        let [found, requested] = [self.slots, wanted.slots];
        if found != requested {
            return Err(FormatError::OtherMessageLimit { found, requested });
        }
        Ok(())
    }
}

impl Header {
    /// Returns the bytes of a file in creation.
    pub(super) fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let Geometry { capacity, slots } = self.geometry;
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 8, MAJOR.to_ne_bytes());
        put(&mut bytes, 10, MINOR.to_ne_bytes());
        put(&mut bytes, 12, BYTE_ORDER.to_ne_bytes());
        put(&mut bytes, 16, (self.kind as u32).to_ne_bytes());
        put(&mut bytes, 28, (DATA as u32).to_ne_bytes());
        put(&mut bytes, 32, capacity.to_ne_bytes());
        put(&mut bytes, 40, slots.to_ne_bytes());
        put(&mut bytes, 48, self.len.to_ne_bytes());
        put(&mut bytes, 56, self.id);
        put(&mut bytes, 72, self.boot);
        let sum = crc32c::crc32c(&bytes[..SUM]);
        put(&mut bytes, SUM, sum.to_ne_bytes());
        put(&mut bytes, STATE, IN_CREATION);
        bytes
    }

    /// Fails if the file was truncated.
    pub(super) fn ensure_has(&self, len: u64) -> Result<(), FormatError> {
        let required = self.len;
        if len < required { Err(FormatError::TooShort { len, required }) } else { Ok(()) }
    }
}

impl Found {
    /// Interprets the first bytes of a file of `len` bytes.
    pub(super) fn of(start: &[u8], len: u64, kind: Kind) -> Result<Found, FormatError> {
        if !start.starts_with(&MAGIC) {
            let is_beginning = is_interrupted_write(start, len);
            return if is_beginning { Ok(Found::Nothing) } else { Err(FormatError::NotSafemap) };
        }
        let Some(bytes) = start.first_chunk::<LEN>() else { return Ok(Found::Incomplete) };
        ensure_version(bytes)?;
        // Only a write of the header itself leaves a state of 0, and the file is short then.
        let state = get(bytes, STATE);
        let is_short = len <= LEN as u64;
        let is_incomplete = state == IN_CREATION || (state == [0; 4] && is_short);
        let fits = crc32c::crc32c(&bytes[..SUM]) == u32::from_ne_bytes(get(bytes, SUM));
        match fits {
            false if is_incomplete => Ok(Found::Incomplete),
            true if is_incomplete => header(bytes, kind).map(|_| Found::Incomplete),
            true if state == COMPLETE => header(bytes, kind).map(Found::Complete),
            _ => Err(FormatError::DamagedHeader),
        }
    }
}

/// Returns whether a crash may have left these bytes of a new file: a part of the magic number,
/// with zeros up to the length of the header if a file system has stored the length first.
fn is_interrupted_write(bytes: &[u8], len: u64) -> bool {
    let written = bytes.iter().zip(MAGIC).take_while(|&(&byte, magic)| byte == magic).count();
    let has_len = len == LEN as u64;
    written == bytes.len() || (has_len && bytes[written..].iter().all(|&byte| byte == 0))
}

/// Other versions may have other checksums, so this comes before them.
fn ensure_version(bytes: &[u8; LEN]) -> Result<(), FormatError> {
    if u32::from_ne_bytes(get(bytes, 12)) == BYTE_ORDER.swap_bytes() {
        return Err(FormatError::ByteOrder);
    }
    let (found, supported) = (u16::from_ne_bytes(get(bytes, 8)), MAJOR);
    match found.cmp(&supported) {
        std::cmp::Ordering::Less => Err(FormatError::OlderVersion { found, supported }),
        std::cmp::Ordering::Greater => Err(FormatError::NewerVersion { found, supported }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// Returns the fields of a header whose checksum fits.
fn header(bytes: &[u8; LEN], kind: Kind) -> Result<Header, FormatError> {
    let [byte_order, found, features, data] =
        [12, 16, 20, 28].map(|at| u32::from_ne_bytes(get(bytes, at)));
    let [capacity, slots, len] = [32, 40, 48].map(|at| u64::from_ne_bytes(get(bytes, at)));
    if features != 0 {
        return Err(FormatError::UnknownFeatures { bits: features });
    }
    if found != kind as u32 {
        return Err(FormatError::OtherKind { found, requested: kind as u32 });
    }
    let geometry = Geometry { capacity, slots };
    let has_len = geometry.file_len(kind)? <= len;
    if byte_order != BYTE_ORDER || u64::from(data) != DATA || !has_len {
        return Err(FormatError::DamagedHeader);
    }
    Ok(Header { kind, geometry, len, id: get(bytes, 56), boot: get(bytes, 72) })
}

fn put<const N: usize>(bytes: &mut [u8; LEN], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

fn get<const N: usize>(bytes: &[u8; LEN], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}
