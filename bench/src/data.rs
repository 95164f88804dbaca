//! Data: what there is to read and to search.

use crate::{chance::Chance, run::MIB};

/// A byte that is in neither kind of data.
pub(crate) const ABSENT: u8 = 0xf5;

const WORDS: [&str; 16] = [
    "request", "from", "client", "served", "in", "the", "cache", "was", "missed", "and", "user", "session", "opened",
    "with", "timeout", "after",
];

/// Bytes of some kind, a block that is to be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) kind: &'static str,
    pub(crate) block: Vec<u8>,
    /// Two common bytes that never come one after the other.
    pair: [u8; 2],
}

impl Data {
    /// A log.
    pub(crate) fn text() -> Data {
        let mut chance = Chance::new(1);
        let mut block = Vec::with_capacity(MIB + 200);
        while block.len() < MIB {
            let level = ["INFO", "INFO", "INFO", "WARN", "DEBUG"][chance.below(5)];
            let (second, milli) = (chance.below(60), chance.below(1000));
            block.extend_from_slice(format!("2026-03-14T09:26:{second:02}.{milli:03} {level} ").as_bytes());
            for _ in 0..4 + chance.below(8) {
                block.extend_from_slice(WORDS[chance.below(WORDS.len())].as_bytes());
                block.push(b' ');
            }
            block.extend_from_slice(format!("id={}\n", chance.below(1_000_000)).as_bytes());
        }
        block.truncate(MIB);
        block[MIB - 1] = b'\n';
        Data { kind: "text", block, pair: *b"eu" }
    }

    /// Records: a number that grows, small numbers, and a fraction.
    pub(crate) fn binary() -> Data {
        let mut chance = Chance::new(2);
        let mut block = Vec::with_capacity(MIB + 24);
        for id in 0.. {
            if block.len() >= MIB {
                break;
            }
            block.extend_from_slice(&(id as u32).to_le_bytes());
            block.extend_from_slice(&(chance.below(300) as u32).to_le_bytes());
            block.extend_from_slice(&(chance.below(1 << 30) as f64 / 1e6).to_le_bytes());
        }
        block.truncate(MIB);
        let pair = [0x01, 0x41];
        for at in 0..MIB {
            let wrong = block[at] == ABSENT || (at > 0 && block[at - 1..=at] == pair);
            block[at] -= u8::from(wrong);
        }
        Data { kind: "binary", block, pair }
    }

    /// A needle that the data does not have but might: a piece of it with two bytes exchanged.
    pub(crate) fn absent(&self, len: usize) -> Vec<u8> {
        if len == 2 {
            return self.pair.to_vec();
        }
        let around = [&self.block[..], &self.block[..len]].concat();
        let mut chance = Chance::new(len as u64);
        loop {
            let at = chance.below(self.block.len() - len);
            let mut needle = self.block[at..at + len].to_vec();
            needle.swap(chance.below(len), chance.below(len));
            if memchr::memmem::find(&around, &needle).is_none() {
                return needle;
            }
        }
    }
}
