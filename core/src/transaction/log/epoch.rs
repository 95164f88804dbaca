//! Epochs: the records since the last checkpoint, and the header slots that name them.
//!
//! A slot:
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | magic number |
//! | 8 | 4 | CRC-32C of all that follows, up to byte 512 |
//! | 12 | 2 | version of the format |
//! | 14 | 2 | length of the identity |
//! | 16 | 8 | sequence: the valid slot with the greater one counts, modulo 2^64 |
//! | 24 | 8 | epoch: a random number, not 0 |
//! | 32 | 32 | boot: numbers of the start of the system and of the mount, when the epoch began |
//! | 64 | 8 | length of the journal when the epoch began |
//! | 72 | 136 | identity of the data file, then zeros |
//!
//! The epoch is in each record. A new epoch retires all records at once, wherever they are. It
//! begins in the slot that does not count:
//!
//! | step | a crash behind it leaves |
//! |---|---|
//! | E1 sync the data file | the old epoch; applying its records again changes nothing |
//! | E2 write the new epoch to the other slot | the old epoch or the new one |
//! | E3 sync the journal | the new one |
//!
//! Why this is right:
//!
//! - E1 comes before E2: the kernel may write the slot to the disk at any time, and then the old
//!   records no longer count.
//! - E3 comes before the next record. Otherwise that record could reach the disk without the slot,
//!   over a record of the old epoch, and records of the old epoch behind it would count.
//! - The number is random: old records in the same place have another one.
//! - E1 happens at each opening, also without records: other programs may have written to the file,
//!   and a commit says that *all* bytes are as before or as after.
//!
//! If E1 fails, the kernel counts pages as clean that it could not write. It may drop them, and
//! readers would find old bytes. And while a recovery applies the records again, the data file has
//! old bytes in between. So the word `UNSETTLED` of the slot is then the epoch: readers ask for a
//! recovery. The same if the log is in doubt: the page cache may have another end of the epoch than
//! the disk. The word is in no checksum, and a recovery does not need it.

use super::{
    error::OpenError,
    files::{Files, Which},
    layout::{RECORDS, SLOT, SLOTS, UNSETTLED, half, word},
};
use crate::FormatError;

const MAGIC: u64 = u64::from_le_bytes(*b"\x89smcmmt\n");
const VERSION: u16 = 1;
const SUMMED: usize = 12;
const IDENTITY: usize = 72;

/// What names the data file: its handle, or other numbers that it keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    bytes: [u8; Identity::MOST],
    len: u16,
}

impl Identity {
    /// The greatest length.
    pub(crate) const MOST: usize = 136;

    /// Returns `None` if there are too many bytes.
    pub(crate) fn new(bytes: &[u8]) -> Option<Identity> {
        let mut identity = Identity { bytes: [0; Identity::MOST], len: bytes.len() as u16 };
        identity.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(identity)
    }
}

/// The records since the last checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    version: u16,
    sequence: u64,
    pub(super) number: u64,
    pub(super) boot: [u64; 4],
    /// The journal was as long when the epoch began.
    pub(super) len: u64,
    pub(super) identity: Identity,
    slot: usize,
}

impl Epoch {
    /// Returns the epoch that counts.
    pub(super) fn current<F: Files>(files: &F) -> Result<Epoch, OpenError<F::Error>> {
        let mut bytes = [0; SLOTS[1] as usize + SLOT];
        let len = files.read(Which::Journal, &mut bytes, 0)?;
        let slots = [0, 1].map(|slot| Epoch::from_bytes(&bytes, slot));
        match slots.into_iter().flatten().reduce(Epoch::newer) {
            Some(epoch) => epoch.checked(),
            None => Err(OpenError::Format(why_invalid(&bytes, len as u64))),
        }
    }

    /// E2 and E3: begins an epoch behind `last`, in a journal of `len` bytes.
    pub(super) fn begin<F: Files>(
        files: &F,
        last: Option<&Epoch>,
        identity: Identity,
        len: u64,
    ) -> Result<Epoch, F::Error> {
        let epoch = Epoch {
            version: VERSION,
            sequence: last.map_or(1, |last| last.sequence.wrapping_add(1)),
            number: files.random()?.max(1),
            boot: files.boot(),
            len,
            identity,
            slot: last.map_or(0, |last| 1 - last.slot),
        };
        epoch.rewrite(files)?;
        files.sync(Which::Journal).inspect_err(|_| epoch.try_unsettle(files))?;
        Ok(epoch)
    }

