//! Search: `find` and `rfind` over memory that may change or vanish.
//!
//! One byte is looked for by a kernel. For more, a kernel looks for three bytes of the needle at once, and what it proposes
//! is compared. Where it proposes too much that is wrong, the rest goes through the linear search of the `memchr` crate,
//! window by window in private memory. Where a long needle cannot begin, most of the map need not be looked at: see `skip`.
//!
//! A match counts when all of it can be read: the search ends at the first byte that cannot, with an error, unless it
//! found a match before.
//!
//! # Safety
//!
//! The unsafe blocks hand kernels a part of a [`Span`], which lies in the map.

#![allow(unsafe_code)]

mod skip;

use std::{
    cell::Cell,
    ops::{Range, RangeBounds},
    ptr::NonNull,
};

use memchr::{
    arch::all::packedpair::Pair,
    memmem::{Finder, FinderRev},
};

use skip::Skipper;

use crate::{
    Error, Map, Result,
    accessor::{self, Probe},
    span::Span,
};

/// Bytes searched at a time in private memory: they stay in the processor's first cache.
const WINDOW: usize = 16 * 1024;

impl Map {
    /// Finds the first `needle` in `range` and returns its offset in the map.
    ///
    /// An empty needle is found at the start of the range.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Fault`] if a byte that the search looks at cannot be read, and there is no match before it.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let at = map.find(b"name", ..)?.expect("every manifest has one");
    /// assert_eq!(map.find(b"name", at + 1..at + 4)?, None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "memmem")]
    pub fn find(&self, needle: &[u8], range: impl RangeBounds<usize>) -> Result<Option<usize>> {
        let span = self.span("find", range)?;
        match needle {
            [] => Ok(Some(span.start())),
            _ if needle.len() > span.len() => Ok(None),
            &[byte] => self.find_byte(byte, span),
            _ => self.find_probed(needle, span),
        }
    }

    /// Finds the last `needle` in `range` and returns its offset in the map.
    ///
    /// An empty needle is found at the end of the range.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Fault`] if a byte that the search looks at cannot be read, and there is no match behind it.
    #[doc(alias = "memrchr")]
    pub fn rfind(&self, needle: &[u8], range: impl RangeBounds<usize>) -> Result<Option<usize>> {
        let span = self.span("rfind", range)?;
        match needle {
            [] => Ok(Some(span.end())),
            _ if needle.len() > span.len() => Ok(None),
            &[byte] => self.rfind_byte(byte, span),
            _ => self.rfind_probed(needle, span),
        }
    }

    fn find_byte(&self, byte: u8, span: Span) -> Result<Option<usize>> {
        let at = self.transfer(span, NonNull::dangling().as_ptr(), move |base, done| {
            let from = base.wrapping_add(span.start() + done);
            // SAFETY: what is left of `span`, which lies in the map.
            unsafe { accessor::find_byte(from, span.len() - done, byte) }
        })?;
        Ok((at < span.len()).then_some(span.start() + at))
    }

    fn rfind_byte(&self, byte: u8, span: Span) -> Result<Option<usize>> {
        let end = Cell::new(span.len());
        self.transfer(span, NonNull::dangling().as_ptr(), |base, _| {
            // SAFETY: what is left of `span`, which lies in the map.
            let outcome = unsafe { accessor::rfind_byte(base.wrapping_add(span.start()), end.get(), byte) };
            end.set(outcome.done);
            outcome
        })?;
        Ok(end.get().checked_sub(1).map(|at| span.start() + at))
    }

    fn find_probed(&self, needle: &[u8], span: Span) -> Result<Option<usize>> {
        let places = span.len() - needle.len() + 1;
        let ended = match skip::worthwhile(needle, places) {
            Some(middle) => self.hunt_skipping(needle, span, middle, places)?,
            None => self.hunt(&mut Hunt::of(needle), span, 0..places)?,
        };
        match ended {
            Ended::Found(at) => Ok(Some(span.start() + at)),
            Ended::TooManyWrong(at) => self.find_windowed(needle, span, at),
            Ended::Nothing => Ok(None),
        }
    }

