//! Journals that an attacker wrote, on files in memory, for tests and the fuzz target.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
};

use super::{
    Change, Files, Identity, Log, Seen, Which,
    layout::{ALIGNMENT, BLOCK, RECORDS, SLOT, SLOTS, half, word},
    needs_recovery,
    readers::Need,
};

/// The data file is not kept, only what was done to it.
#[derive(Debug, Default)]
struct Data {
    len: u64,
    lens: Vec<u64>,
    /// Start and end of each.
    writes: Vec<(u64, u64)>,
}

/// Files in memory. No operation fails.
#[derive(Debug, Default)]
pub(super) struct Memory {
    data: RefCell<Data>,
    pub(super) journal: RefCell<Vec<u8>>,
    randoms: Cell<u64>,
}

impl Memory {
    pub(super) fn new(journal: Vec<u8>, len: u64) -> Memory {
        let data = Data { len, ..Data::default() };
        Memory { data: RefCell::new(data), journal: RefCell::new(journal), randoms: Cell::new(0) }
    }

    /// Returns and forgets where bytes of the data file were written.
    pub(super) fn take_writes(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.data.borrow_mut().writes)
    }
}

impl Files for &Memory {
    type Error = std::convert::Infallible;

    const FIRST_LEN: u64 = RECORDS + BLOCK;
    const MOST_LEN: u64 = RECORDS + 2 * BLOCK;

    fn len(&self, which: Which) -> Result<u64, Self::Error> {
        Ok(match which {
            Which::Data => self.data.borrow().len,
            Which::Journal => self.journal.borrow().len() as u64,
        })
    }

    fn read(&self, which: Which, buffer: &mut [u8], at: u64) -> Result<usize, Self::Error> {
        assert_eq!(which, Which::Journal, "the log needs no bytes of the data file");
        let journal = self.journal.borrow();
        let rest = usize::try_from(at).ok().and_then(|at| journal.get(at..)).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, which: Which, bytes: &[u8], at: u64) -> Result<(), Self::Error> {
        let end = at + bytes.len() as u64;
        if which == Which::Data {
            let mut data = self.data.borrow_mut();
            data.writes.push((at, end));
            data.len = data.len.max(end);
            return Ok(());
        }
        let mut journal = self.journal.borrow_mut();
        let len = journal.len().max(end as usize);
        journal.resize(len, 0);
        journal[at as usize..end as usize].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, which: Which, len: u64) -> Result<(), Self::Error> {
        match which {
            Which::Data => {
                let mut data = self.data.borrow_mut();
                data.len = len;
                data.lens.push(len);
            }
            Which::Journal => self.journal.borrow_mut().resize(len as usize, 0),
        }
        Ok(())
    }

