//! The kernels of all other processors: the system moves the bytes, and says where it cannot.
//!
//! Nothing here touches a mapping. Bytes go through `sys::transfer`, in pieces, and are looked at in memory of our own; a
//! piece that the system refuses is where the kernel ends. Two things differ from the other processors: each piece costs two
//! system calls, and a word may be torn.

// Where the processor has kernels of its own, the tests need less.
#![cfg_attr(test, allow(dead_code))]

use super::{Loaded, Outcome, Probe};
use crate::sys::{
    inaccessible::{Inaccessible, PIECE},
    transfer,
};

pub(super) const FAULTS: bool = false;

pub(super) fn prefetch(_at: *const u8) {}

pub(super) fn fixup(_pc: usize) -> Option<usize> {
    None
}

fn whole(done: usize) -> Outcome {
    Outcome { done, fault: 0 }
}

/// Bytes from `at` to the end of its piece of the address space. A piece never crosses a page: it can be accessed or not.
fn ahead(at: usize) -> usize {
    PIECE - at % PIECE
}

/// Bytes from the start of the piece of the address space that ends at `end` or holds it.
fn behind(end: usize) -> usize {
    (end - 1) % PIECE + 1
}

pub(super) unsafe fn copy(dst: *mut u8, src: *const u8, n: usize) -> Outcome {
    let mut done = 0;
    while done < n {
        let (to, from) = (dst.wrapping_add(done), src.wrapping_add(done));
        let count = (n - done).min(ahead(to.addr())).min(ahead(from.addr()));
        // SAFETY: the piece lies in both ranges.
        match unsafe { transfer::piece(to, from, count) } {
            Ok(()) => done += count,
            Err(Inaccessible::Source) => return Outcome { done, fault: from.addr() },
            Err(Inaccessible::Destination) => return Outcome { done, fault: to.addr() },
        }
    }
    whole(n)
}

pub(super) unsafe fn copy_back(dst: *mut u8, src: *const u8, n: usize) -> Outcome {
    let mut left = n;
    while left > 0 {
        let (to, from) = (dst.wrapping_add(left), src.wrapping_add(left));
        let count = left.min(behind(to.addr())).min(behind(from.addr()));
        // SAFETY: the piece lies in both ranges.
        match unsafe { transfer::piece(to.wrapping_sub(count), from.wrapping_sub(count), count) } {
            Ok(()) => left -= count,
            Err(Inaccessible::Source) => return Outcome { done: n - left, fault: from.addr() - 1 },
            Err(Inaccessible::Destination) => return Outcome { done: n - left, fault: to.addr() - 1 },
        }
    }
    whole(n)
}

pub(super) unsafe fn copy_until(dst: *mut u8, src: *const u8, n: usize, byte: u8) -> Outcome {
    // SAFETY: the caller's range.
    let found = unsafe { find_byte(src, n, byte) };
    // SAFETY: no more than the caller's ranges.
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
    whole(n)
}

/// A copy of a piece of a range, in memory of our own.
struct Piece {
    bytes: [u8; PIECE],
    outcome: Outcome,
}

impl Piece {
    /// Copies from the start of a range.
    unsafe fn first(at: *const u8, n: usize) -> Piece {
        let mut bytes = [0; PIECE];
        // SAFETY: no more than the caller's range and our memory.
        let outcome = unsafe { copy(bytes.as_mut_ptr(), at, n.min(PIECE)) };
        Piece { bytes, outcome }
    }

    /// Copies from the end of a range; the bytes end where `bytes` does.
    unsafe fn last(at: *const u8, n: usize) -> Piece {
        let mut bytes = [0; PIECE];
        let count = n.min(PIECE);
        // SAFETY: no more than our memory and the caller's range.
        let outcome =
            unsafe { copy_back(bytes.as_mut_ptr().wrapping_add(PIECE - count), at.wrapping_add(n - count), count) };
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
            Some(at) => return whole(done + at),
            None => done += both,
        }
        let stopped = [one, other].map(|piece| piece.outcome).into_iter().find(|it| it.fault != 0 && it.done == both);
        if let Some(Outcome { fault, .. }) = stopped {
            return Outcome { done, fault };
        }
    }
    whole(n)
}

pub(super) unsafe fn find_byte(at: *const u8, n: usize, byte: u8) -> Outcome {
    let mut done = 0;
    while done < n {
        // SAFETY: the rest of the caller's range.
        let piece = unsafe { Piece::first(at.wrapping_add(done), n - done) };
        if let Some(index) = memchr::memchr(byte, piece.forward()) {
            return whole(done + index);
        }
        done += piece.outcome.done;
        if piece.outcome.fault != 0 {
            return Outcome { done, ..piece.outcome };
        }
    }
    whole(n)
}

pub(super) unsafe fn rfind_byte(at: *const u8, n: usize, byte: u8) -> Outcome {
    let mut left = n;
    while left > 0 {
        // SAFETY: the rest of the caller's range.
        let piece = unsafe { Piece::last(at, left) };
        left -= piece.outcome.done;
        if let Some(index) = memchr::memrchr(byte, piece.backward()) {
            return whole(left + index + 1);
        }
        if piece.outcome.fault != 0 {
            return Outcome { done: left, ..piece.outcome };
        }
    }
    whole(0)
}

