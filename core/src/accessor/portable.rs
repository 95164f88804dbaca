//! The accessors of all other processors: system calls copy the bytes and report inaccessible
//! memory.
//!
//! No code here accesses a mapping. `sys::transfer` copies the bytes in pieces to local buffers. An
//! accessor ends at the first piece that the system refuses. Two things differ from the other
//! processors: each piece costs system calls, and a word may be torn.

// In tests on processors with assembly, some functions are not used.
#![cfg_attr(test, allow(dead_code))]

use super::{Loaded, Outcome, Probe};
use crate::sys::{
    inaccessible::{Inaccessible, PIECE},
    transfer,
};

pub(super) const FAULTS: bool = false;

pub(super) fn prefetch(_at: *const u8) {}

pub(super) fn build_index() {}

pub(super) fn fixup(_pc: usize) -> Option<usize> {
    None
}

fn without_fault(done: usize) -> Outcome {
    Outcome { done, fault: 0 }
}

/// Bytes from `at` to the end of its piece. Pieces are aligned and never cross a page boundary, so
/// a piece is either accessible or not.
fn to_piece_end(at: usize) -> usize {
    PIECE - at % PIECE
}

/// Bytes from the start of a piece to `end`, which lies in the piece or at its end.
fn from_piece_start(end: usize) -> usize {
    (end - 1) % PIECE + 1
}

pub(super) unsafe fn copy(dst: *mut u8, src: *const u8, n: usize) -> Outcome {
    let mut done = 0;
    while done < n {
        let (to, from) = (dst.wrapping_add(done), src.wrapping_add(done));
        let count = (n - done).min(to_piece_end(to.addr())).min(to_piece_end(from.addr()));
        // SAFETY: the piece lies in both ranges.
        match unsafe { transfer::piece(to, from, count) } {
            Ok(()) => done += count,
            Err(Inaccessible::Source) => return Outcome { done, fault: from.addr() },
            Err(Inaccessible::Destination) => return Outcome { done, fault: to.addr() },
        }
    }
    without_fault(n)
}

pub(super) unsafe fn copy_back(dst: *mut u8, src: *const u8, n: usize) -> Outcome {
    let mut left = n;
    while left > 0 {
        let (to, from) = (dst.wrapping_add(left), src.wrapping_add(left));
        let count = left.min(from_piece_start(to.addr())).min(from_piece_start(from.addr()));
        // SAFETY: the piece lies in both ranges.
        match unsafe { transfer::piece(to.wrapping_sub(count), from.wrapping_sub(count), count) } {
            Ok(()) => left -= count,
            Err(Inaccessible::Source) => return Outcome { done: n - left, fault: from.addr() - 1 },
            Err(Inaccessible::Destination) => {
                return Outcome { done: n - left, fault: to.addr() - 1 };
            }
        }
    }
    without_fault(n)
}

pub(super) unsafe fn copy_until(dst: *mut u8, src: *const u8, n: usize, byte: u8) -> Outcome {
    // SAFETY: the range is the caller's.
    let found = unsafe { find_byte(src, n, byte) };
    // SAFETY: the ranges are parts of the caller's.
    let copied = unsafe { copy(dst, src, n.min(found.done + 1)) };
    if copied.fault == 0 && found.fault != 0 { found } else { copied }
}

pub(super) unsafe fn fill(dst: *mut u8, byte: u8, n: usize) -> Outcome {
    let pattern = [byte; PIECE];
    let mut done = 0;
    while done < n {
        let to = dst.wrapping_add(done);
        let count = (n - done).min(PIECE);
        // SAFETY: the piece lies in the range, and the pattern is as long.
        let outcome = unsafe { copy(to, pattern.as_ptr(), count) };
        done += outcome.done;
        if outcome.fault != 0 {
            return Outcome { done, fault: outcome.fault };
        }
    }
    without_fault(n)
}

/// A copy of a part of a range in a local buffer.
struct Piece {
    bytes: [u8; PIECE],
    outcome: Outcome,
}

impl Piece {
    /// Copies at most `PIECE` bytes from the start of a range.
    unsafe fn first(at: *const u8, n: usize) -> Piece {
        let mut bytes = [0; PIECE];
        // SAFETY: the source is a part of the caller's range; the destination is `bytes`.
        let outcome = unsafe { copy(bytes.as_mut_ptr(), at, n.min(PIECE)) };
        Piece { bytes, outcome }
    }