    fn allocate(&self, _range: Range<u64>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn sync(&self, _which: Which) -> Result<(), Self::Error> {
        Ok(())
    }

    fn publish(&self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn boot(&self) -> [u64; 4] {
        [1; 4]
    }

    fn random(&self) -> Result<u64, Self::Error> {
        self.randoms.set(self.randoms.get() + 1);
        Ok(self.randoms.get() | 1 << 63)
    }
}

/// Returns the ranges that valid records name, and the lengths. Another implementation than that
/// of the log: it has the whole journal, and no number in it overflows.
fn named(journal: &[u8]) -> (Vec<Range<u64>>, Vec<u64>) {
    let (mut ranges, mut lens) = (Vec::new(), Vec::new());
    let Some(epoch) = epoch_of(journal) else { return (ranges, lens) };
    let mut rest = journal.get(RECORDS as usize..).unwrap_or(&[]);
    while let Some(len) = record(journal, rest, epoch, &mut ranges, &mut lens) {
        rest = &rest[len..];
    }
    (ranges, lens)
}

fn epoch_of(journal: &[u8]) -> Option<u64> {
    let slots = SLOTS.iter().filter_map(|&at| journal.get(at as usize..at as usize + SLOT));
    let is_valid = |slot: &&[u8]| {
        slot[..8] == *b"\x89smcmmt\n"
            && half(slot, 8) == crc32c::crc32c(&slot[12..])
            && half(slot, 12) >> 16 <= 136
    };
    let later = |first, second| {
        let is_later = word(second, 16).wrapping_sub(word(first, 16)) < 1 << 63;
        if is_later { second } else { first }
    };
    let slot: &[u8] = slots.filter(is_valid).reduce(later)?;
    Some(word(slot, 24))
}

/// Adds what the first record of `rest` names. Returns its length.
fn record(
    journal: &[u8],
    rest: &[u8],
    epoch: u64,
    ranges: &mut Vec<Range<u64>>,
    lens: &mut Vec<u64>,
) -> Option<usize> {
    let header = rest.get(..64)?;
    let at = journal.len() - rest.len();
    let words: Vec<u128> = (2..8).map(|i| u128::from(word(header, 8 * i))).collect();
    let [found_epoch, found_at, len, count, data_len, bytes] = words[..] else { return None };
    let is_here = (found_epoch, found_at) == (u128::from(epoch), at as u128);
    let summed = 64 + 16 * count + bytes;
    let is_whole = len == (summed + 8).next_multiple_of(64) && len <= rest.len() as u128;
    if header[..8] != *b"\x89smcrec\n" || !is_here || !is_whole {
        return None;
    }
    let is_right = half(header, 8) == crc32c::crc32c(&rest[12..summed as usize]);
    let table = &rest[64..64 + 16 * count as usize];
    let found: Vec<_> = table.chunks(16).map(|range| (word(range, 0), word(range, 8))).collect();
    let ends = found.iter().map(|(at, len)| u128::from(*at) + u128::from(*len));
    let sum: u128 = found.iter().map(|(_, len)| u128::from(*len)).sum();
    let is_possible = ends.clone().all(|end| end <= data_len)
        && sum == bytes
        && data_len <= i64::MAX as u128
        && half(header, 12) <= 1;
    if !is_right || !is_possible {
        return None;
    }
    ranges.extend(found.iter().map(|(at, len)| *at..at + len));
    lens.push(data_len as u64);
    Some(len as usize)
}

/// Opens a journal that `bytes` encode, and uses it.
///
/// # Panics
///
/// If the data file is written to outside of what valid records name.
#[doc(hidden)]
pub fn open_hostile_journal(bytes: &[u8]) {
    const LEN: u64 = 1000;
    let journal = build(bytes);
    let (ranges, lens) = named(&journal);
    let memory = Memory::new(journal, LEN);
    let identity = Identity::new(b"data").expect("it is short");
    // A reader may find anything, but must not fail in other ways.
    let _ = needs_recovery(&&memory, &identity, &mut Seen::default());
    let log = Log::open(&memory, identity);
    let is_named = |&(start, end): &(u64, u64)| {
        ranges.iter().any(|named| named.start <= start && end <= named.end)
    };
    let writes = memory.take_writes();
    assert!(writes.iter().all(is_named), "{writes:?} is not in {ranges:?}");
    assert!(memory.data.borrow().lens.iter().all(|len| lens.contains(len)), "not in {lens:?}");
    match log {
        Ok(log) => use_log(&memory, identity, log),
        Err(_) => assert!(writes.is_empty(), "a journal is applied, and refused"),
    }
}

fn use_log(memory: &Memory, identity: Identity, mut log: Log<&Memory>) {
    let ranges: [(u64, &[u8]); 1] = [(7, b"bytes")];
    let committed = log.commit(&Change { ranges: &ranges, len: None });
    assert_eq!(committed, Ok(()));
    assert_eq!(memory.take_writes(), [(7, 12)]);
    let need = needs_recovery(&memory, &identity, &mut Seen::default());
    assert_eq!(need, Ok(Need::No));
    assert!(Log::open(memory, identity).is_ok());
    assert_eq!(memory.take_writes(), [(7, 12)]);
}

/// What `bytes` encode: a journal, or the parts of one.
fn build(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [0, rest @ ..] => rest.to_vec(),
        _ => Builder(bytes).build(),
    }
}

/// The bytes that are left.
struct Builder<'a>(&'a [u8]);

