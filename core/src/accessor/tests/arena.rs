//! The arena: memory between pages that cannot be accessed, and its twin, which does what a kernel should do.

use std::{fmt, ops::Range, ptr::NonNull};

use super::super::{Outcome, Probe};
use crate::{
    flags::{Flags, Protection},
    sys::{fault, page_size, pages::Pages, region::Region, request::MapRequest},
};

/// Five pages between two that cannot be accessed, and a twin of them in ordinary memory. The third page may be a hole, or
/// one that cannot be written.
pub(super) struct Arena {
    /// Keeps the pages.
    _region: Region,
    base: *mut u8,
    pub(super) page: usize,
    pub(super) hole: Range<usize>,
    readable: bool,
    pub(super) twin: Vec<u8>,
    random: u64,
}

impl Arena {
    pub(super) fn new(seed: u64) -> Arena {
        println!("seed {seed}");
        fault::ensure_first();
        let page = page_size();
        let request = MapRequest { protection: Protection::NONE, flags: Flags::PRIVATE | Flags::ANONYMOUS, page };
        let region = Region::new(&request, 7 * page, None).unwrap();
        region.commit(&request, 7 * page).unwrap();
        let (base, twin) = (region.base().as_ptr().wrapping_add(page), vec![0; 5 * page]);
        let mut arena = Arena { _region: region, base, page, hole: 0..0, readable: false, twin, random: seed | 1 };
        arena.protect(0..5, Protection::READ | Protection::WRITE);
        arena.refill(255);
        arena
    }

    fn protect(&self, pages: Range<usize>, protection: Protection) {
        let at = NonNull::new(self.at(pages.start * self.page)).unwrap();
        // SAFETY: pages of the arena, which lives; whoever accesses them later knows the hole.
        let pages = unsafe { Pages::new(at, pages.len() * self.page) };
        pages.protect(protection).unwrap();
    }

    pub(super) fn dig(mut self) -> Arena {
        self.hole = 2 * self.page..3 * self.page;
        self.protect(2..3, Protection::NONE);
        self
    }

    pub(super) fn close(mut self) -> Arena {
        self.hole = 2 * self.page..3 * self.page;
        self.readable = true;
        self.protect(2..3, Protection::READ);
        self
    }

    pub(super) fn len(&self) -> usize {
        5 * self.page
    }

    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        self.base.wrapping_add(offset)
    }

    /// Some number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % end
    }

    /// Bytes from 0 to `most`, the same in the twin.
    pub(super) fn refill(&mut self, most: u8) {
        for offset in 0..self.len() {
            let byte = self.below(usize::from(most) + 1) as u8;
            self.poke(offset, byte);
        }
    }

    pub(super) fn poke(&mut self, offset: usize, byte: u8) {
        if !self.hole.contains(&offset) {
            self.twin[offset] = byte;
            // SAFETY: in the arena, and not in the hole.
            unsafe { self.at(offset).write_volatile(byte) };
        }
    }

    pub(super) fn can_read(&self, offset: usize) -> bool {
        offset < self.len() && (self.readable || !self.hole.contains(&offset))
    }

    pub(super) fn can_write(&self, offset: usize) -> bool {
        offset < self.len() && !self.hole.contains(&offset)
    }

    /// Panics unless the bytes around a range are those of the twin.
    pub(super) fn verify(&self, range: Range<usize>, what: fmt::Arguments<'_>) {
        for offset in range.start.saturating_sub(70)..(range.end + 70).min(self.len()) {
            if self.can_read(offset) {
                // SAFETY: in the arena, and not in the hole.
                let byte = unsafe { self.at(offset).read_volatile() };
                assert_eq!(byte, self.twin[offset], "{what}: byte {offset}");
            }
        }
    }

    pub(super) fn outcome(&self, done: usize, fault: Option<usize>) -> Outcome {
        Outcome { done, fault: fault.map_or(0, |offset| self.at(offset).addr()) }
    }

    pub(super) fn refill_some(&mut self, count: usize) {
        for _ in 0..count {
            let (offset, byte) = (self.below(self.len()), self.below(256) as u8);
            self.poke(offset, byte);
        }
    }

    // The twins: one byte after the other.

    pub(super) fn copy(&mut self, dst: usize, src: usize, n: usize, upward: bool) -> Outcome {
        for done in 0..n {
            let i = if upward { done } else { n - 1 - done };
            if !self.can_read(src + i) {
                return self.outcome(done, Some(src + i));
            }
            if !self.can_write(dst + i) {
                return self.outcome(done, Some(dst + i));
            }
            self.twin[dst + i] = self.twin[src + i];
        }
        self.outcome(n, None)
    }

    /// Copies `n` bytes from places to places.
    pub(super) fn copy_each(
        &mut self,
        n: usize,
        dst: impl Fn(usize) -> usize,
        src: impl Fn(usize) -> usize,
    ) -> Outcome {
        for i in 0..n {
            if !self.can_read(src(i)) {
                return self.outcome(i, Some(src(i)));
            }
            if !self.can_write(dst(i)) {
                return self.outcome(i, Some(dst(i)));
            }
            self.twin[dst(i)] = self.twin[src(i)];
        }
        self.outcome(n, None)
    }

    pub(super) fn fill(&mut self, dst: usize, byte: u8, n: usize) -> Outcome {
        for i in 0..n {
            if !self.can_write(dst + i) {
                return self.outcome(i, Some(dst + i));
            }
            self.twin[dst + i] = byte;
        }
        self.outcome(n, None)
    }

    pub(super) fn compare(&self, a: usize, b: usize, n: usize) -> Outcome {
        for i in 0..n {
            if let Some(fault) = [a + i, b + i].into_iter().find(|&offset| !self.can_read(offset)) {
                return self.outcome(i, Some(fault));
            }
            if self.twin[a + i] != self.twin[b + i] {
                return self.outcome(i, None);
            }
        }
        self.outcome(n, None)
    }

    pub(super) fn find(&self, at: usize, n: usize, probe: &Probe) -> Outcome {
        for i in 0..n {
            match self.candidate(at + i, probe) {
                Err(fault) => return self.outcome(i, Some(fault)),
                Ok(true) => return self.outcome(i, None),
                Ok(false) => {}
            }
        }
        self.outcome(n, None)
    }

    pub(super) fn rfind(&self, at: usize, n: usize, probe: &Probe) -> Outcome {
        for i in (0..n).rev() {
            match self.candidate(at + i, probe) {
                Err(fault) => return self.outcome(i + 1, Some(fault)),
                Ok(true) => return self.outcome(i + 1, None),
                Ok(false) => {}
            }
        }
        self.outcome(0, None)
    }

    fn candidate(&self, place: usize, probe: &Probe) -> Result<bool, usize> {
        let offsets = probe.at.map(|distance| place + distance);
        match offsets.into_iter().find(|&offset| !self.can_read(offset)) {
            Some(fault) => Err(fault),
            None => Ok(offsets.map(|offset| self.twin[offset]) == probe.bytes),
        }
    }
}
