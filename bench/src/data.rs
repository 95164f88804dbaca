//! The data that is read and searched, maps of it, and random offsets into it.

use std::iter;

use fastrand::Rng;
use memmap2::Mmap;
use safemap::Map;
use safemap_testing::TempFile;

use crate::{peers, run::MIB};

/// A byte that occurs in neither kind of data.
pub(crate) const ABSENT: u8 = 0xf5;

const LEVELS: [&str; 5] = ["INFO", "INFO", "INFO", "WARN", "DEBUG"];
const WORDS: &str = "request from client served in the cache was missed and user session opened \
                     with timeout after";

/// Bytes of some kind: a block that is repeated.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) kind: &'static str,
    pub(crate) block: Vec<u8>,
    /// Two common bytes that are never neighbours.
    pair: [u8; 2],
}

impl Data {
    /// A log.
    pub(crate) fn text() -> Data {
        let (mut rng, list) = (Rng::with_seed(1), WORDS.split(' ').collect::<Vec<_>>());
        let mut line = || {
            let (second, milli, level) = (rng.u32(..60), rng.u32(..1000), LEVELS[rng.usize(..5)]);
            let words: Vec<_> = (0..4 + rng.usize(..8)).map(|_| list[rng.usize(..16)]).collect();
            let (words, id) = (words.join(" "), rng.u32(..1_000_000));
            format!("2026-03-14T09:26:{second:02}.{milli:03} {level} {words} id={id}\n")
                .into_bytes()
        };
        let mut block: Vec<u8> = iter::repeat_with(&mut line).flatten().take(MIB).collect();
        block[MIB - 1] = b'\n';
        Data { kind: "text", block, pair: *b"eu" }
    }

    /// Records: a growing number, a small one and a fraction.
    pub(crate) fn binary() -> Data {
        let (mut rng, pair) = (Rng::with_seed(2), [0x01, 0x41]);
        let record = |id: u32| {
            let (small, fraction) = (rng.u32(..300), f64::from(rng.u32(..1 << 30)) / 1e6);
            [&id.to_le_bytes()[..], &small.to_le_bytes(), &fraction.to_le_bytes()].concat()
        };
        let mut block: Vec<u8> = (0..).flat_map(record).take(MIB).collect();
        for at in 0..MIB {
            let wrong = block[at] == ABSENT || (at > 0 && block[at - 1..=at] == pair);
            block[at] -= u8::from(wrong);
        }
        Data { kind: "binary", block, pair }
    }

    /// A needle that does not occur: a piece of the data with two bytes exchanged.
    pub(crate) fn absent(&self, len: usize) -> Vec<u8> {
        if len == 2 {
            return self.pair.to_vec();
        }
        let around = [&self.block[..], &self.block[..len]].concat();
        let mut rng = Rng::with_seed(len as u64);
        loop {
            let at = rng.usize(..self.block.len() - len);
            let mut needle = self.block[at..at + len].to_vec();
            needle.swap(rng.usize(..len), rng.usize(..len));
            if memchr::memmem::find(&around, &needle).is_none() {
                return needle;
            }
        }
    }
}

/// A file, and a map of it by the library and by memmap2.
#[derive(Debug)]
pub(crate) struct Maps {
    pub(crate) file: TempFile,
    pub(crate) ours: Map,
    pub(crate) theirs: Mmap,
}

impl Maps {
    /// Maps a file of `len` bytes that repeats the block of `data`.
    pub(crate) fn new(data: &Data, len: usize) -> safemap::Result<Maps> {
        let file = TempFile::repeated(&data.block, len);
        let (ours, theirs) = (Map::open(file.path())?, peers::map(&file.open()));
        Ok(Maps { file, ours, theirs })
    }
}

/// Random offsets, repeated after 1024.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    list: Vec<usize>,
    at: usize,
}

impl Offsets {
    /// Multiples of `step` below `bound`.
    pub(crate) fn below(bound: usize, step: usize) -> Offsets {
        let mut rng = Rng::with_seed(bound as u64);
        Offsets { list: (0..1024).map(|_| rng.usize(..bound / step) * step).collect(), at: 0 }
    }

    #[inline]
    pub(crate) fn next(&mut self) -> usize {
        self.at = (self.at + 1) & 1023;
        self.list[self.at]
    }
}
