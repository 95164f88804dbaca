//! Reads the journal of a transactional map by the layout in `docs/transactions.md`.

use std::{fs, io, path::Path};

const SLOTS: [usize; 2] = [0, 4096];
const SLOT: usize = 512;
const RECORDS: usize = 8192;
const HEADER: usize = 64;
const RANGE: usize = 16;
/// Where the bytes begin that a checksum covers.
const SUMMED: usize = 12;

/// A valid record of the epoch.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its epoch, and where it begins.
    pub(crate) id: (u64, usize),
    pub(crate) is_marked: bool,
    /// Offsets in the data file, and the bytes there.
    pub(crate) ranges: Vec<(usize, Vec<u8>)>,
    len: usize,
}

/// Returns the last record of the journal at a path; `None` if there is no journal or no record.
pub(crate) fn last_record(path: &Path) -> io::Result<Option<Record>> {
    let journal = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let (mut at, mut last) = (RECORDS, None);
    let Some(epoch) = epoch(&journal) else { return Ok(None) };
    while let Some(record) = record(&journal, epoch, at) {
        at += record.len;
        last = Some(record);
    }
    Ok(last)
}

/// The epoch of the slot that counts.
fn epoch(journal: &[u8]) -> Option<u64> {
    let slots = SLOTS.iter().filter_map(|&at| journal.get(at..at + SLOT));
    let valid = slots.filter(|slot| slot.starts_with(b"\x89smcmmt\n") && has_sum(slot, SLOT));
    valid.max_by_key(|slot| word(slot, 16)).map(|slot| word(slot, 24))
}

fn record(journal: &[u8], epoch: u64, at: usize) -> Option<Record> {
    let rest = journal.get(at..)?;
    let header = rest.get(..HEADER)?;
    let belongs = header.starts_with(b"\x89smcrec\n") && word(header, 16) == epoch;
    if !belongs || word(header, 24) != at as u64 {
        return None;
    }
    let [len, count, changed] = [32, 40, 56].map(|at| word(header, at) as usize);
    let bytes = HEADER + RANGE * count;
    let record = rest.get(..len).filter(|_| bytes + changed + 8 <= len)?;
    if !has_sum(record, bytes + changed) {
        return None;
    }
    let mark = (epoch ^ at as u64 ^ u64::from(half(record, 8)) << 32) | 1;
    let is_marked = word(record, len - 8) == mark;
    Some(Record { id: (epoch, at), is_marked, ranges: ranges(record, count), len })
}

fn ranges(record: &[u8], count: usize) -> Vec<(usize, Vec<u8>)> {
    let mut from = HEADER + RANGE * count;
    let range = |index| {
        let range = HEADER + RANGE * index;
        let [at, len] = [range, range + 8].map(|at| word(record, at) as usize);
        from += len;
        (at, record[from - len..from].to_vec())
    };
    (0..count).map(range).collect()
}

fn has_sum(bytes: &[u8], end: usize) -> bool {
    crc32c::crc32c(&bytes[SUMMED..end]) == half(bytes, 8)
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}
