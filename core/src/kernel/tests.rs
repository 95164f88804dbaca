//! Every kernel against a naive twin, with and without pages that cannot be accessed.

#[cfg(not(windows))]
use super::portable;
use super::{Outcome, Probe};
use crate::{
    flags::{Flags, Protection},
    sys::{
        fault, page_size,
        pages::Pages,
        region::{Region, Request},
    },
};
use std::{cell::Cell, fmt, ops::Range, ptr::NonNull};

/// The kernels of one kind.
struct Kernels {
    name: &'static str,
    copy: fn(*mut u8, *const u8, usize) -> Outcome,
    copy_back: fn(*mut u8, *const u8, usize) -> Outcome,
    copy_until: fn(*mut u8, *const u8, usize, u8) -> Outcome,
    fill: fn(*mut u8, u8, usize) -> Outcome,
    compare: fn(*const u8, *const u8, usize) -> Outcome,
    find_byte: fn(*const u8, usize, u8) -> Outcome,
    rfind_byte: fn(*const u8, usize, u8) -> Outcome,
    find_probe: fn(*const u8, usize, &Probe) -> Outcome,
    rfind_probe: fn(*const u8, usize, &Probe) -> Outcome,
    gather: fn(*mut u8, *const u8, usize, isize) -> Outcome,
    scatter: fn(*mut u8, *const u8, usize, isize) -> Outcome,
}

/// Collects the kernels of a module.
///
/// SAFETY, for all of them: the tests hand out ranges in an `Arena` only, and arm the thread when they make one.
macro_rules! kernels_of {
    ($module:path, $stride:path, $name:literal) => {{
        use $module as module;
        use $stride as stride;
        Kernels {
            name: $name,
            // SAFETY: see above.
            copy: |dst, src, n| unsafe { module::copy(dst, src, n) },
            // SAFETY: see above.
            copy_back: |dst, src, n| unsafe { module::copy_back(dst, src, n) },
            // SAFETY: see above.
            copy_until: |dst, src, n, byte| unsafe { module::copy_until(dst, src, n, byte) },
            // SAFETY: see above.
            fill: |dst, byte, n| unsafe { module::fill(dst, byte, n) },
            // SAFETY: see above.
            compare: |a, b, n| unsafe { module::compare(a, b, n) },
            // SAFETY: see above.
            find_byte: |at, n, byte| unsafe { module::find_byte(at, n, byte) },
            // SAFETY: see above.
            rfind_byte: |at, n, byte| unsafe { module::rfind_byte(at, n, byte) },
            // SAFETY: see above.
            find_probe: |at, n, probe| unsafe { module::find_probe(at, n, probe) },
            // SAFETY: see above.
            rfind_probe: |at, n, probe| unsafe { module::rfind_probe(at, n, probe) },
            // SAFETY: see above. These have one form.
            gather: |dst, src, n, step| unsafe { stride::gather(dst, src, n, step) },
            // SAFETY: see above.
            scatter: |dst, src, n, step| unsafe { stride::scatter(dst, src, n, step) },
        }
    }};
}

fn all_kernels() -> Vec<Kernels> {
    vec![
        #[cfg(all(target_arch = "x86_64", not(safemap_portable)))]
        kernels_of!(super::x86_64::sse2, super::own, "SSE2"),
        kernels_of!(super::own, super::own, "own"),
        // Wine, which runs these tests for Windows, copies for `ReadProcessMemory` what is protected as well, and takes its time.
        #[cfg(not(windows))]
        kernels_of!(portable, portable, "portable"),
    ]
}

thread_local! {
    static RECOVERIES: Cell<usize> = const { Cell::new(0) };
}

/// Counts the faults that a thread recovered from.
#[allow(dead_code)] // Portable kernels have none.
pub(super) fn count_recovery() {
    RECOVERIES.set(RECOVERIES.get() + 1);
}

/// Five pages between two that cannot be accessed, and a twin of them in ordinary memory. The third page may be a hole, or
/// one that cannot be written.
struct Arena {
    /// Keeps the pages.
    _region: Region,
    base: *mut u8,
    page: usize,
    hole: Range<usize>,
    readable: bool,
    twin: Vec<u8>,
    random: u64,
}