    /// Looks for the needle at the `places` of `span`. If it is at none of them, the hunt may go on at others.
    ///
    /// Inlined, so that a short search keeps its hunt in registers: a third of its time.
    #[inline(always)]
    fn hunt(&self, hunt: &mut Hunt<'_>, span: Span, places: Range<usize>) -> Result<Ended> {
        let mut at = places.start;
        while at < places.end {
            let found = self.next_candidate(&hunt.probe, span.part(at, span.len()), places.end - at)?;
            hunt.budget.earn(found);
            at += found;
            if at == places.end {
                break;
            }
            match self.difference(hunt.needle, span.part(at, hunt.needle.len()))? {
                None => return Ok(Ended::Found(at)),
                Some(same) if hunt.budget.spend(same) => {
                    hunt.probe.learn(hunt.needle, same);
                    at += 1;
                }
                Some(_) => return Ok(Ended::TooManyWrong(at + 1)),
            }
        }
        Ok(Ended::Nothing)
    }

    /// As [`Map::hunt`], but in the `middle` only where one cannot tell at a glance that the needle does not begin.
    #[inline(never)]
    fn hunt_skipping(&self, needle: &[u8], span: Span, middle: Range<usize>, places: usize) -> Result<Ended> {
        let mut hunt = Hunt::of(needle);
        let mut at_all = |places| self.hunt(&mut hunt, span, places);
        let ended = at_all(0..middle.start)?;
        let skipper = match ended {
            Ended::Nothing => Skipper::of(needle),
            _ => return Ok(ended),
        };
        let Some(mut skipper) = skipper else { return at_all(middle.start..places) };
        let mut at = middle.start;
        while at < places {
            let doubtful = if at < middle.end { self.skip(&mut skipper, span, at..middle.end)? } else { at..places };
            match at_all(doubtful.clone()) {
                Ok(Ended::Nothing) => at = doubtful.end,
                // Whoever leaves out nothing meets the first byte of a hole first: before the place where it may be met here.
                Err(Error::Fault { .. }) => {
                    let start = doubtful.start.saturating_sub(needle.len());
                    return at_all(start..places);
                }
                ended => return ended,
            }
        }
        Ok(Ended::Nothing)
    }

    fn rfind_probed(&self, needle: &[u8], span: Span) -> Result<Option<usize>> {
        let mut probe = Probe::of(needle);
        let (mut places, mut budget) = (span.len() - needle.len() + 1, Budget::new());
        while let Some(at) = self.last_candidate(&probe, span, places)? {
            budget.earn(places - at);
            match self.difference(needle, span.part(at, needle.len()))? {
                None => return Ok(Some(span.start() + at)),
                Some(same) if budget.spend(same) => {
                    probe.learn(needle, same);
                    places = at;
                }
                Some(_) => return self.rfind_windowed(needle, span, at + needle.len() - 1),
            }
        }
        Ok(None)
    }

    /// How many of the first `places` of `span` come before the first that fits the probe.
    fn next_candidate(&self, probe: &Probe, span: Span, places: usize) -> Result<usize> {
        self.transfer(span, NonNull::dangling().as_ptr(), move |base, done| {
            let from = base.wrapping_add(span.start() + done);
            // SAFETY: the needle has room at every one of the places, so the probe's bytes lie in `span`.
            unsafe { accessor::find_probe(from, places - done, probe) }
        })
    }

    /// The last of the first `places` of `span` that fits the probe.
    fn last_candidate(&self, probe: &Probe, span: Span, places: usize) -> Result<Option<usize>> {
        let end = Cell::new(places);
        self.transfer(span, NonNull::dangling().as_ptr(), |base, _| {
            // SAFETY: the needle has room at every one of the places, so the probe's bytes lie in `span`.
            let outcome = unsafe { accessor::rfind_probe(base.wrapping_add(span.start()), end.get(), probe) };
            end.set(outcome.done);
            outcome
        })?;
        Ok(end.get().checked_sub(1))
    }

    /// The linear search, for the part of `span` from its byte `from` on.
    fn find_windowed(&self, needle: &[u8], span: Span, from: usize) -> Result<Option<usize>> {
        let finder = Finder::new(needle);
        let mut window = window(needle)?;
        let mut at = from;
        while at + needle.len() <= span.len() {
            let size = window.len().min(span.len() - at);
            let read = self.read_exact_at(&mut window[..size], span.start() + at);
            let seen = seen(&read, span.start() + at, size);
            if let Some(found) = finder.find(&window[..seen]) {
                return Ok(Some(span.start() + at + found));
            }
            read?;
            // The next window begins where a needle could begin that did not fit into this one.
            at += size - (needle.len() - 1);
        }
        Ok(None)
    }

