//! A map and a `Vec<u8>` with a position, through the same random operations.
#![forbid(unsafe_code)]

mod support;

use std::io::{BufRead, Read, Seek, SeekFrom, Write};

use quickcheck::{Arbitrary, Gen, QuickCheck};
use safemap::{Access, Error, Map, Options, Sharing};
use support::{file_with, pattern};

#[derive(Clone, Debug)]
enum Op {
    Get(usize),
    Set(usize, u8),
    ReadAt(usize, usize),
    ReadExactAt(usize, usize),
    WriteAt(usize, Vec<u8>),
    ToVec(usize, usize),
    Fill(usize, usize, u8),
    CopyWithin(usize, usize, usize),
    Compare(usize, Vec<u8>),
    Load(usize),
    Store(usize, u32),
    Find(Vec<u8>, usize, usize),
    Rfind(Vec<u8>, usize, usize),
    Resize(usize),
    Flush(usize, usize),
    Read(usize),
    Write(Vec<u8>),
    Seek(SeekFrom),
    ReadByte,
    WriteByte(u8),
    ReadLine,
    ReadUntil(u8),
}

/// Mostly small numbers, some at the edge of a page, some absurd.
fn number(g: &mut Gen) -> usize {
    match usize::arbitrary(g) % 40 {
        0 => usize::MAX - usize::arbitrary(g) % 3,
        1..8 => 4090 + usize::arbitrary(g) % 12,
        8..14 => usize::arbitrary(g) % 30_000,
        _ => usize::arbitrary(g) % 300,
    }
}

fn few_letters(g: &mut Gen) -> Vec<u8> {
    (0..usize::arbitrary(g) % 20).map(|_| *g.choose(b"ab\n").unwrap()).collect()
}

impl Arbitrary for Op {
    fn arbitrary(g: &mut Gen) -> Op {
        match usize::arbitrary(g) % 22 {
            0 => Op::Get(number(g)),
            1 => Op::Set(number(g), u8::arbitrary(g)),
            2 => Op::ReadAt(number(g), number(g) % 40_000),
            3 => Op::ReadExactAt(number(g), number(g) % 40_000),
            4 => Op::WriteAt(number(g), few_letters(g)),
            5 => Op::ToVec(number(g), number(g)),
            6 => Op::Fill(number(g), number(g), *g.choose(b"ab\n").unwrap()),
            7 => Op::CopyWithin(number(g), number(g), number(g)),
            8 => Op::Compare(number(g), few_letters(g)),
            9 => Op::Load(number(g)),
            10 => Op::Store(number(g), u32::arbitrary(g)),
            11 => Op::Find(few_letters(g), number(g), number(g)),
            12 => Op::Rfind(few_letters(g), number(g), number(g)),
            13 => Op::Resize(number(g) % 50_000),
            14 => Op::Flush(number(g), number(g)),
            15 => Op::Read(number(g) % 40_000),
            16 => Op::Write(few_letters(g)),
            17 => Op::Seek(
                *g.choose(&[SeekFrom::Start(7), SeekFrom::Current(-3), SeekFrom::End(-20), SeekFrom::End(2)]).unwrap(),
            ),
            18 => Op::ReadByte,
            19 => Op::WriteByte(u8::arbitrary(g)),
            20 => Op::ReadLine,
            _ => Op::ReadUntil(b'a'),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Op>> {
        quickcheck::empty_shrinker()
    }
}

/// What an operation answered, as far as both sides can say it. Errors are alike.
#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Bytes(Vec<u8>),
    Number(Option<usize>),
    Error,
}

impl<T: Into<Answer>, E> From<Result<T, E>> for Answer {
    fn from(result: Result<T, E>) -> Answer {
        result.map_or(Answer::Error, T::into)
    }
}

impl From<()> for Answer {
    fn from((): ()) -> Answer {
        Answer::Done
    }
}

impl From<Vec<u8>> for Answer {
    fn from(bytes: Vec<u8>) -> Answer {
        Answer::Bytes(bytes)
    }
}

impl From<Option<usize>> for Answer {
    fn from(number: Option<usize>) -> Answer {
        Answer::Number(number)
    }
}

impl From<usize> for Answer {
    fn from(number: usize) -> Answer {
        Answer::Number(Some(number))
    }
}

/// The naive twin.
struct Twin {
    bytes: Vec<u8>,
    position: usize,
}

impl Twin {
    fn part(&self, from: usize, to: usize) -> Option<&[u8]> {
        self.bytes.get(from..to)
    }

    fn from(&self, at: usize, count: usize) -> Option<&[u8]> {
        self.bytes.get(at..at.checked_add(count)?)
    }

