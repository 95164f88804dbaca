//! Memory: plain access to a map's bytes, as every other library does it. What protects a map is taken away with it.

use std::ptr;

use safemap::Map;

/// Reads a byte as foreign code does.
pub(crate) fn peek(map: &Map, at: usize) -> u8 {
    // SAFETY: `at` lies in the map's region, which is mapped; whether its page can be had is what the scenario asks.
    unsafe { map.as_ptr().wrapping_add(at).read_volatile() }
}

/// Writes a byte as foreign code does.
pub(crate) fn poke(map: &Map, at: usize, byte: u8) {
    // SAFETY: as for `peek`.
    unsafe { map.as_mut_ptr().wrapping_add(at).write_volatile(byte) }
}

/// Reads a byte at an address that was asked for some time ago, as a library does that hands it out once and for all.
pub(crate) fn peek_at(address: usize) -> u8 {
    // SAFETY: it was the address of a map's byte; whether it still is one is what the scenario asks.
    unsafe { ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

/// The address of a byte of a map.
pub(crate) fn address(map: &Map, at: usize) -> usize {
    map.as_ptr().wrapping_add(at).expose_provenance()
}