pub(super) unsafe fn find_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome {
    let mut done = 0;
    while done < n {
        // SAFETY: what lies at a distance of the probe from the rest of the places is in the caller's range.
        let pieces = probe.at.map(|distance| unsafe { Piece::first(at.wrapping_add(done + distance), n - done) });
        let places = shortest(&pieces);
        let [first, second, third] = pieces.each_ref().map(|piece| &piece.bytes[..places]);
        let mut candidates = memchr::memchr_iter(probe.bytes[0], first);
        if let Some(place) = candidates.find(|&i| [second[i], third[i]] == probe.bytes[1..]) {
            return whole(done + place);
        }
        done += places;
        if let Some(fault) = stopped(&pieces, places) {
            return Outcome { done, fault };
        }
    }
    whole(n)
}

pub(super) unsafe fn rfind_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome {
    let mut left = n;
    while left > 0 {
        // SAFETY: what lies at a distance of the probe from the places left is in the caller's range.
        let pieces = probe.at.map(|distance| unsafe { Piece::last(at.wrapping_add(distance), left) });
        let places = shortest(&pieces);
        left -= places;
        let [first, second, third] = pieces.each_ref().map(|piece| &piece.bytes[PIECE - places..]);
        let mut candidates = memchr::memrchr_iter(probe.bytes[0], first);
        if let Some(place) = candidates.find(|&i| [second[i], third[i]] == probe.bytes[1..]) {
            return whole(left + place + 1);
        }
        if let Some(fault) = stopped(&pieces, places) {
            return Outcome { done: left, fault };
        }
    }
    whole(0)
}

fn shortest(pieces: &[Piece; 3]) -> usize {
    pieces.iter().map(|piece| piece.outcome.done).min().unwrap_or_default()
}

/// The address at which one of the shortest pieces was stopped.
fn stopped(pieces: &[Piece; 3], shortest: usize) -> Option<usize> {
    pieces.iter().map(|piece| piece.outcome).find(|it| it.fault != 0 && it.done == shortest).map(|it| it.fault)
}

pub(super) unsafe fn gather(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome {
    let place = |i: usize| src.wrapping_offset(step.wrapping_mul(i as isize));
    // SAFETY: the caller's bytes, one after the other.
    singly(n, |i| unsafe { copy(dst.wrapping_add(i), place(i), 1) })
}

pub(super) unsafe fn scatter(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome {
    let place = |i: usize| dst.wrapping_offset(step.wrapping_mul(i as isize));
    // SAFETY: the caller's bytes, one after the other.
    singly(n, |i| unsafe { copy(place(i), src.wrapping_add(i), 1) })
}

/// Copies byte after byte, until one cannot be.
fn singly(n: usize, copy: impl Fn(usize) -> Outcome) -> Outcome {
    for done in 0..n {
        let Outcome { fault, .. } = copy(done);
        if fault != 0 {
            return Outcome { done, fault };
        }
    }
    whole(n)
}

/// Loads `N` bytes, in the order of this processor.
unsafe fn load<const N: usize>(at: *const u8) -> Result<[u8; N], Loaded> {
    let mut bytes = [0; N];
    // SAFETY: the caller's word, and memory of our own.
    match unsafe { copy(bytes.as_mut_ptr(), at, N) } {
        Outcome { fault: 0, .. } => Ok(bytes),
        Outcome { fault, .. } => Err(Loaded { value: 0, fault }),
    }
}

/// Stores `N` bytes. What lies beyond a page's end goes first, so that nothing is stored if the memory ends there; and before that
/// it is asked whether there is any memory at all, because it is the first missing byte that is to be told.
unsafe fn store<const N: usize>(at: *mut u8, bytes: [u8; N]) -> usize {
    let (low, high) = bytes.split_at(ahead(at.addr()).min(N));
    if !high.is_empty() {
        // SAFETY: the start of the caller's word, and memory of our own.
        let there = unsafe { copy([0; N].as_mut_ptr(), at, low.len()) };
        if there.fault != 0 {
            return there.fault;
        }
    }
    // SAFETY: the end of the caller's word, and memory of our own.
    match unsafe { copy(at.wrapping_add(low.len()), high.as_ptr(), high.len()) } {
        // SAFETY: the start of the caller's word, and memory of our own.
        Outcome { fault: 0, .. } => unsafe { copy(at, low.as_ptr(), low.len()) }.fault,
        Outcome { fault, .. } => fault,
    }
}

macro_rules! words {
    ($($load:ident $store:ident $word:ident;)+) => {
        $(
            pub(super) unsafe fn $load(at: *const u8) -> Loaded {
                // SAFETY: the caller's word.
                let word = unsafe { load(at) }.map($word::from_ne_bytes);
                word.map_or_else(|fault| fault, |word| Loaded { value: u64::from(word), fault: 0 })
            }

            pub(super) unsafe fn $store(at: *mut u8, value: u64) -> usize {
                // SAFETY: the caller's word.
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

#[cfg(test)]
pub(super) fn fixups() -> Option<Vec<usize>> {
    None
}