    /// Copies at most `PIECE` bytes from the end of a range, to the end of `bytes`.
    unsafe fn last(at: *const u8, n: usize) -> Piece {
        let mut bytes = [0; PIECE];
        let count = n.min(PIECE);
        // SAFETY: the destination is the end of `bytes`; the source is a part of the caller's
        // range.
        let outcome = unsafe {
            copy_back(
                bytes.as_mut_ptr().wrapping_add(PIECE - count),
                at.wrapping_add(n - count),
                count,
            )
        };
        Piece { bytes, outcome }
    }

    fn forward(&self) -> &[u8] {
        &self.bytes[..self.outcome.done]
    }

    fn backward(&self) -> &[u8] {
        &self.bytes[PIECE - self.outcome.done..]
    }
}

pub(super) unsafe fn compare(a: *const u8, b: *const u8, n: usize) -> Outcome {
    let mut done = 0;
    while done < n {
        // SAFETY: the rest of the caller's range.
        let one = unsafe { Piece::first(a.wrapping_add(done), n - done) };
        // SAFETY: the rest of the caller's range.
        let other = unsafe { Piece::first(b.wrapping_add(done), n - done) };
        let both = one.forward().len().min(other.forward().len());
        match one.bytes[..both].iter().zip(&other.bytes[..both]).position(|(x, y)| x != y) {
            Some(at) => return without_fault(done + at),
            None => done += both,
        }
        let stopped = [one, other]
            .map(|piece| piece.outcome)
            .into_iter()
            .find(|it| it.fault != 0 && it.done == both);
        if let Some(Outcome { fault, .. }) = stopped {
            return Outcome { done, fault };
        }
    }
    without_fault(n)
}

pub(super) unsafe fn find_byte(at: *const u8, n: usize, byte: u8) -> Outcome {
    let mut done = 0;
    while done < n {
        // SAFETY: the rest of the caller's range.
        let piece = unsafe { Piece::first(at.wrapping_add(done), n - done) };
        if let Some(index) = memchr::memchr(byte, piece.forward()) {
            return without_fault(done + index);
        }
        done += piece.outcome.done;
        if piece.outcome.fault != 0 {
            return Outcome { done, ..piece.outcome };
        }
    }
    without_fault(n)
}

pub(super) unsafe fn count_byte(at: *const u8, n: usize, byte: u8) -> Outcome {
    let (mut read, mut count) = (0, 0);
    while read < n {
        // SAFETY: the rest of the caller's range.
        let piece = unsafe { Piece::first(at.wrapping_add(read), n - read) };
        read += piece.outcome.done;
        count += memchr::memchr_iter(byte, piece.forward()).count();
        if piece.outcome.fault != 0 {
            return Outcome { done: count, ..piece.outcome };
        }
    }
    without_fault(count)
}

pub(super) unsafe fn rfind_byte(at: *const u8, n: usize, byte: u8) -> Outcome {
    let mut left = n;
    while left > 0 {
        // SAFETY: the rest of the caller's range.
        let piece = unsafe { Piece::last(at, left) };
        left -= piece.outcome.done;
        if let Some(index) = memchr::memrchr(byte, piece.backward()) {
            return without_fault(left + index + 1);
        }
        if piece.outcome.fault != 0 {
            return Outcome { done: left, ..piece.outcome };
        }
    }
    without_fault(0)
}

pub(super) unsafe fn find_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome {
    let mut done = 0;
    while done < n {
        // SAFETY: the rest of the indices, moved by a distance of the probe, lies in the caller's
        // range.
        let pieces = probe
            .at
            .map(|distance| unsafe { Piece::first(at.wrapping_add(done + distance), n - done) });
        let count = shortest(&pieces);
        let [first, second, third] = pieces.each_ref().map(|piece| &piece.bytes[..count]);
        let mut candidates = memchr::memchr_iter(probe.bytes[0], first);
        if let Some(index) = candidates.find(|&i| [second[i], third[i]] == probe.bytes[1..]) {
            return without_fault(done + index);
        }
        done += count;
        if let Some(fault) = fault_of(&pieces, count) {
            return Outcome { done, fault };
        }
    }
    without_fault(n)
}

pub(super) unsafe fn rfind_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome {
    let mut left = n;
    while left > 0 {
        // SAFETY: the indices left, moved by a distance of the probe, lie in the caller's range.
        let pieces =
            probe.at.map(|distance| unsafe { Piece::last(at.wrapping_add(distance), left) });
        let count = shortest(&pieces);
        left -= count;
        let [first, second, third] = pieces.each_ref().map(|piece| &piece.bytes[PIECE - count..]);
        let mut candidates = memchr::memrchr_iter(probe.bytes[0], first);
        if let Some(index) = candidates.find(|&i| [second[i], third[i]] == probe.bytes[1..]) {
            return without_fault(left + index + 1);
        }
        if let Some(fault) = fault_of(&pieces, count) {
            return Outcome { done: left, fault };
        }
    }
    without_fault(0)
}