    fn place(&mut self, at: usize, bytes: &[u8]) -> Answer {
        let Some(end) = at.checked_add(bytes.len()).filter(|&end| end <= self.bytes.len()) else {
            return Answer::Error;
        };
        self.bytes[at..end].copy_from_slice(bytes);
        Answer::Done
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let taken = rest[..count.min(rest.len())].to_vec();
        self.position += taken.len();
        taken
    }

    fn take_until(&mut self, byte: u8) -> Vec<u8> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let count = rest.iter().position(|&b| b == byte).map_or(rest.len(), |at| at + 1);
        self.take(count)
    }

    fn put(&mut self, bytes: &[u8]) -> Answer {
        let placed = self.place(self.position, bytes);
        if placed == Answer::Done {
            self.position += bytes.len();
        }
        placed
    }

    fn seek(&mut self, to: SeekFrom) -> Answer {
        let position = match to {
            SeekFrom::Start(at) => Some(at as usize),
            SeekFrom::End(by) => self.bytes.len().checked_add_signed(by as isize),
            SeekFrom::Current(by) => self.position.checked_add_signed(by as isize),
        };
        position.inspect(|&at| self.position = at).ok_or(()).into()
    }

    fn search(&self, needle: &[u8], from: usize, to: usize, last: bool) -> Answer {
        let Some(part) = self.part(from, to) else { return Answer::Error };
        let mut places = (0..=part.len()).filter(|&at| part[at..].starts_with(needle)).map(|at| from + at);
        Answer::Number(if last { places.next_back() } else { places.next() })
    }

    fn apply(&mut self, op: &Op) -> Answer {
        let gone = |bytes: Option<&[u8]>| Answer::from(bytes.map(<[u8]>::to_vec).ok_or(()));
        match op {
            Op::Get(at) => gone(self.from(*at, 1)),
            Op::Set(at, byte) => self.place(*at, &[*byte]),
            Op::ReadAt(at, count) => gone(self.bytes.get(*at..).map(|rest| &rest[..rest.len().min(*count)])),
            Op::ReadExactAt(at, count) => gone(self.from(*at, *count)),
            Op::WriteAt(at, bytes) => self.place(*at, bytes),
            Op::ToVec(from, to) => gone(self.part(*from, *to)),
            Op::Fill(from, to, byte) => match self.part(*from, *to).map(<[u8]>::len) {
                Some(count) => self.place(*from, &vec![*byte; count]),
                None => Answer::Error,
            },
            Op::CopyWithin(from, end, to) => match self.part(*from, *end).map(<[u8]>::to_vec) {
                Some(bytes) => self.place(*to, &bytes),
                None => Answer::Error,
            },
            Op::Compare(at, bytes) => self.from(*at, bytes.len()).map(|ours| ours.cmp(bytes) as usize).ok_or(()).into(),
            Op::Load(at) => gone(self.from(*at, 4)),
            Op::Store(at, value) => self.place(*at, &value.to_ne_bytes()),
            Op::Find(needle, from, to) => self.search(needle, *from, *to, false),
            Op::Rfind(needle, from, to) => self.search(needle, *from, *to, true),
            Op::Resize(len) => {
                self.bytes.resize(*len, 0);
                Answer::Done
            }
            Op::Flush(from, to) => self.part(*from, *to).map(drop).ok_or(()).into(),
            Op::Read(count) => self.take(*count).into(),
            Op::Write(bytes) => self.put(bytes),
            Op::Seek(to) => self.seek(*to),
            Op::ReadByte => match self.take(1) {
                byte if byte.is_empty() => Answer::Error,
                byte => byte.into(),
            },
            Op::WriteByte(byte) => self.put(&[*byte]),
            Op::ReadLine => self.take_until(b'\n').into(),
            Op::ReadUntil(byte) => self.take_until(*byte).into(),
        }
    }
}

