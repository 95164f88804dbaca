//! The naive twin of a map: a vector with a position, which knows where the map's file ends.

#![allow(dead_code)] // Not every test cuts files.

use std::{cmp::Ordering, io::SeekFrom};

use super::operation::{Answer, Op, apply};
use safemap::Map;

/// An operation goes on, or ends with this answer.
type Step<T = ()> = Result<T, Answer>;

pub(crate) struct Twin {
    pub(crate) bytes: Vec<u8>,
    position: usize,
    /// Bytes from here on cannot be accessed; `usize::MAX` where all can.
    edge: usize,
}

impl Twin {
    pub(crate) fn new(bytes: Vec<u8>) -> Twin {
        Twin { bytes, position: 0, edge: usize::MAX }
    }

    /// The file now ends at byte `end` of the map, and its last page at `edge`.
    pub(crate) fn cut(&mut self, end: usize, edge: usize) {
        let end = end.min(self.bytes.len());
        self.bytes[end..].fill(0);
        self.edge = if edge < self.bytes.len() { edge } else { usize::MAX };
    }

    /// What stood in the tail of the last page is made zeros: the file grew over it.
    pub(crate) fn clear(&mut self, from: usize, to: usize) {
        let len = self.bytes.len();
        self.bytes[from.min(len)..to.min(len)].fill(0);
    }

    fn inside(&self, from: usize, to: usize) -> Step {
        self.bytes.get(from..to).map(drop).ok_or(Answer::Error)
    }

    fn end(&self, at: usize, count: usize) -> Step<usize> {
        let end = at.checked_add(count).ok_or(Answer::Error)?;
        self.inside(at, end).map(|()| end)
    }

    /// How far one comes from `from` to `to`, and what happens there.
    fn reach(&self, from: usize, to: usize) -> (usize, Step) {
        let stop = self.edge.max(from).min(to);
        let fault = if stop < to { Err(Answer::Fault(stop..stop + 1)) } else { Ok(()) };
        (stop, fault)
    }

    fn look(&self, from: usize, to: usize) -> Step<Vec<u8>> {
        self.inside(from, to)?;
        self.reach(from, to).1?;
        Ok(self.bytes[from..to].to_vec())
    }

    /// Stores as many of the bytes as can be stored.
    fn place(&mut self, at: usize, bytes: &[u8]) -> Step {
        let end = self.end(at, bytes.len())?;
        let (stop, fault) = self.reach(at, end);
        self.bytes[at..stop].copy_from_slice(&bytes[..stop - at]);
        fault
    }

    fn copy(&mut self, from: usize, end: usize, to: usize) -> Step {
        self.inside(from, end)?;
        let to_end = self.end(to, end - from)?;
        if to <= from {
            let (stop, fault) = self.reach(from, end);
            self.bytes.copy_within(from..stop, to);
            return fault;
        }
        // From the end on, which is the first to be gone; each byte is read before it is written.
        for last in [end, to_end] {
            if end > from && last > self.edge {
                return Err(Answer::Fault(last - 1..last));
            }
        }
        self.bytes.copy_within(from..end, to);
        Ok(())
    }

    fn compare(&self, at: usize, bytes: &[u8]) -> Step<usize> {
        let end = self.end(at, bytes.len())?;
        let (stop, fault) = self.reach(at, end);
        match self.bytes[at..stop].cmp(&bytes[..stop - at]) {
            Ordering::Equal => fault.map(|()| Ordering::Equal as usize),
            order => Ok(order as usize),
        }
    }

    fn find(&self, needle: &[u8], from: usize, to: usize) -> Step<Option<usize>> {
        self.inside(from, to)?;
        if needle.is_empty() || needle.len() > to - from {
            return Ok(needle.is_empty().then_some(from));
        }
        let (stop, fault) = self.reach(from, to);
        let found = self.bytes[from..stop].windows(needle.len()).position(|part| part == needle);
        match (found, fault) {
            (None, Err(Answer::Fault(at))) => Err(Answer::Fault(at.start..self.farthest(needle, at.start, to))),
            (found, _) => Ok(found.map(|at| from + at)),
        }
    }

    /// A search for several bytes looks at places ahead of those that it has excluded.
    fn farthest(&self, needle: &[u8], first: usize, to: usize) -> usize {
        if needle.len() == 1 { first + 1 } else { to }
    }

    fn rfind(&self, needle: &[u8], from: usize, to: usize) -> Step<Option<usize>> {
        self.inside(from, to)?;
        if needle.is_empty() || needle.len() > to - from {
            return Ok(needle.is_empty().then_some(to));
        }
        if to > self.edge {
            let nearest = if needle.len() == 1 { to - 1 } else { self.edge.max(from) };
            return Err(Answer::Fault(nearest..to));
        }
        Ok(self.bytes[from..to].windows(needle.len()).rposition(|part| part == needle).map(|at| from + at))
    }