impl Arena {
    fn new(seed: u64) -> Arena {
        println!("seed {seed}");
        fault::check();
        let page = page_size();
        let request = Request { protection: Protection::NONE, flags: Flags::PRIVATE | Flags::ANONYMOUS, page };
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

    fn dig(mut self) -> Arena {
        self.hole = 2 * self.page..3 * self.page;
        self.protect(2..3, Protection::NONE);
        self
    }

    fn close(mut self) -> Arena {
        self.hole = 2 * self.page..3 * self.page;
        self.readable = true;
        self.protect(2..3, Protection::READ);
        self
    }

    fn len(&self) -> usize {
        5 * self.page
    }

    fn at(&self, offset: usize) -> *mut u8 {
        self.base.wrapping_add(offset)
    }

    /// Some number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % end
    }

    /// Bytes from 0 to `most`, the same in the twin.
    fn refill(&mut self, most: u8) {
        for offset in 0..self.len() {
            let byte = self.below(usize::from(most) + 1) as u8;
            self.poke(offset, byte);
        }
    }

    fn poke(&mut self, offset: usize, byte: u8) {
        if !self.hole.contains(&offset) {
            self.twin[offset] = byte;
            // SAFETY: in the arena, and not in the hole.
            unsafe { self.at(offset).write_volatile(byte) };
        }
    }

    fn can_read(&self, offset: usize) -> bool {
        offset < self.len() && (self.readable || !self.hole.contains(&offset))
    }

    fn can_write(&self, offset: usize) -> bool {
        offset < self.len() && !self.hole.contains(&offset)
    }

    /// Panics unless the bytes around a range are those of the twin.
    fn verify(&self, range: Range<usize>, what: fmt::Arguments<'_>) {
        for offset in range.start.saturating_sub(70)..(range.end + 70).min(self.len()) {
            if self.can_read(offset) {
                // SAFETY: in the arena, and not in the hole.
                let byte = unsafe { self.at(offset).read_volatile() };
                assert_eq!(byte, self.twin[offset], "{what}: byte {offset}");
            }
        }
    }

    fn outcome(&self, done: usize, fault: Option<usize>) -> Outcome {
        Outcome { done, fault: fault.map_or(0, |offset| self.at(offset).addr()) }
    }

    // The twins: one byte after the other.

