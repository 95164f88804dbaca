//! Programs: bytes as a list of operations on a map, with a file that others cut and grow in between.

use std::{
    fs::File,
    io::{self, SeekFrom},
    os::unix::fs::FileExt,
    path::Path,
};

use safemap::{Access, Map, Options, page_size};

use super::{operation::Op, twin::Twin};

const LEN: usize = 5000;

/// What happens.
enum Step {
    /// To the map.
    Do(Op),
    /// To the file, through another handle: it is made so long, counted from the map's start minus its offset.
    Cut(usize),
}

/// Runs the program that these bytes tell, and fails where map and twin differ.
pub(crate) fn run(bytes: &[u8]) {
    let mut words = Words(bytes);
    match words.byte() % 4 {
        0 => memory(&mut words),
        1 => copy(&mut words),
        _ => file(&mut words),
    }
}

/// Private memory: no file, nobody cuts it.
fn memory(words: &mut Words<'_>) {
    let map = Options::new().len(LEN).anonymous().expect("a little memory");
    let mut twin = Twin::new(vec![0; LEN]);
    while let Some(step) = words.step() {
        if let Step::Do(op) = step {
            twin.step(&map, &op);
        }
    }
}

/// A copy-on-write map of a file that nobody cuts; it has one length.
fn copy(words: &mut Words<'_>) {
    let (file, bytes) = temporary(LEN);
    let map = Options::new().access(Access::Copy).map(&file).expect("a map of it");
    let mut twin = Twin::new(bytes);
    while let Some(step) = words.step() {
        match step {
            Step::Do(Op::Resize(_)) | Step::Cut(_) => {}
            Step::Do(op) => twin.step(&map, &op),
        }
    }
}

/// A shared map of a file, from some byte of it on, that others cut and grow.
fn file(words: &mut Words<'_>) {
    let offset = words.number() % 5000;
    let (file, bytes) = temporary(offset + LEN);
    let map = Options::new().access(Access::Write).offset(offset as u64).map(&file).expect("a map of it");
    let mut side = Side { file, map, twin: Twin::new(bytes[offset..].to_vec()), offset, len: offset + LEN };
    while let Some(step) = words.step() {
        side.take(step);
    }
    side.compare();
}

/// A map of a file, its twin, and the file itself.
struct Side {
    file: File,
    map: Map,
    twin: Twin,
    offset: usize,
    /// Of the file.
    len: usize,
}

impl Side {
    fn take(&mut self, step: Step) {
        match step {
            Step::Do(op) => {
                self.twin.step(&self.map, &op);
                if let Op::Resize(len) = op {
                    self.is_now(self.offset + len);
                }
            }
            Step::Cut(len) => {
                self.file.set_len(len as u64).expect("a file may have that length");
                self.is_now(len);
            }
        }
    }

    /// The file is so long now.
    fn is_now(&mut self, len: usize) {
        let inside = |at: usize| at.saturating_sub(self.offset);
        let old_page = self.len.next_multiple_of(page_size());
        if len > self.len {
            // What was stored in the tail of the last page, behind the file's end, may or may not be there now. To be
            // sure, the file is grown over all of it with zeros, and cut again.
            self.file.write_all_at(&vec![0; old_page - self.len], self.len as u64).expect("room for less than a page");
            self.file.set_len(len as u64).expect("it had that length");
            self.twin.clear(inside(self.len), inside(old_page));
        }
        let page = len.next_multiple_of(page_size());
        let end = if len > self.len { usize::MAX } else { inside(len) };
        self.twin.cut(end, inside(page));
        self.len = len;
    }

    /// In the end the file holds what the twin does, as far as it goes.
    fn compare(&self) {
        let end = (self.offset + self.twin.bytes.len()).min(self.len);
        let mut bytes = vec![0; end.saturating_sub(self.offset)];
        self.file.read_exact_at(&mut bytes, self.offset as u64).expect("the file is so long");
        assert!(self.twin.bytes.starts_with(&bytes), "the file holds something else");
    }
}

/// A file that nobody else knows, in memory where there is such a place, and its bytes.
fn temporary(len: usize) -> (File, Vec<u8>) {
    let memory = Path::new("/dev/shm");
    let file = if memory.is_dir() { tempfile::tempfile_in(memory) } else { tempfile::tempfile() };
    let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
    let written = file.and_then(|file| file.write_all_at(&bytes, 0).map(|()| file));
    (written.unwrap_or_else(|error: io::Error| panic!("a temporary file: {error}")), bytes)
}

/// Bytes, taken one after the other; zeros when they are used up.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(&first, rest)| (first, rest));
        self.0 = rest;
        first
    }

    /// Mostly small numbers, some at the edge of a page, some absurd.
    fn number(&mut self) -> usize {
        match self.byte() {
            small @ 0..160 => small.into(),
            edge @ 160..200 => 4096 * (1 + usize::from(edge) % 2) + usize::from(edge) / 2 - 90,
            other @ 200..252 => (usize::from(other) - 200) * 256 + usize::from(self.byte()),
            absurd => usize::MAX - usize::from(absurd - 252),
        }
    }

    /// A few letters, so that searches find something.
    fn letters(&mut self) -> Vec<u8> {
        (0..self.byte() % 20).map(|_| b"ab\n\x07"[usize::from(self.byte() % 4)]).collect()
    }

    fn long(&mut self) -> Vec<u8> {
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

    fn step(&mut self) -> Option<Step> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.byte() % 32 {
            26.. => Step::Cut(self.number() % 20_000),
            operation => Step::Do(self.operation(operation)),
        })
    }

    fn operation(&mut self, which: u8) -> Op {
        match which {
            0 => Op::Get(self.number()),
            1 => Op::Set(self.number(), self.byte()),
            2 => Op::ReadAt(self.number(), self.number() % 40_000),
            3 => Op::ReadExactAt(self.number(), self.number() % 40_000),
            4 => Op::WriteAt(self.number(), self.letters()),
            5 => Op::WriteAt(self.number(), self.long()),
            6 => Op::ToVec(self.number(), self.number()),
            7 => Op::Fill(self.number(), self.number(), self.byte()),
            8 | 9 => Op::CopyWithin(self.number(), self.number(), self.number()),
            10 => Op::Compare(self.number(), self.letters()),
            11 => Op::Compare(self.number(), self.long()),
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
            23 => Op::ReadLine,
            24 => Op::Find(vec![self.byte()], self.number(), self.number()),
            _ => Op::ReadUntil(self.byte()),
        }
    }
}
