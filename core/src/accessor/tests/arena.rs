//! Memory between inaccessible pages, and its reference model: an ordinary vector on which naive
//! loops do what the accessors should do.

use std::{fmt, ops::Range, ptr::NonNull};

use crate::{
    accessor::{Outcome, Probe},
    flags::{Flags, Protection},
    sys::{fault, page_size, pages::Pages, region::Region, request::MapRequest},
};

/// Five pages between two inaccessible ones, and a model of them in ordinary memory. The third page
/// may be a hole: inaccessible or read-only.
pub(super) struct Arena {
    /// Keeps the pages mapped.
    _region: Region,
    base: *mut u8,
    pub(super) page: usize,
    pub(super) hole: Range<usize>,
    readable: bool,
    pub(super) model: Vec<u8>,
    random: u64,
}

impl Arena {
    pub(super) fn new(seed: u64) -> Arena {
        println!("seed {seed}");
        fault::ensure_first().unwrap();
        let page = page_size();
        let request = MapRequest {
            protection: Protection::NONE,
            flags: Flags::PRIVATE | Flags::ANONYMOUS,
            page,
        };
        let region = Region::new(&request, 7 * page, None).unwrap();
        region.commit(&request, 7 * page).unwrap();
        let (base, model) = (region.base().as_ptr().wrapping_add(page), vec![0; 5 * page]);
        let mut arena = Arena {
            _region: region,
            base,
            page,
            hole: 0..0,
            readable: false,
            model,
            random: seed | 1,
        };
        arena.protect(0..5, Protection::READ | Protection::WRITE);
        arena.refill(255);
        arena
    }

    fn protect(&self, pages: Range<usize>, protection: Protection) {
        let at = NonNull::new(self.at(pages.start * self.page)).unwrap();
        // SAFETY: pages of the arena, whose region stays mapped. Code that accesses them checks for
        // the hole.
        let pages = unsafe { Pages::new(at, pages.len() * self.page) };
        pages.protect(protection).unwrap();
    }

    /// Makes the third page inaccessible.
    pub(super) fn with_inaccessible_hole(mut self) -> Arena {
        self.hole = 2 * self.page..3 * self.page;
        self.protect(2..3, Protection::NONE);
        self
    }

    /// Makes the third page read-only.
    pub(super) fn with_read_only_hole(mut self) -> Arena {
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

    /// A pseudo-random number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % end
    }

    /// Writes random bytes from 0 to `most`, also to the model.
    pub(super) fn refill(&mut self, most: u8) {
        for offset in 0..self.len() {
            let byte = self.below(usize::from(most) + 1) as u8;
            self.write(offset, byte);
        }
    }

    /// Writes a byte, also to the model; nothing in the hole.
    pub(super) fn write(&mut self, offset: usize, byte: u8) {
        if !self.hole.contains(&offset) {
            self.model[offset] = byte;
            // SAFETY: the byte lies in the arena and not in the hole.
            unsafe { self.at(offset).write_volatile(byte) };
        }
    }

    pub(super) fn can_read(&self, offset: usize) -> bool {
        offset < self.len() && (self.readable || !self.hole.contains(&offset))
    }

    pub(super) fn can_write(&self, offset: usize) -> bool {
        offset < self.len() && !self.hole.contains(&offset)
    }

    /// Panics unless the bytes in and around a range equal those of the model.
    pub(super) fn verify(&self, range: Range<usize>, what: fmt::Arguments<'_>) {
        for offset in range.start.saturating_sub(70)..(range.end + 70).min(self.len()) {
            if self.can_read(offset) {
                // SAFETY: the byte lies in the arena and not in the hole.
                let byte = unsafe { self.at(offset).read_volatile() };
                assert_eq!(byte, self.model[offset], "{what}: byte {offset}");
            }
        }
    }

    pub(super) fn outcome(&self, done: usize, fault: Option<usize>) -> Outcome {
        Outcome { done, fault: fault.map_or(0, |offset| self.at(offset).addr()) }
    }

    pub(super) fn refill_some(&mut self, count: usize) {
        for _ in 0..count {
            let (offset, byte) = (self.below(self.len()), self.below(256) as u8);
            self.write(offset, byte);
        }
    }

    // The reference implementations, byte by byte.

    pub(super) fn copy(&mut self, dst: usize, src: usize, n: usize, upward: bool) -> Outcome {
        for done in 0..n {
            let i = if upward { done } else { n - 1 - done };
            if !self.can_read(src + i) {
                return self.outcome(done, Some(src + i));
            }
            if !self.can_write(dst + i) {
                return self.outcome(done, Some(dst + i));
            }
            self.model[dst + i] = self.model[src + i];
        }
        self.outcome(n, None)
    }

    /// Copies `n` bytes from the offsets `src(i)` to the offsets `dst(i)`.
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
            self.model[dst(i)] = self.model[src(i)];
        }
        self.outcome(n, None)
    }

    pub(super) fn fill(&mut self, dst: usize, byte: u8, n: usize) -> Outcome {
        for i in 0..n {
            if !self.can_write(dst + i) {
                return self.outcome(i, Some(dst + i));
            }
            self.model[dst + i] = byte;
        }
        self.outcome(n, None)
    }

    pub(super) fn compare(&self, a: usize, b: usize, n: usize) -> Outcome {
        for i in 0..n {
            if let Some(fault) = [a + i, b + i].into_iter().find(|&offset| !self.can_read(offset)) {
                return self.outcome(i, Some(fault));
            }
            if self.model[a + i] != self.model[b + i] {
                return self.outcome(i, None);
            }
        }
        self.outcome(n, None)
    }

    pub(super) fn find(&self, at: usize, n: usize, probe: &Probe) -> Outcome {
        for i in 0..n {
            match self.is_candidate(at + i, probe) {
                Err(fault) => return self.outcome(i, Some(fault)),
                Ok(true) => return self.outcome(i, None),
                Ok(false) => {}
            }
        }
        self.outcome(n, None)
    }

    pub(super) fn count(&self, at: usize, n: usize, byte: u8) -> Outcome {
        let fault = (at..at + n).find(|&at| !self.can_read(at));
        let read = &self.model[at..fault.unwrap_or(at + n)];
        self.outcome(read.iter().filter(|&&it| it == byte).count(), fault)
    }

    pub(super) fn rfind(&self, at: usize, n: usize, probe: &Probe) -> Outcome {
        for i in (0..n).rev() {
            match self.is_candidate(at + i, probe) {
                Err(fault) => return self.outcome(i + 1, Some(fault)),
                Ok(true) => return self.outcome(i + 1, None),
                Ok(false) => {}
            }
        }
        self.outcome(0, None)
    }

    fn is_candidate(&self, start: usize, probe: &Probe) -> Result<bool, usize> {
        let offsets = probe.at.map(|distance| start + distance);
        match offsets.into_iter().find(|&offset| !self.can_read(offset)) {
            Some(fault) => Err(fault),
            None => Ok(offsets.map(|offset| self.model[offset]) == probe.bytes),
        }
    }
}