fn shortest(pieces: &[Piece; 3]) -> usize {
    pieces.iter().map(|piece| piece.outcome.done).min().unwrap_or_default()
}

/// The fault address of one of the shortest pieces.
fn fault_of(pieces: &[Piece; 3], shortest: usize) -> Option<usize> {
    pieces
        .iter()
        .map(|piece| piece.outcome)
        .find(|it| it.fault != 0 && it.done == shortest)
        .map(|it| it.fault)
}

pub(super) unsafe fn gather(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome {
    let address = |i: usize| src.wrapping_offset(step.wrapping_mul(i as isize));
    // SAFETY: single bytes of the caller's ranges.
    byte_by_byte(n, |i| unsafe { copy(dst.wrapping_add(i), address(i), 1) })
}

pub(super) unsafe fn scatter(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome {
    let address = |i: usize| dst.wrapping_offset(step.wrapping_mul(i as isize));
    // SAFETY: single bytes of the caller's ranges.
    byte_by_byte(n, |i| unsafe { copy(address(i), src.wrapping_add(i), 1) })
}

/// Calls `copy` for each byte until one faults.
fn byte_by_byte(n: usize, copy: impl Fn(usize) -> Outcome) -> Outcome {
    for done in 0..n {
        let Outcome { fault, .. } = copy(done);
        if fault != 0 {
            return Outcome { done, fault };
        }
    }
    without_fault(n)
}

/// Loads `N` bytes in native order.
unsafe fn load<const N: usize>(at: *const u8) -> Result<[u8; N], Loaded> {
    let mut bytes = [0; N];
    // SAFETY: the source is the caller's word, the destination is `bytes`.
    match unsafe { copy(bytes.as_mut_ptr(), at, N) } {
        Outcome { fault: 0, .. } => Ok(bytes),
        Outcome { fault, .. } => Err(Loaded { value: 0, fault }),
    }
}

/// Stores `N` bytes and returns the fault address, or 0.
///
/// The part behind a page boundary is stored first, so that nothing is stored if the memory ends at
/// the boundary. Before that the first part is read, because the address of the first inaccessible
/// byte is returned.
unsafe fn store<const N: usize>(at: *mut u8, bytes: [u8; N]) -> usize {
    let (low, high) = bytes.split_at(to_piece_end(at.addr()).min(N));
    if !high.is_empty() {
        // SAFETY: the first part of the caller's word, and local memory.
        let first = unsafe { copy([0; N].as_mut_ptr(), at, low.len()) };
        if first.fault != 0 {
            return first.fault;
        }
    }
    // SAFETY: the second part of the caller's word, and local memory.
    match unsafe { copy(at.wrapping_add(low.len()), high.as_ptr(), high.len()) } {
        // SAFETY: the first part of the caller's word, and local memory.
        Outcome { fault: 0, .. } => unsafe { copy(at, low.as_ptr(), low.len()) }.fault,
        Outcome { fault, .. } => fault,
    }
}

macro_rules! words {
    ($($load:ident $store:ident $word:ident;)+) => {
        $(
            pub(super) unsafe fn $load(at: *const u8) -> Loaded {
                // SAFETY: the word is the caller's.
                let word = unsafe { load(at) }.map($word::from_ne_bytes);
                word.map_or_else(|fault| fault, |word| Loaded { value: u64::from(word), fault: 0 })
            }

            pub(super) unsafe fn $store(at: *mut u8, value: u64) -> usize {
                // SAFETY: the word is the caller's.
                unsafe { store(at, (value as $word).to_ne_bytes()) }
            }
        )+
    };
}

words! {
    load8 store8 u8;
    load16 store16 u16;
    load32 store32 u32;
    load64 store64 u64;
}

/// System calls cannot replace a word atomically. Never called: see `HAS_UPDATES`.
macro_rules! updates {
    ($($function:ident($($operand:ident),+);)+) => {$(
        pub(super) unsafe fn $function(at: *mut u8, $($operand: u64),+) -> Loaded {
            Loaded { value: 0, fault: at.addr() }
        }
    )+};
}

updates! {
    swap8(_operand);
    swap16(_operand);
    swap32(_operand);
    swap64(_operand);
    add8(_operand);
    add16(_operand);
    add32(_operand);
    add64(_operand);
    compare_exchange8(_expected, _new);
    compare_exchange16(_expected, _new);
    compare_exchange32(_expected, _new);
    compare_exchange64(_expected, _new);
}

#[cfg(test)]
pub(super) fn fixups() -> Option<Vec<usize>> {
    None
}
