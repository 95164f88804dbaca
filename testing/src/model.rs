//! The reference model of a map: a vector with a position that knows where the map's file ends.

use std::{cmp::Ordering, io::SeekFrom};

use safemap::Map;

use crate::operation::{Answer, Op, apply};

/// A value, or the answer with which an operation ends early.
type Step<T = ()> = Result<T, Answer>;

/// The reference model of a map.
#[derive(Clone, Debug)]
pub struct Model {
    bytes: Vec<u8>,
    position: usize,
    /// The offset of the first byte that faults; `usize::MAX` if none does.
    fault_from: usize,
}

impl Model {
    /// Creates the model of a map that holds `bytes`.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Model {
        Model { bytes, position: 0, fault_from: usize::MAX }
    }

    /// Returns what the map should hold.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Records that the file now ends at offset `end` of the map, and its last page at `page_end`.
    pub fn truncate(&mut self, end: usize, page_end: usize) {
        self.zero(end, usize::MAX);
        self.fault_from = if page_end < self.bytes.len() { page_end } else { usize::MAX };
    }

    /// Records that the bytes of a range are zeros, as far as they are in the map.
    pub fn zero(&mut self, from: usize, to: usize) {
        let len = self.bytes.len();
        self.bytes[from.min(len)..to.min(len)].fill(0);
    }

    fn check(&self, from: usize, to: usize) -> Step {
        self.bytes.get(from..to).map(drop).ok_or(Answer::Error)
    }

    fn checked_end(&self, at: usize, len: usize) -> Step<usize> {
        let end = at.checked_add(len).ok_or(Answer::Error)?;
        self.check(at, end).map(|()| end)
    }

    /// Returns where an ascending access to `from..to` stops, and the fault there if there is one.
    fn reach(&self, from: usize, to: usize) -> (usize, Step) {
        let stop = self.fault_from.max(from).min(to);
        let fault = if stop < to { Err(Answer::Fault(stop..stop + 1)) } else { Ok(()) };
        (stop, fault)
    }

    fn read_range(&self, from: usize, to: usize) -> Step<Vec<u8>> {
        self.check(from, to)?;
        self.reach(from, to).1?;
        Ok(self.bytes[from..to].to_vec())
    }

    fn read_exact(&self, at: usize, len: usize) -> Step<Vec<u8>> {
        self.checked_end(at, len).and_then(|end| self.read_range(at, end))
    }

    /// Writes the bytes before the first fault.
    fn write_at(&mut self, at: usize, bytes: &[u8]) -> Step {
        let end = self.checked_end(at, bytes.len())?;
        let (stop, fault) = self.reach(at, end);
        self.bytes[at..stop].copy_from_slice(&bytes[..stop - at]);
        fault
    }

    fn fill(&mut self, from: usize, to: usize, byte: u8) -> Step {
        self.check(from, to)?;
        self.write_at(from, &vec![byte; to - from])
    }

    /// Writes four bytes, or none if one of them faults.
    fn store(&mut self, at: usize, value: u32) -> Step {
        let end = self.checked_end(at, 4)?;
        self.reach(at, end).1?;
        self.write_at(at, &value.to_ne_bytes())
    }

    fn copy_within(&mut self, from: usize, end: usize, to: usize) -> Step {
        self.check(from, end)?;
        let to_end = self.checked_end(to, end - from)?;
        if to <= from {
            let (stop, fault) = self.reach(from, end);
            self.bytes.copy_within(from..stop, to);
            return fault;
        }
        // A descending copy touches the last byte first. It reads each byte before it writes it.
        for last in [end, to_end] {
            if end > from && last > self.fault_from {
                return Err(Answer::Fault(last - 1..last));
            }
        }
        self.bytes.copy_within(from..end, to);
        Ok(())
    }

    fn compare(&self, at: usize, bytes: &[u8]) -> Step<usize> {
        let end = self.checked_end(at, bytes.len())?;
        let (stop, fault) = self.reach(at, end);
        match self.bytes[at..stop].cmp(&bytes[..stop - at]) {
            Ordering::Equal => fault.map(|()| Ordering::Equal as usize),
            order => Ok(order as usize),
        }
    }

    fn find(&self, needle: &[u8], from: usize, to: usize) -> Step<Option<usize>> {
        self.check(from, to)?;
        if needle.is_empty() || needle.len() > to - from {
            return Ok(needle.is_empty().then_some(from));
        }
        let (stop, fault) = self.reach(from, to);
        let found = self.bytes[from..stop].windows(needle.len()).position(|part| part == needle);
        match (found, fault) {
            // A search for several bytes may read ahead of the offsets that it has excluded.
            (None, Err(Answer::Fault(at))) if needle.len() > 1 => Err(Answer::Fault(at.start..to)),
            (None, Err(fault)) => Err(fault),
            (found, _) => Ok(found.map(|at| from + at)),
        }
    }

    fn rfind(&self, needle: &[u8], from: usize, to: usize) -> Step<Option<usize>> {
        self.check(from, to)?;
        if needle.is_empty() || needle.len() > to - from {
            return Ok(needle.is_empty().then_some(to));
        }
        if to > self.fault_from {
            let lowest = if needle.len() == 1 { to - 1 } else { self.fault_from.max(from) };
            return Err(Answer::Fault(lowest..to));
        }
        Ok(self.bytes[from..to]
            .windows(needle.len())
            .rposition(|part| part == needle)
            .map(|at| from + at))
    }

    fn resize(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        self.fault_from = usize::MAX;
    }

    /// Returns the position, or the end of the map if the position is beyond it.
    fn start(&self) -> usize {
        self.clamp(self.position)
    }

    fn clamp(&self, at: usize) -> usize {
        at.min(self.bytes.len())
    }

    /// Reads `len` bytes at the position, or fewer at the end of the map.
    fn take(&mut self, len: usize) -> Step<Vec<u8>> {
        let from = self.start();
        let taken = self.read_range(from, from.saturating_add(len).min(self.bytes.len()))?;
        self.position += taken.len();
        Ok(taken)
    }

    /// Returns the bytes before the first fault. Only a read that starts there fails.
    fn read(&mut self, len: usize) -> Step<Vec<u8>> {
        let from = self.start();
        let (stop, fault) = self.reach(from, from.saturating_add(len).min(self.bytes.len()));
        if stop == from { fault.map(|()| Vec::new()) } else { self.take(stop - from) }
    }

    fn next_line(&mut self) -> Step<Vec<u8>> {
        let from = self.start();
        let end = self.find(b"\n", from, self.bytes.len())?.map_or(self.bytes.len(), |at| at + 1);
        self.take(end - from)
    }

    /// Consumes the bytes before the first fault, and then fails, as a buffered reader does.
    fn read_until(&mut self, byte: u8) -> Step<Vec<u8>> {
        let from = self.start();
        let (stop, fault) = self.reach(from, self.bytes.len());
        match self.bytes[from..stop].iter().position(|&b| b == byte) {
            Some(at) => self.take(at + 1),
            None => {
                let taken = self.take(stop - from)?;
                fault.map(|()| taken)
            }
        }
    }

    fn read_byte(&mut self) -> Step<Vec<u8>> {
        self.checked_end(self.position, 1)?;
        self.take(1)
    }

    fn write(&mut self, bytes: &[u8]) -> Step {
        self.write_at(self.position, bytes)?;
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

    fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::Get(at) => self.read_exact(*at, 1).into(),
            Op::Set(at, byte) => self.write_at(*at, &[*byte]).into(),
            Op::ReadAt(at, len) => {
                let (from, end) = (self.clamp(*at), self.clamp(at.saturating_add(*len)));
                self.read_range(from, end).into()
            }
            Op::ReadExactAt(at, len) => self.read_exact(*at, *len).into(),
            Op::WriteAt(at, bytes) => self.write_at(*at, bytes).into(),
            Op::ToVec(from, to) => self.read_range(*from, *to).into(),
            Op::Fill(from, to, byte) => self.fill(*from, *to, *byte).into(),
            Op::CopyWithin(from, end, to) => self.copy_within(*from, *end, *to).into(),
            Op::Compare(at, bytes) => self.compare(*at, bytes).into(),
            Op::Load(at) => self.read_exact(*at, 4).into(),
            Op::Store(at, value) => self.store(*at, *value).into(),
            Op::Find(needle, from, to) => self.find(needle, *from, *to).into(),
            Op::Rfind(needle, from, to) => self.rfind(needle, *from, *to).into(),
            Op::Resize(len) => {
                self.resize(*len);
                Answer::Done
            }
            Op::Flush(from, to) => self.check(*from, *to).into(),
            Op::Read(len) => self.read(*len).into(),
            Op::Write(bytes) => self.write(bytes).into(),
            Op::Seek(to) => self.seek(*to).into(),
            Op::ReadByte => self.read_byte().into(),
            Op::WriteByte(byte) => self.write(&[*byte]).into(),
            Op::NextLine => self.next_line().into(),
            Op::ReadUntil(byte) => self.read_until(*byte).into(),
        }
    }

    /// Runs an operation on the map and on the model.
    ///
    /// Panics unless both return the same, and have the same length and position afterwards.
    #[track_caller]
    pub fn step(&mut self, map: &Map, op: &Op) {
        // A new cursor each time: what a cursor has read ahead is a copy, which the model does not
        // have.
        let mut cursor = map.cursor();
        cursor.set_position(self.position);
        let (answer, expected) = (apply(map, &mut cursor, op), self.apply(op));
        assert!(
            answer.matches(&expected),
            "{op:?}: the map returned {answer:?}, the model {expected:?}"
        );
        assert_eq!((map.len(), cursor.position()), (self.bytes.len(), self.position), "{op:?}");
    }
}
