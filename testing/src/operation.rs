//! The operations of a map and its cursor as data, and what they return.

use std::{
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use safemap::{Cursor, Error, Map};

/// An operation with its arguments. A range is given by its start and its end.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The variants are named after the methods that `apply` calls.
pub enum Op {
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
    NextLine,
    ReadUntil(u8),
}

/// What an operation returned, as far as the map and the reference model can agree on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Success without a value.
    Done,
    /// Bytes that were read.
    Bytes(Vec<u8>),
    /// A count, an offset or the absence of one.
    Number(Option<usize>),
    /// A fault at one of these offsets.
    Fault(Range<usize>),
    /// Any other error.
    Error,
}

impl Answer {
    /// Returns whether a map may answer this where the model answers `expected`.
    #[must_use]
    pub fn matches(&self, expected: &Answer) -> bool {
        match (self, expected) {
            (Answer::Fault(at), Answer::Fault(among)) => {
                among.start <= at.start && at.end <= among.end
            }
            _ => self == expected,
        }
    }
}

impl<T: Into<Answer>, E: Into<Answer>> From<Result<T, E>> for Answer {
    fn from(result: Result<T, E>) -> Answer {
        result.map_or_else(E::into, T::into)
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Answer {
        match error {
            Error::Fault { offset } => Answer::Fault(offset..offset + 1),
            _ => Answer::Error,
        }
    }
}

impl From<io::Error> for Answer {
    fn from(error: io::Error) -> Answer {
        error.downcast::<Error>().map_or(Answer::Error, Error::into)
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

/// Reads up to `len` bytes into a buffer.
fn read<E: Into<Answer>>(len: usize, read: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Answer {
    let mut buffer = vec![0; len];
    read(&mut buffer).map(|len| buffer[..len].to_vec()).into()
}

/// Runs an operation on a map, or on a cursor of it.
pub fn apply(map: &Map, cursor: &mut Cursor<&Map>, op: &Op) -> Answer {
    match op {
        Op::Get(at) => map.get(*at).map(|byte| vec![byte]).into(),
        Op::Set(at, byte) => map.set(*byte, *at).into(),
        Op::ReadAt(at, len) => read(*len, |buffer| map.read_at(buffer, *at)),
        Op::ReadExactAt(at, len) => {
            read(*len, |buffer| map.read_exact_at(buffer, *at).map(|()| *len))
        }
        Op::WriteAt(at, bytes) => map.write_at(bytes, *at).into(),
        Op::ToVec(from, to) => map.to_vec(*from..*to).into(),
        Op::Fill(from, to, byte) => map.fill(*byte, *from..*to).into(),
        Op::CopyWithin(from, end, to) => map.copy_within(*from..*end, *to).into(),
        Op::Compare(at, bytes) => map.compare(bytes, *at).map(|order| order as usize).into(),
        Op::Load(at) => map.load::<u32>(*at).map(|value| value.to_ne_bytes().to_vec()).into(),
        Op::Store(at, value) => map.store(*value, *at).into(),
        Op::Find(needle, from, to) => map.find(needle, *from..*to).into(),
        Op::Rfind(needle, from, to) => map.rfind(needle, *from..*to).into(),
        Op::Resize(len) => map.resize(*len).into(),
        Op::Flush(from, to) => map.flush_range(*from..*to).into(),
        Op::Read(len) => read(*len, |buffer| cursor.read(buffer)),
        Op::Write(bytes) => cursor.write(bytes).map(drop).into(),
        Op::Seek(to) => cursor.seek(*to).map(|at| at as usize).into(),
        Op::ReadByte => cursor.read_byte().map(|byte| vec![byte]).into(),
        Op::WriteByte(byte) => cursor.write_byte(*byte).into(),
        Op::NextLine => cursor.next_line().into(),
        Op::ReadUntil(byte) => {
            let mut bytes = Vec::new();
            cursor.read_until(*byte, &mut bytes).map(|_| bytes).into()
        }
    }
}