    /// Writes the slot again.
    pub(super) fn rewrite<F: Files>(&self, files: &F) -> Result<(), F::Error> {
        files.write(Which::Journal, &self.to_bytes(), SLOTS[self.slot])
    }

    /// E1.
    pub(super) fn sync_data<F: Files>(&self, files: &F) -> Result<(), F::Error> {
        files.sync(Which::Data).inspect_err(|_| self.try_unsettle(files))
    }

    /// As [`Epoch::unsettle`], behind an error, which is returned in any case.
    pub(super) fn try_unsettle<F: Files>(&self, files: &F) {
        let _ = self.unsettle(files);
    }

    /// Says that the data file may not have the bytes of all records.
    pub(super) fn unsettle<F: Files>(&self, files: &F) -> Result<(), F::Error> {
        files.write(Which::Journal, &self.number.to_le_bytes(), self.unsettled())
    }

    /// Whether [`Epoch::unsettle`] was called.
    pub(super) fn is_unsettled<F: Files>(&self, files: &F) -> Result<bool, F::Error> {
        let mut bytes = [0; 8];
        files.read(Which::Journal, &mut bytes, self.unsettled())?;
        Ok(u64::from_le_bytes(bytes) == self.number)
    }

    /// Whether the epoch began since the last start of the system, and on this mount.
    pub(super) fn is_of_this_boot<F: Files>(&self, files: &F) -> bool {
        self.boot != [0; 4] && self.boot == files.boot()
    }

    /// Returns the one that began later. The sequence may have wrapped: each one can be followed.
    fn newer(self, other: Epoch) -> Epoch {
        if other.sequence.wrapping_sub(self.sequence) < 1 << 63 { other } else { self }
    }

    fn unsettled(&self) -> u64 {
        SLOTS[self.slot] + UNSETTLED as u64
    }

    fn checked<E>(self) -> Result<Epoch, OpenError<E>> {
        let (found, supported) = (self.version, VERSION);
        match () {
            () if found > VERSION => {
                Err(OpenError::Format(FormatError::NewerVersion { found, supported }))
            }
            () if found < VERSION => {
                Err(OpenError::Format(FormatError::OlderVersion { found, supported }))
            }
            () if self.number != 0 => Ok(self),
            () => Err(OpenError::Format(FormatError::DamagedHeader)),
        }
    }

    /// Returns `None` if the slot is not valid. Its version may be another one.
    fn from_bytes(bytes: &[u8], slot: usize) -> Option<Epoch> {
        let bytes = &bytes[SLOTS[slot] as usize..][..SLOT];
        if word(bytes, 0) != MAGIC || half(bytes, 8) != crc32c::crc32c(&bytes[SUMMED..]) {
            return None;
        }
        let versions = half(bytes, SUMMED);
        let len = usize::from((versions >> 16) as u16);
        Some(Epoch {
            version: versions as u16,
            sequence: word(bytes, 16),
            number: word(bytes, 24),
            boot: [32, 40, 48, 56].map(|at| word(bytes, at)),
            len: word(bytes, 64),
            identity: Identity::new(bytes[IDENTITY..].get(..len)?)?,
            slot,
        })
    }

    fn to_bytes(self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &MAGIC.to_le_bytes());
        put(12, &self.version.to_le_bytes());
        put(14, &self.identity.len.to_le_bytes());
        put(16, &self.sequence.to_le_bytes());
        put(24, &self.number.to_le_bytes());
        put(32, self.boot.map(u64::to_le_bytes).as_flattened());
        put(64, &self.len.to_le_bytes());
        put(IDENTITY, &self.identity.bytes);
        let sum = crc32c::crc32c(&bytes[SUMMED..]);
        bytes[8..SUMMED].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

/// Why no slot is valid, in a journal of at least `len` bytes.
fn why_invalid(bytes: &[u8], len: u64) -> FormatError {
    let is_ours = SLOTS.iter().any(|&at| word(bytes, at as usize) == MAGIC);
    let is_zero = bytes.iter().all(|byte| *byte == 0);
    match is_ours || is_zero {
        true if len < bytes.len() as u64 => FormatError::TooShort { len, required: RECORDS },
        true => FormatError::DamagedHeader,
        false => FormatError::NotSafemap,
    }
}