impl Builder<'_> {
    fn byte(&mut self) -> u8 {
        let [first, rest @ ..] = self.0 else { return 0 };
        self.0 = rest;
        *first
    }

    /// Mostly a small number.
    fn number(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX - u64::from(self.byte()),
            254 => i64::MAX as u64 - u64::from(self.byte()),
            253 => 1 << (self.byte() % 64),
            byte => u64::from(byte) * if self.byte() % 2 == 0 { 1 } else { 7 },
        }
    }

    fn is_rare(&mut self) -> bool {
        self.byte() % 16 == 15
    }

    fn build(mut self) -> Vec<u8> {
        let mut journal = vec![0; (RECORDS + ALIGNMENT * u64::from(self.byte())) as usize];
        for at in SLOTS {
            let slot = self.slot();
            journal[at as usize..at as usize + SLOT].copy_from_slice(&slot);
        }
        let mut at = RECORDS;
        for _ in 0..self.byte() % 8 {
            let record = self.record(at);
            if let Some(place) = journal.get_mut(at as usize..at as usize + record.len()) {
                place.copy_from_slice(&record);
            }
            at += record.len() as u64 + if self.is_rare() { ALIGNMENT } else { 0 };
        }
        while !self.0.is_empty() {
            let at = usize::from(self.byte()) << 8 | usize::from(self.byte());
            let byte = self.byte();
            if let Some(old) = journal.get_mut(at) {
                *old = byte;
            }
        }
        journal
    }

    fn slot(&mut self) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        slot[..8].copy_from_slice(b"\x89smcmmt\n");
        slot[12] = if self.is_rare() { self.byte() } else { 1 };
        slot[14] = if self.is_rare() { self.byte() } else { 4 };
        put(&mut slot, 16, self.number());
        put(&mut slot, 24, u64::from(self.byte() % 3));
        put(&mut slot, 32, u64::from(self.byte() % 2));
        put(&mut slot, 64, if self.is_rare() { self.number() } else { 0 });
        slot[72..76].copy_from_slice(if self.is_rare() { b"else" } else { b"data" });
        let sum = crc32c::crc32c(&slot[12..]) ^ u32::from(self.is_rare());
        slot[8..12].copy_from_slice(&sum.to_le_bytes());
        slot
    }

    fn record(&mut self, at: u64) -> Vec<u8> {
        let lens: Vec<u8> = (0..self.byte() % 4).map(|_| self.byte()).collect();
        let bytes: usize = lens.iter().map(|len| usize::from(*len)).sum();
        let summed = 64 + 16 * lens.len() + bytes;
        let mut record = vec![at as u8 | 1; (summed + 8).next_multiple_of(64)];
        record[..8].copy_from_slice(b"\x89smcrec\n");
        record[12..16].copy_from_slice(&u32::from(self.byte() % 3).to_le_bytes());
        let len = record.len() as u64;
        let data_len = self.number();
        let mut words = [1, at, len, lens.len() as u64, data_len, bytes as u64];
        if self.is_rare() {
            words[usize::from(self.byte()) % 6] = self.number();
        }
        words.into_iter().zip(2..).for_each(|(word, i)| put(&mut record, 8 * i, word));
        for (len, i) in lens.into_iter().zip(0..) {
            put(&mut record, 64 + 16 * i, self.number());
            let len = if self.is_rare() { self.number() } else { len.into() };
            put(&mut record, 72 + 16 * i, len);
        }
        let sum = crc32c::crc32c(&record[12..summed]) ^ u32::from(self.is_rare());
        record[8..12].copy_from_slice(&sum.to_le_bytes());
        record
    }
}

fn put(bytes: &mut [u8], at: usize, word: u64) {
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
}