    fn copy(&mut self, dst: usize, src: usize, n: usize, upward: bool) -> Outcome {
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
    fn copy_each(&mut self, n: usize, dst: impl Fn(usize) -> usize, src: impl Fn(usize) -> usize) -> Outcome {
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

    fn fill(&mut self, dst: usize, byte: u8, n: usize) -> Outcome {
        for i in 0..n {
            if !self.can_write(dst + i) {
                return self.outcome(i, Some(dst + i));
            }
            self.twin[dst + i] = byte;
        }
        self.outcome(n, None)
    }

    fn compare(&self, a: usize, b: usize, n: usize) -> Outcome {
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

    fn find(&self, at: usize, n: usize, probe: &Probe) -> Outcome {
        for i in 0..n {
            match self.candidate(at + i, probe) {
                Err(fault) => return self.outcome(i, Some(fault)),
                Ok(true) => return self.outcome(i, None),
                Ok(false) => {}
            }
        }
        self.outcome(n, None)
    }

    fn rfind(&self, at: usize, n: usize, probe: &Probe) -> Outcome {
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

fn single(byte: u8) -> Probe {
    Probe { bytes: [byte; 3], at: [0; 3] }
}

fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64)
    })
}

fn check_copies(arena: &mut Arena, kernels: &Kernels, dst: usize, src: usize, n: usize) {
    let name = kernels.name;
    if dst <= src || src + n <= dst {
        assert_eq!(
            (kernels.copy)(arena.at(dst), arena.at(src), n),
            arena.copy(dst, src, n, true),
            "{name}: copy {src} to {dst}, {n} bytes"
        );
        arena.verify(dst..dst + n, format_args!("{name}: copy {src} to {dst}, {n} bytes"));
    }
    if dst >= src || dst + n <= src {
        assert_eq!(
            (kernels.copy_back)(arena.at(dst), arena.at(src), n),
            arena.copy(dst, src, n, false),
            "{name}: copy back {src} to {dst}, {n} bytes"
        );
        arena.verify(dst..dst + n, format_args!("{name}: copy back {src} to {dst}, {n} bytes"));
    }
}

fn check_fill(arena: &mut Arena, kernels: &Kernels, dst: usize, n: usize) {
    let name = kernels.name;
    let byte = arena.below(256) as u8;
    assert_eq!((kernels.fill)(arena.at(dst), byte, n), arena.fill(dst, byte, n), "{name}: fill {dst}, {n} bytes");
    arena.verify(dst..dst + n, format_args!("{name}: fill {dst}, {n} bytes"));
}

fn check_compare(arena: &Arena, kernels: &Kernels, a: usize, b: usize, n: usize) {
    let name = kernels.name;
    assert_eq!(
        (kernels.compare)(arena.at(a), arena.at(b), n),
        arena.compare(a, b, n),
        "{name}: compare {a} with {b}, {n} bytes"
    );
}

fn check_find(arena: &Arena, kernels: &Kernels, at: usize, n: usize, byte: u8) {
    let name = kernels.name;
    assert_eq!(
        (kernels.find_byte)(arena.at(at), n, byte),
        arena.find(at, n, &single(byte)),
        "{name}: find {byte} in {at}, {n} bytes"
    );
    assert_eq!(
        (kernels.rfind_byte)(arena.at(at), n, byte),
        arena.rfind(at, n, &single(byte)),
        "{name}: find the last {byte} in {at}, {n} bytes"
    );
}

fn check_probe(arena: &Arena, kernels: &Kernels, at: usize, n: usize, probe: &Probe) {
    let name = kernels.name;
    assert_eq!(
        (kernels.find_probe)(arena.at(at), n, probe),
        arena.find(at, n, probe),
        "{name}: find {probe:?} in {at}, {n} places"
    );
    assert_eq!(
        (kernels.rfind_probe)(arena.at(at), n, probe),
        arena.rfind(at, n, probe),
        "{name}: find the last {probe:?} in {at}, {n} places"
    );
}

fn some_probe(arena: &mut Arena, longest: usize, bytes: usize) -> Probe {
    let last = arena.below(longest);
    let at = [arena.below(last.min(3) + 1).min(last / 2), arena.below(last + 1).max(last / 2), last];
    Probe { bytes: [0; 3].map(|_: u8| arena.below(bytes) as u8), at }
}

/// Calls `check` with ranges of all lengths below `longest` that touch the start or the end of the arena, or lie inside.
fn for_all_ranges(arena: &mut Arena, longest: usize, mut check: impl FnMut(&mut Arena, usize, usize)) {
    for n in 0..longest {
        check(arena, 0, n);
        let end = arena.len() - n;
        check(arena, end, n);
        let inside = arena.below(end);
        check(arena, inside, n);
    }
}

#[test]
fn kernels_do_what_their_twins_do_and_touch_nothing_else() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        RECOVERIES.set(0);
        for_all_ranges(&mut arena, 300, |arena, at, n| {
            for _ in 0..4 {
                let other = arena.below(arena.len() - n);
                check_copies(arena, &kernels, at, other, n);
                check_compare(arena, &kernels, at, other, n);
                check_copies(arena, &kernels, other, at, n);
                check_compare(arena, &kernels, other, at, n);
                check_fill(arena, &kernels, other, n);
                let byte = arena.below(256) as u8;
                check_find(arena, &kernels, at, n, byte);
                let (probe, places) = (some_probe(arena, n.max(1), 4), n.saturating_sub(n.min(n / 2 + 1)));
                let probe = Probe { at: probe.at.map(|distance| distance.min(n - places)), ..probe };
                check_probe(arena, &kernels, at, places.saturating_sub(1), &probe);
            }
            check_fill(arena, &kernels, at, n);
        });
        assert_eq!(RECOVERIES.get(), 0, "{} accessed what it was not given", kernels.name);
    }
}

#[test]
fn overlapping_copies_arrive_whole() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        for n in (0..300).chain([500, 1000, 2047, 2048, 5000]) {
            for distance in [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257] {
                let at = arena.below(64);
                check_copies(&mut arena, &kernels, at, at + distance, n);
                check_copies(&mut arena, &kernels, at + distance, at, n);
            }
        }
    }
}

