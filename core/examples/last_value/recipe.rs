//! One value, many readers, and a writer that never waits: the recipe of `docs/ipc-recipes.md`.

use std::{
    io,
    sync::atomic::Ordering::{Acquire, Relaxed, Release},
};

// The tests compile this file with other types, which stop a process before each operation and
// explore all interleavings.
use super::{Map, Mutex, MutexGuard, fence};

const MUTEX: usize = 0;
const VERSION: usize = 128;
const SLOTS: usize = 256;
/// A power of two, so that the version may overflow.
const COUNT: u64 = 4;
/// The bytes of a slot: a word with length and checksum, and a value.
const SLOT: usize = 1024;
/// The length of the file.
pub(crate) const LEN: usize = SLOTS + COUNT as usize * SLOT;
const TRIES: usize = 1000;

fn slot(version: u64) -> usize {
    SLOTS + (version % COUNT) as usize * SLOT
}

fn header(version: u64, value: &[u8]) -> u64 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&version.to_le_bytes());
    sum.update(value);
    u64::from(sum.finalize()) << 32 | value.len() as u64
}

pub(crate) struct Writer<'a> {
    map: &'a Map,
    _guard: MutexGuard<'a>,
}

impl<'a> Writer<'a> {
    /// Waits while another process is the writer.
    pub(crate) fn new(map: &'a Map) -> io::Result<Self> {
        let guard = Mutex::new(map, MUTEX)?.lock()?;
        // Readers do not accept what a crashed writer has left: there is nothing to repair.
        guard.mark_consistent();
        Ok(Writer { map, _guard: guard })
    }

    /// Publishes a value and returns its version.
    pub(crate) fn publish(&mut self, value: &[u8]) -> io::Result<u64> {
        if value.len() > SLOT - 8 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let version = self.map.atomic::<u64>(VERSION)?;
        let next = version.load(Relaxed)?.wrapping_add(1);
        // Keeps the stores to the slot behind the store of the version before.
        fence(Release);
        self.map.store(header(next, value), slot(next))?;
        self.map.write_at(value, slot(next) + 8)?;
        version.store(next, Release)?;
        Ok(next)
    }
}

/// Reads the last value and returns its version, 0 if there is none.
pub(crate) fn read(map: &Map, value: &mut Vec<u8>) -> io::Result<u64> {
    let version = map.atomic::<u64>(VERSION)?;
    for _ in 0..TRIES {
        let seen = version.load(Acquire)?;
        if seen == 0 {
            value.clear();
            return Ok(0);
        }
        let found = map.load::<u64>(slot(seen))?;
        value.resize((found as u32 as usize).min(SLOT - 8), 0);
        map.read_exact_at(value, slot(seen) + 8)?;
        // Keeps the loads from the slot before the load of the version.
        fence(Acquire);
        // The version before the next value of the slot is `seen + COUNT - 1`.
        if version.load(Relaxed)?.wrapping_sub(seen) < COUNT - 1 {
            let is_whole = found == header(seen, value);
            return if is_whole { Ok(seen) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