    /// The linear search backwards, for the first `to` bytes of `span`.
    fn rfind_windowed(&self, needle: &[u8], span: Span, to: usize) -> Result<Option<usize>> {
        let finder = FinderRev::new(needle);
        let mut window = window(needle)?;
        let mut end = to;
        while end >= needle.len() {
            let size = window.len().min(end);
            let piece = span.part(end - size, size);
            let unread = Cell::new(size);
            let read = self.read_back(&mut window[..size], piece, &unread);
            if let Some(found) = finder.rfind(&window[unread.get()..size]) {
                return Ok(Some(piece.start() + unread.get() + found));
            }
            read?;
            end -= size - (needle.len() - 1);
        }
        Ok(None)
    }

    /// Fills `buffer` with the bytes of `span`, the last first; the first `unread` of them are missing in the end.
    fn read_back(&self, buffer: &mut [u8], span: Span, unread: &Cell<usize>) -> Result<()> {
        let to = buffer.as_mut_ptr();
        self.transfer(span, to, |base, _| {
            // SAFETY: the bytes lie in `span`, and `buffer` is as long.
            let outcome = unsafe { accessor::copy_back(to, base.wrapping_add(span.start()), unread.get()) };
            unread.set(unread.get() - outcome.done);
            outcome
        })?;
        Ok(())
    }
}

/// A needle, what to look for to find it, and what may be spent on candidates.
struct Hunt<'a> {
    needle: &'a [u8],
    probe: Probe,
    budget: Budget,
}

impl<'a> Hunt<'a> {
    fn of(needle: &'a [u8]) -> Hunt<'a> {
        Hunt { needle, probe: Probe::of(needle), budget: Budget::new() }
    }
}

/// How a hunt ended, and where.
enum Ended {
    Nothing,
    Found(usize),
    /// The budget is spent, and nothing from here on has been looked at.
    TooManyWrong(usize),
}

/// Comparing candidates may cost so many bytes of reading before anything was gained.
const CREDIT: usize = 16 * 1024;
/// What a candidate costs, in bytes that the kernel could have looked at instead.
const CANDIDATE: usize = 128;

/// Keeps the search linear: comparing may cost as much as looking for candidates, and no more.
struct Budget(usize);

impl Budget {
    fn new() -> Budget {
        Budget(CREDIT)
    }

    fn earn(&mut self, bytes: usize) {
        self.0 = self.0.saturating_add(bytes);
    }

    /// Pays for a candidate that was wrong after `same` right bytes; whether that was affordable.
    fn spend(&mut self, same: usize) -> bool {
        let left = self.0.checked_sub(CANDIDATE + same);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

impl Probe {
    /// The two bytes of the needle that are rarest in common data, and a third one; of two bytes the second once more, which kernels
    /// know.
    fn of(needle: &[u8]) -> Probe {
        // A needle of two bytes or more has a pair; both lie in its first 256 bytes.
        let (one, two) = Pair::new(needle).map_or((0, 1), |pair| (pair.index1().into(), pair.index2().into()));
        let last = needle.len().min(256) - 1;
        let third = [last, last / 2, 0].into_iter().find(|at| ![one, two].contains(at)).unwrap_or(one.max(two));
        Probe::at(needle, [one, two, third])
    }

    fn at(needle: &[u8], mut at: [usize; 3]) -> Probe {
        at.sort_unstable();
        Probe { bytes: at.map(|at| needle[at]), at }
    }

    /// Takes the place of the needle where a candidate turned out to be wrong into the probe: in data that repeats itself the next
    /// would be wrong there too. The place next to it goes, whose byte is most likely to tell the same.
    fn learn(&mut self, needle: &[u8], wrong: usize) {
        // The probe's own places were right a moment ago: somebody is writing.
        if !self.at.contains(&wrong) {
            let mut at = self.at;
            let nearest = at.iter_mut().min_by_key(|at| at.abs_diff(wrong)).expect("there are three");
            *nearest = wrong;
            *self = Probe::at(needle, at);
        }
    }
}

/// Private memory for a piece of the map, in which the needle has room several times.
fn window(needle: &[u8]) -> Result<Vec<u8>> {
    let size = WINDOW.max(needle.len().saturating_mul(4));
    let mut window = Vec::new();
    window.try_reserve_exact(size).map_err(|error| Error::os("find")(error.into()))?;
    window.resize(size, 0);
    Ok(window)
}

/// How many of the `size` bytes at `at` the attempt to read them has brought.
fn seen(read: &Result<()>, at: usize, size: usize) -> usize {
    match read {
        // Memory that is broken may be reported by its page.
        Err(Error::Fault { offset }) => offset.saturating_sub(at).min(size),
        Err(_) => 0,
        Ok(()) => size,
    }
}