#[test]
fn comparisons_find_the_first_difference_wherever_it_is() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        for n in 0..300 {
            let (a, b) = (arena.below(64), 1000 + arena.below(64));
            check_copies(&mut arena, &kernels, b, a, n);
            check_compare(&arena, &kernels, a, b, n);
            for i in (0..n).rev() {
                let other = arena.twin[b + i] ^ 128;
                arena.poke(b + i, other);
                check_compare(&arena, &kernels, a, b, n);
            }
        }
    }
}

#[test]
fn bytes_are_found_wherever_they_are() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        arena.refill(0);
        for n in (1..140).chain([160, 191, 256, 299]) {
            for i in 0..n {
                let at = if n % 2 == 0 { arena.len() - n } else { i % 64 };
                let second = arena.below(n);
                arena.poke(at + i, 1);
                check_find(&arena, &kernels, at, n, 1);
                arena.poke(at + second, 1);
                check_find(&arena, &kernels, at, n, 1);
                check_probe(&arena, &kernels, at, n, &single(1));
                arena.poke(at + i, 0);
                arena.poke(at + second, 0);
            }
        }
    }
}

#[test]
fn long_ranges_are_no_different() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        for _ in 0..100 {
            let n = arena.below(arena.len() / 2);
            let (a, b) = (arena.below(arena.len() / 2), arena.below(arena.len() / 2));
            check_copies(&mut arena, &kernels, a, b, n);
            check_compare(&arena, &kernels, a, b, n);
            check_fill(&mut arena, &kernels, a, n / 2);
            arena.refill_some(100);
        }
        arena.refill(20);
        for _ in 0..100 {
            let n = arena.below(arena.len() / 2);
            let at = arena.below(arena.len() / 4);
            let probe = some_probe(&mut arena, 300, 22);
            check_probe(&arena, &kernels, at, n, &probe);
            check_find(&arena, &kernels, at, n, 21);
        }
    }
}

impl Arena {
    fn refill_some(&mut self, count: usize) {
        for _ in 0..count {
            let (offset, byte) = (self.below(self.len()), self.below(256) as u8);
            self.poke(offset, byte);
        }
    }
}

/// Calls `check` with ranges that begin or end at every distance up to 300 from the hole.
fn for_all_borders(arena: &mut Arena, mut check: impl FnMut(&mut Arena, usize, usize)) {
    for distance in (0..140).chain([160, 255, 256, 257, 299]) {
        for more in [1, 2, 15, 31, 32, 33, 64, 100, 129, 256, 1000] {
            check(arena, arena.hole.start - distance, distance + more);
            check(arena, arena.hole.end - more, distance + more);
        }
    }
}

/// Every kind with a hole of either kind.
fn with_holes() -> impl Iterator<Item = (Kernels, fn(Arena) -> Arena)> {
    let dug = all_kernels().into_iter().map(|kernels| (kernels, Arena::dig as fn(Arena) -> Arena));
    dug.chain(all_kernels().into_iter().map(|kernels| (kernels, Arena::close as fn(Arena) -> Arena)))
}

#[test]
fn a_fault_ends_a_copy_exactly_where_it_happens() {
    for (kernels, dig) in with_holes() {
        let mut arena = dig(Arena::new(seed()));
        for_all_borders(&mut arena, |arena, at, n| {
            let elsewhere = if at < arena.hole.start { arena.len() - n - 1 } else { arena.below(60) };
            check_copies(arena, &kernels, at, elsewhere, n);
            check_copies(arena, &kernels, elsewhere, at, n);
            check_fill(arena, &kernels, at, n);
        });
    }
}

#[test]
fn a_fault_ends_an_overlapping_copy_exactly_where_it_happens() {
    for (kernels, dig) in with_holes() {
        let mut arena = dig(Arena::new(seed()));
        for_all_borders(&mut arena, |arena, at, n| {
            for _ in 0..4 {
                let distance = if arena.below(2) == 0 { arena.below(80) } else { arena.below(280) };
                check_copies(arena, &kernels, at, at + distance, n);
                check_copies(arena, &kernels, at + distance, at, n);
            }
            arena.refill_some(20);
        });
    }
}