fn read_with<E>(count: usize, read: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Answer {
    let mut buffer = vec![0; count];
    read(&mut buffer).map(|count| buffer[..count].to_vec()).into()
}

fn apply(map: &Map, cursor: &mut safemap::Cursor<&Map>, op: &Op) -> Answer {
    match op {
        Op::Get(at) => map.get(*at).map(|byte| vec![byte]).into(),
        Op::Set(at, byte) => map.set(*at, *byte).into(),
        Op::ReadAt(at, count) => read_with(*count, |buffer| map.read_at(buffer, *at)),
        Op::ReadExactAt(at, count) => read_with(*count, |buffer| map.read_exact_at(buffer, *at).map(|()| *count)),
        Op::WriteAt(at, bytes) => map.write_at(bytes, *at).into(),
        Op::ToVec(from, to) => map.to_vec(*from..*to).into(),
        Op::Fill(from, to, byte) => map.fill(*byte, *from..*to).into(),
        Op::CopyWithin(from, end, to) => map.copy_within(*from..*end, *to).into(),
        Op::Compare(at, bytes) => map.compare(bytes, *at).map(|order| order as usize).into(),
        Op::Load(at) => map.load::<u32>(*at).map(|value| value.to_ne_bytes().to_vec()).into(),
        Op::Store(at, value) => map.store(*at, *value).into(),
        Op::Find(needle, from, to) => map.find(needle, *from..*to).into(),
        Op::Rfind(needle, from, to) => map.rfind(needle, *from..*to).into(),
        Op::Resize(len) => map.resize(*len).into(),
        Op::Flush(from, to) => map.flush_range(*from..*to).into(),
        Op::Read(count) => read_with(*count, |buffer| cursor.read(buffer)),
        Op::Write(bytes) => cursor.write(bytes).map(drop).into(),
        Op::Seek(to) => cursor.seek(*to).map(|at| at as usize).into(),
        Op::ReadByte => cursor.read_byte().map(|byte| vec![byte]).into(),
        Op::WriteByte(byte) => cursor.write_byte(*byte).into(),
        Op::ReadLine => cursor.read_line().into(),
        Op::ReadUntil(byte) => {
            let mut bytes = Vec::new();
            cursor.read_until(*byte, &mut bytes).map(|_| bytes).into()
        }
    }
}

#[track_caller]
fn stays_alike(map: &Map, start: Vec<u8>, ops: &[Op]) -> Vec<u8> {
    let mut twin = Twin { bytes: start, position: 0 };
    let mut cursor = map.cursor();
    for op in ops {
        assert_eq!(apply(map, &mut cursor, op), twin.apply(op), "{op:?}");
        // What is read ahead is a copy; the twin has none.
        if !matches!(op, Op::ReadUntil(_)) {
            let position = cursor.tell();
            cursor = map.cursor();
            cursor.set_position(position);
        }
        assert_eq!((map.len(), cursor.tell()), (twin.bytes.len(), twin.position), "{op:?}");
    }
    assert_eq!(map.to_vec(..).unwrap(), twin.bytes);
    twin.bytes
}

#[test]
fn a_file_map_is_a_vector_with_a_position() {
    fn holds(offset: u16, ops: Vec<Op>) -> bool {
        let offset = usize::from(offset) % 5000;
        let bytes = pattern(offset + 5000);
        let file = file_with(&bytes);
        let map = Options::new().access(Access::Write).offset(offset as u64).open(file.path()).unwrap();
        let end = stays_alike(&map, bytes[offset..].to_vec(), &ops);
        let expected = [&bytes[..offset], &end].concat();
        std::fs::read(file.path()).unwrap() == expected
    }
    QuickCheck::new().tests(400).quickcheck(holds as fn(u16, Vec<Op>) -> bool);
}

#[test]
fn private_memory_is_a_vector_with_a_position() {
    fn holds(ops: Vec<Op>) -> bool {
        let map = Options::new().len(5000).anonymous().unwrap();
        stays_alike(&map, vec![0; 5000], &ops);
        true
    }
    QuickCheck::new().tests(400).quickcheck(holds as fn(Vec<Op>) -> bool);
}

#[test]
fn shared_memory_with_room_is_a_vector_with_a_position() {
    fn holds(mut ops: Vec<Op>) -> bool {
        // It does not forget what stood behind its end: others share it.
        ops.retain(|op| !matches!(op, Op::Resize(len) if *len < 50_000));
        let map = Options::new().len(5000).sharing(Sharing::Shared).reserve(50_000).anonymous().unwrap();
        stays_alike(&map, vec![0; 5000], &ops);
        true
    }
    QuickCheck::new().tests(200).quickcheck(holds as fn(Vec<Op>) -> bool);
}

#[test]
fn a_copy_is_a_vector_with_a_position_and_the_file_stays() {
    fn holds(mut ops: Vec<Op>) -> bool {
        ops.retain(|op| !matches!(op, Op::Resize(_)));
        let bytes = pattern(5000);
        let file = file_with(&bytes);
        let map = Options::new().access(Access::Copy).open(file.path()).unwrap();
        assert!(matches!(map.resize(1), Err(Error::Unsupported(_))));
        stays_alike(&map, bytes.clone(), &ops);
        std::fs::read(file.path()).unwrap() == bytes
    }
    QuickCheck::new().tests(200).quickcheck(holds as fn(Vec<Op>) -> bool);
}