    fn resize(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        self.edge = usize::MAX;
    }

    fn take(&mut self, count: usize) -> Step<Vec<u8>> {
        let from = self.position.min(self.bytes.len());
        let to = from.saturating_add(count).min(self.bytes.len());
        let taken = self.look(from, to)?;
        self.position += taken.len();
        Ok(taken)
    }

    /// As every reader does: what comes before the edge is given out, and then the edge is met.
    fn read(&mut self, count: usize) -> Step<Vec<u8>> {
        let from = self.position.min(self.bytes.len());
        let (stop, fault) = self.reach(from, from.saturating_add(count).min(self.bytes.len()));
        if stop == from { fault.map(|()| Vec::new()) } else { self.take(stop - from) }
    }

    fn line(&mut self) -> Step<Vec<u8>> {
        let from = self.position.min(self.bytes.len());
        let end = self.find(b"\n", from, self.bytes.len())?.map_or(self.bytes.len(), |at| at + 1);
        self.take(end - from)
    }

    /// As a buffered reader does: what comes before the edge is used up, and then the edge is met.
    fn until(&mut self, byte: u8) -> Step<Vec<u8>> {
        let from = self.position.min(self.bytes.len());
        let (stop, fault) = self.reach(from, self.bytes.len());
        match self.bytes[from..stop].iter().position(|&b| b == byte) {
            Some(at) => self.take(at + 1),
            None => {
                let taken = self.take(stop - from)?;
                fault.map(|()| taken)
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Step {
        self.place(self.position, bytes)?;
        self.position += bytes.len();
        Ok(())
    }

    fn seek(&mut self, to: SeekFrom) -> Step<usize> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => (self.bytes.len() as u64).checked_add_signed(by),
            SeekFrom::Current(by) => (self.position as u64).checked_add_signed(by),
        };
        let position = position.and_then(|at| usize::try_from(at).ok());
        position.inspect(|&at| self.position = at).ok_or(Answer::Error)
    }

    pub(crate) fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::Get(at) => self.end(*at, 1).and_then(|end| self.look(*at, end)).into(),
            Op::Set(at, byte) => self.place(*at, &[*byte]).into(),
            Op::ReadAt(at, count) => self.look(*at, at.saturating_add(*count).min(self.bytes.len())).into(),
            Op::ReadExactAt(at, count) => self.end(*at, *count).and_then(|end| self.look(*at, end)).into(),
            Op::WriteAt(at, bytes) => self.place(*at, bytes).into(),
            Op::ToVec(from, to) => self.look(*from, *to).into(),
            Op::Fill(from, to, byte) => {
                self.inside(*from, *to).and_then(|()| self.place(*from, &vec![*byte; to - from])).into()
            }
            Op::CopyWithin(from, end, to) => self.copy(*from, *end, *to).into(),
            Op::Compare(at, bytes) => self.compare(*at, bytes).into(),
            Op::Load(at) => self.end(*at, 4).and_then(|end| self.look(*at, end)).into(),
            // One instruction: all or nothing.
            Op::Store(at, value) => {
                let whole = self.end(*at, 4).and_then(|end| self.reach(*at, end).1);
                whole.and_then(|()| self.place(*at, &value.to_ne_bytes())).into()
            }
            Op::Find(needle, from, to) => self.find(needle, *from, *to).into(),
            Op::Rfind(needle, from, to) => self.rfind(needle, *from, *to).into(),
            Op::Resize(len) => {
                self.resize(*len);
                Answer::Done
            }
            Op::Flush(from, to) => self.inside(*from, *to).into(),
            Op::Read(count) => self.read(*count).into(),
            Op::Write(bytes) => self.put(bytes).into(),
            Op::Seek(to) => self.seek(*to).into(),
            Op::ReadByte => {
                let end = self.end(self.position, 1);
                end.and_then(|_| self.take(1)).into()
            }
            Op::WriteByte(byte) => self.put(&[*byte]).into(),
            Op::ReadLine => self.line().into(),
            Op::ReadUntil(byte) => self.until(*byte).into(),
        }
    }

    /// Has the map and its twin do the same, and fails unless they answer the same and stand at the same place.
    #[track_caller]
    pub(crate) fn step(&mut self, map: &Map, op: &Op) {
        // What a cursor reads ahead is a copy; the twin has none.
        let mut cursor = map.cursor();
        cursor.set_position(self.position);
        let (answer, expected) = (apply(map, &mut cursor, op), self.apply(op));
        assert!(answer.fits(&expected), "{op:?}: the map says {answer:?}, its twin {expected:?}");
        assert_eq!((map.len(), cursor.tell()), (self.bytes.len(), self.position), "{op:?}");
    }
}