#[test]
fn a_fault_ends_a_search_exactly_where_it_happens() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed()).dig();
        arena.refill(20);
        for_all_borders(&mut arena, |arena, at, n| {
            check_find(arena, &kernels, at, n, 21);
            check_find(arena, &kernels, at, n, 20);
            for bytes in [22, 3] {
                let probe = some_probe(arena, 40, bytes);
                check_probe(arena, &kernels, at.saturating_sub(arena.hole.len().min(probe.at[2])), n, &probe);
            }
            let elsewhere = if at < arena.hole.start { arena.len() - n - 1 } else { arena.below(60) };
            check_compare(arena, &kernels, at, elsewhere, n);
            check_copies(arena, &kernels, at, elsewhere, n);
            check_compare(arena, &kernels, at, elsewhere, n);
            check_compare(arena, &kernels, elsewhere, at, n);
        });
    }
}

/// `n` bytes in a row at `row`, and places from `first` on that are `step` apart.
fn check_strides(arena: &mut Arena, kernels: &Kernels, row: usize, first: usize, n: usize, step: isize) {
    let name = kernels.name;
    let place = |i: usize| first.wrapping_add_signed(step * i as isize);
    let places = place(0).min(place(n.max(1) - 1))..place(0).max(place(n.max(1) - 1)) + 1;
    assert_eq!(
        (kernels.gather)(arena.at(row), arena.at(first), n, step),
        arena.copy_each(n, |i| row + i, place),
        "{name}: gather {n} bytes from {first} by {step}"
    );
    arena.verify(row..row + n, format_args!("{name}: gather {n} bytes from {first} by {step}"));
    assert_eq!(
        (kernels.scatter)(arena.at(first), arena.at(row), n, step),
        arena.copy_each(n, place, |i| row + i),
        "{name}: scatter {n} bytes to {first} by {step}"
    );
    arena.verify(places, format_args!("{name}: scatter {n} bytes to {first} by {step}"));
}

const STEPS: [isize; 9] = [1, 2, 3, 7, 64, 200, -1, -2, -77];

#[test]
fn bytes_are_gathered_and_scattered_at_any_distance() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        RECOVERIES.set(0);
        for n in 0..40 {
            for step in STEPS {
                let room = n * step.unsigned_abs();
                let start = arena.below(arena.len() / 2 - room);
                let first = if step > 0 { start } else { start + room };
                let row = arena.len() - n - arena.below(70);
                check_strides(&mut arena, &kernels, row, first, n, step);
            }
        }
        assert_eq!(RECOVERIES.get(), 0, "{} accessed what it was not given", kernels.name);
    }
}

#[test]
fn a_fault_ends_a_stride_exactly_where_it_happens() {
    for (kernels, dig) in with_holes() {
        let mut arena = dig(Arena::new(seed()));
        for step in STEPS {
            for before in 0..9 {
                let reach = before * step.unsigned_abs();
                let first = if step > 0 { arena.hole.start - 1 - reach } else { arena.hole.end + reach };
                check_strides(&mut arena, &kernels, 10, first, 20, step);
                let row = arena.hole.start - before;
                check_strides(&mut arena, &kernels, row, if step > 0 { 0 } else { 4000 }, 20, step);
            }
        }
    }
}

/// What `copy_until` does to a row that nobody else looks at.
fn check_until(arena: &mut Arena, kernels: &Kernels, dst: usize, src: usize, n: usize, byte: u8) {
    let name = kernels.name;
    let found = (0..n).find(|&i| arena.can_read(src + i) && arena.twin[src + i] == byte);
    let hole = (0..n).find(|&i| !arena.can_read(src + i) || !arena.can_write(dst + i));
    let done = found.map_or(n, |at| at + 1).min(hole.unwrap_or(n));
    let outcome = (kernels.copy_until)(arena.at(dst), arena.at(src), n, byte);
    let stopped = hole.filter(|&at| done == at && found.is_none_or(|found| found >= at));
    let fault = stopped.map(|at| if arena.can_read(src + at) { dst + at } else { src + at });
    assert_eq!(outcome, arena.outcome(done, fault), "{name}: copy {n} bytes from {src} to {dst} until {byte}");
    // SAFETY: in the arena, and not in the hole.
    let copied: Vec<u8> = (0..done).map(|i| unsafe { arena.at(dst + i).read_volatile() }).collect();
    assert_eq!(copied, &arena.twin[src..src + done], "{name}: copy {n} bytes from {src} to {dst} until {byte}");
    // What lies behind the bytes that were asked for is as it was.
    arena.verify(dst + n + 70..dst + n + 70, format_args!("{name}: copy {n} bytes from {src} to {dst} until {byte}"));
    (0..n).for_each(|i| arena.poke(dst + i, arena.twin[dst + i]));
}

