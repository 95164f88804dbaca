//! Records: bytes that belong to one writer and tell whether they are whole and the latest.

use safemap::{Map, Result};

/// In bytes. Not a power of two, so that records lie across lines and pages.
pub(crate) const SIZE: usize = 520;

/// The bytes of the record with this number: the number, and what follows from it.
pub(crate) fn bytes(owner: usize, number: u64) -> [u8; SIZE] {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ owner as u64;
    let mut bytes = [0; SIZE];
    for chunk in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Where the record of this owner lies.
pub(crate) fn place(owner: usize) -> usize {
    owner * SIZE
}

/// Writes a record and reads it back in several ways; anything but these bytes is a panic.
pub(crate) fn turn(map: &Map, owner: usize, number: u64) -> Result<()> {
    let (bytes, at) = (bytes(owner, number), place(owner));
    map.write_at(&bytes, at)?;
    let mut read = [0; SIZE];
    map.read_exact_at(&mut read, at)?;
    assert!(read == bytes, "record {number} of {owner} is not what was written");
    assert_eq!(map.compare(&bytes, at)?, std::cmp::Ordering::Equal, "record {number} of {owner}, compared");
    assert_eq!(map.load::<u64>(at)?, number, "record {number} of {owner}, loaded");
    assert_eq!(map.find(&bytes[100..], at..at + SIZE)?, Some(at + 100), "record {number} of {owner}, searched");
    Ok(())
}
