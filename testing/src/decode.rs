//! Decodes bytes into operations, so that generators of bytes and fuzzers generate operations.

use std::io::SeekFrom;

use crate::operation::Op;

/// A step of a program.
pub(crate) enum Step {
    /// An operation on the map.
    Do(Op),
    /// A change of the file's length through another descriptor.
    #[cfg_attr(not(unix), allow(dead_code))] // Only `run_program` changes it.
    SetFileLen(usize),
}

/// Returns the operations that `bytes` encode. Changes of the file's length are left out.
pub fn operations(bytes: &[u8]) -> impl Iterator<Item = Op> {
    let mut decoder = Decoder(bytes);
    std::iter::from_fn(move || decoder.step()).filter_map(|step| match step {
        Step::Do(op) => Some(op),
        Step::SetFileLen(_) => None,
    })
}

/// The bytes that are not decoded yet. After the last one it yields zeros.
pub(crate) struct Decoder<'a>(pub(crate) &'a [u8]);

impl Decoder<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    /// Decodes a number: mostly a small one, or one close to a page boundary, or a huge one.
    pub(crate) fn number(&mut self) -> usize {
        match self.byte() {
            small @ 0..160 => small.into(),
            edge @ 160..200 => 4096 * (1 + usize::from(edge) % 2) + usize::from(edge) / 2 - 90,
            high @ 200..252 => (usize::from(high) - 200) * 256 + usize::from(self.byte()),
            huge => usize::MAX - usize::from(huge - 252),
        }
    }

    /// Decodes a short string over four letters, so that searches find something.
    fn letters(&mut self) -> Vec<u8> {
        (0..self.byte() % 20).map(|_| b"ab\n\x07"[usize::from(self.byte() % 4)]).collect()
    }

    fn long_run(&mut self) -> Vec<u8> {
        let letter = self.byte();
        vec![letter; self.number() % 9000]
    }

    fn seek(&mut self) -> SeekFrom {
        let by = self.number() as i64;
        match self.byte() % 4 {
            0 => SeekFrom::Start(by.unsigned_abs()),
            1 => SeekFrom::Current(by),
            2 => SeekFrom::Current(-(by % 10_000)),
            _ => SeekFrom::End(-(by % 10_000)),
        }
    }

    /// Decodes a step; `None` at the end of the bytes.
    pub(crate) fn step(&mut self) -> Option<Step> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.byte() % 32 {
            26.. => Step::SetFileLen(self.number() % 20_000),
            code => Step::Do(self.operation(code)),
        })
    }

    fn operation(&mut self, code: u8) -> Op {
        match code {
            0 => Op::Get(self.number()),
            1 => Op::Set(self.number(), self.byte()),
            2 => Op::ReadAt(self.number(), self.number() % 40_000),
            3 => Op::ReadExactAt(self.number(), self.number() % 40_000),
            4 => Op::WriteAt(self.number(), self.letters()),
            5 => Op::WriteAt(self.number(), self.long_run()),
            6 => Op::ToVec(self.number(), self.number()),
            7 => Op::Fill(self.number(), self.number(), self.byte()),
            8 | 9 => Op::CopyWithin(self.number(), self.number(), self.number()),
            10 => Op::Compare(self.number(), self.letters()),
            11 => Op::Compare(self.number(), self.long_run()),
            12 => Op::Load(self.number()),
            13 => Op::Store(self.number(), u32::from(self.byte()) * 0x0101_0101),
            14 => Op::Find(self.letters(), self.number(), self.number()),
            15 => Op::Rfind(self.letters(), self.number(), self.number()),
            16 => Op::Resize(self.number() % 50_000),
            17 => Op::Flush(self.number(), self.number()),
            18 => Op::Read(self.number() % 40_000),
            19 => Op::Write(self.letters()),
            20 => Op::Seek(self.seek()),
            21 => Op::ReadByte,
            22 => Op::WriteByte(self.byte()),
            23 => Op::NextLine,
            24 => Op::Find(vec![self.byte()], self.number(), self.number()),
            _ => Op::ReadUntil(self.byte()),
        }
    }
}
