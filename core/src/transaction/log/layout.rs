//! Where things lie in the journal. Numbers are little-endian, offsets are in bytes.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 512 | the first header slot (`epoch`) |
//! | 512 | 8 | `UNSETTLED` of the first slot |
//! | 4096 | 512 | the second header slot |
//! | 4608 | 8 | `UNSETTLED` of the second slot |
//! | 8192 | | records (`record`), one behind the other |
//!
//! Nothing else shares a block of 4096 bytes with a slot: disks with such sectors rewrite all of
//! it. The protocol needs of a disk that a write which the power failure interrupts leaves old and
//! new bytes only, and does not change others. A torn slot has a wrong sum, and then the other one
//! counts.

/// The header slots.
pub(super) const SLOTS: [u64; 2] = [0, 4096];
/// The bytes of a slot.
pub(super) const SLOT: usize = 512;
/// From the start of a slot to its word `UNSETTLED`.
pub(super) const UNSETTLED: usize = 512;
/// The first record.
pub(super) const RECORDS: u64 = 8192;
/// Records begin at its multiples.
pub(super) const ALIGNMENT: u64 = 64;
/// The length of the journal is a multiple of it.
pub(super) const BLOCK: u64 = 4096;

/// Returns the number in 8 bytes of `bytes`. The caller passes enough bytes.
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Returns the number in 4 bytes of `bytes`.
pub(super) fn half(bytes: &[u8], at: usize) -> u32 {
    let mut half = [0; 4];
    half.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(half)
}