#[test]
fn bytes_are_copied_until_one_that_is_wanted() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        arena.refill(0);
        for n in (0..140).chain([160, 191, 256, 299]) {
            for i in 0..n {
                let (src, dst) = (if n % 2 == 0 { 4000 - n } else { i % 64 }, arena.len() - n - 1 - i % 37);
                arena.poke(src + i, 1);
                check_until(&mut arena, &kernels, dst, src, n, 1);
                arena.poke(src + i, 0);
            }
            check_until(&mut arena, &kernels, 9000, 0, n, 1);
        }
    }
}

#[test]
fn a_fault_ends_a_copy_until_a_byte_exactly_where_it_happens() {
    for (kernels, dig) in with_holes() {
        let mut arena = dig(Arena::new(seed()));
        arena.refill(40);
        for distance in 0..140 {
            for more in [1, 2, 15, 33, 100] {
                let (before, end) = (arena.hole.start - distance, arena.len() - distance - more - 80);
                for byte in [30, 200] {
                    check_until(&mut arena, &kernels, end, before, distance + more, byte);
                    check_until(&mut arena, &kernels, before, 100, distance + more, byte);
                }
            }
        }
    }
}

#[test]
fn words_go_to_any_address() {
    let mut arena = Arena::new(seed());
    arena.refill(0);
    let value = 0x8877_6655_4433_2211_u64;
    for at in (0..70).chain(arena.page - 9..arena.page + 9) {
        macro_rules! check {
            ($module:ident, $load:ident, $store:ident, $size:literal) => {
                // SAFETY: in the arena.
                assert_eq!(unsafe { super::$module::$store(arena.at(at), value) }, 0);
                arena.twin[at..at + $size].copy_from_slice(
                    &value.to_ne_bytes()[if cfg!(target_endian = "big") { 8 - $size } else { 0 }..][..$size],
                );
                arena.verify(at..at + $size, format_args!("{}", stringify!($store)));
                // SAFETY: in the arena.
                let loaded = unsafe { super::$module::$load(arena.at(at)) };
                assert_eq!((loaded.value, loaded.fault), (value & (!0 >> (64 - 8 * $size)), 0));
                // SAFETY: in the arena.
                unsafe { super::$module::$store(arena.at(at), 0) };
                arena.twin[at..at + $size].fill(0);
            };
        }
        check!(own, load8, store8, 1);
        check!(own, load16, store16, 2);
        check!(own, load32, store32, 4);
        check!(own, load64, store64, 8);
        check!(portable, load8, store8, 1);
        check!(portable, load16, store16, 2);
        check!(portable, load32, store32, 4);
        check!(portable, load64, store64, 8);
    }
}

#[test]
fn words_that_are_not_there_are_faults() {
    let arena = Arena::new(seed()).dig();
    macro_rules! check {
        ($module:ident, $load:ident, $store:ident, $size:literal) => {
            for at in arena.hole.start - $size + 1..arena.hole.start + 1 {
                let border = arena.at(arena.hole.start).addr();
                // SAFETY: in the arena.
                assert_eq!(unsafe { super::$module::$load(arena.at(at)) }, super::Loaded { value: 0, fault: border });
                // SAFETY: in the arena.
                assert_eq!(unsafe { super::$module::$store(arena.at(at), 0) }, border);
                let at = arena.hole.end - (arena.hole.start + 1 - at);
                // SAFETY: in the arena.
                assert_eq!(unsafe { super::$module::$load(arena.at(at)) }.fault, arena.at(at).addr());
            }
            arena.verify(arena.hole.start - 8..arena.hole.start, format_args!("{}", stringify!($store)));
        };
    }
    check!(own, load8, store8, 1);
    check!(own, load16, store16, 2);
    check!(own, load32, store32, 4);
    check!(own, load64, store64, 8);
    #[cfg(not(windows))] // See `all_kernels`.
    check!(portable, load8, store8, 1);
    #[cfg(not(windows))]
    check!(portable, load64, store64, 8);
}

#[test]
fn no_recovery_is_itself_an_access() {
    if let Some(recoveries) = super::own::recoveries() {
        assert!(recoveries.len() > 50);
        assert!(recoveries.iter().all(|&at| super::own::recovery(at).is_none()));
    }
}
