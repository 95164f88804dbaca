//! `find` and `rfind`: searches in memory that may change or become inaccessible during the call.
//!
//! An accessor finds a single byte. For a longer needle, an accessor looks for three bytes of the
//! needle at once, and each candidate is compared. If there are too many false candidates, the
//! linear search of the `memchr` crate continues, window by window in private memory. For a long
//! needle, `skip` leaves out most of the map.
//!
//! A match counts if all of it can be read. The search ends with an error at the first byte that
//! it needs and cannot read, unless it has found a match before. It need not read a byte if other
//! bytes exclude every match that would contain it.

mod iter;
mod skip;

use std::ops::{Range, RangeBounds};

use memchr::{
    arch::all::packedpair::Pair,
    memmem::{Finder, FinderRev},
};

pub use iter::FindIter;
use skip::Skipper;

use crate::{Error, Map, Result, access::Span, accessor::Probe, sys::page_size};

/// Bytes that the linear search copies at a time: they fit into the processor's first-level cache.
const WINDOW: usize = 16 * 1024;

impl Map {
    /// Finds the first `needle` in `range` and returns its offset in the map.
    ///
    /// An empty needle is found at the start of the range. `None` means that the bytes that were
    /// read exclude a match at every offset. These need not be all bytes of the range.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Fault`] if the search needs a byte that cannot be read, and
    /// there is no match before it. The offset is that of the first of the inaccessible bytes
    /// there. An inaccessible byte is not reported if other bytes exclude every match that would
    /// contain it.
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
    #[inline]
    pub fn find(&self, needle: &[u8], range: impl RangeBounds<usize>) -> Result<Option<usize>> {
        self.find_in(needle, self.span("find", range)?)
    }

    #[inline]
    pub(crate) fn find_in(&self, needle: &[u8], span: Span) -> Result<Option<usize>> {
        match needle {
            [] => Ok(Some(span.start())),
            _ if needle.len() > span.len() => Ok(None),
            &[byte] => self.find_byte(span, byte),
            _ => self.find_needle(needle, span),
        }
    }

    /// Finds the last `needle` in `range` and returns its offset in the map.
    ///
    /// An empty needle is found at the end of the range. `None` means the same as for
    /// [`find`](Map::find).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Fault`] if the search needs a byte that cannot be read, and
    /// there is no match behind it. The offset is that of the byte that it met. An inaccessible
    /// byte is not reported if other bytes exclude every match that would contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let at = map.rfind(b"[", ..)?.expect("every manifest has tables");
    /// assert_eq!(map.find(b"[", at + 1..)?, None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "memrchr")]
    pub fn rfind(&self, needle: &[u8], range: impl RangeBounds<usize>) -> Result<Option<usize>> {
        let span = self.span("rfind", range)?;
        match needle {
            [] => Ok(Some(span.end())),
            _ if needle.len() > span.len() => Ok(None),
            &[byte] => self.rfind_byte(span, byte),
            _ => self.rfind_needle(needle, span),
        }
    }

    fn find_needle(&self, needle: &[u8], span: Span) -> Result<Option<usize>> {
        match self.drops_behind() {
            false => self.find_needle_in(needle, span),
            true => self.find_needle_in_parts(needle, span),
        }
    }

    /// Searches a map whose pages are released behind the search.
    #[cold]
    #[inline(never)]
    fn find_needle_in_parts(&self, needle: &[u8], span: Span) -> Result<Option<usize>> {
        self.search_in_parts(span, needle.len() - 1, |part| match needle.len() <= part.len() {
            true => self.find_needle_in(needle, part),
            false => Ok(None),
        })
    }

    // Inlined for a short search, of which a call would take a part.
    #[inline(always)]
    fn find_needle_in(&self, needle: &[u8], span: Span) -> Result<Option<usize>> {
        let candidates = span.len() - needle.len() + 1;
        let end = match skip::worthwhile(needle, candidates) {
            Some(middle) => self.scan_skipping(needle, span, middle, candidates),
            None => self.scan(&mut Scan::new(needle), span, 0..candidates),
        };
        match end.map_err(|error| self.first_fault(error, needle.len(), span))? {
            ScanEnd::Found(index) => Ok(Some(span.start() + index)),
            ScanEnd::BudgetSpent(index) => self.find_windowed(needle, span, index),
            ScanEnd::NoMatch => Ok(None),
        }
    }

    /// Returns the fault at the first byte that cannot be read.
    ///
    /// A candidate's bytes are read out of order, so `error` may be a fault behind the start of a
    /// hole. The bytes before the last `reach` ones were read.
    #[cold]
    fn first_fault(&self, error: Error, reach: usize, span: Span) -> Error {
        let Error::Fault { offset } = error else { return error };
        let (lead, page) = (self.memory.lead(), page_size());
        let mut at = offset.saturating_sub(reach).max(span.start());
        while at < offset {
            if let Err(first) = self.load_byte(span, at - span.start()) {
                return first;
            }
            at = (lead + at + 1).next_multiple_of(page) - lead;
        }
        error
    }

    /// Looks for the needle at the `candidates` of `span`. If it is at none of them, the scan may
    /// continue at others.
    ///
    /// Inlined, so that a short search keeps the scan in registers: a third of its time.
    #[inline(always)]
    fn scan(&self, scan: &mut Scan<'_>, span: Span, candidates: Range<usize>) -> Result<ScanEnd> {
        let mut at = candidates.start;
        while at < candidates.end {
            let probed = span.part(at, candidates.end - at + scan.probe.reach());
            let before = self.next_candidate(probed, &scan.probe)?;
            scan.budget.earn(before);
            at += before;
            if at == candidates.end {
                break;
            }
            match self.first_difference(span.rest(at), scan.needle)? {
                None => return Ok(ScanEnd::Found(at)),
                Some(equal) if scan.budget.spend(equal) => {
                    scan.probe.learn(scan.needle, equal);
                    at += 1;
                }
                Some(_) => return Ok(ScanEnd::BudgetSpent(at + 1)),
            }
        }
        Ok(ScanEnd::NoMatch)
    }

    /// Like [`Map::scan`], but leaves out candidates in the `middle` where the needle cannot begin.
    #[inline(never)]
    fn scan_skipping(
        &self,
        needle: &[u8],
        span: Span,
        middle: Range<usize>,
        candidates: usize,
    ) -> Result<ScanEnd> {
        let mut scan = Scan::new(needle);
        let mut scan_all = |candidates| self.scan(&mut scan, span, candidates);
        let end = scan_all(0..middle.start)?;
        let skipper = match end {
            ScanEnd::NoMatch => Skipper::new(needle),
            _ => return Ok(end),
        };
        let Some(mut skipper) = skipper else { return scan_all(middle.start..candidates) };
        let mut at = middle.start;
        while at < candidates {
            let possible = if at < middle.end {
                self.skip(&mut skipper, span, at..middle.end)?
            } else {
                at..candidates
            };
            match scan_all(possible.clone()) {
                Ok(ScanEnd::NoMatch) => at = possible.end,
                // The fault may lie behind the start of a hole, whose first byte has to be
                // reported. It is found by going back by the length of the needle and leaving out
                // nothing more.
                Err(Error::Fault { .. }) => {
                    let start = possible.start.saturating_sub(needle.len());
                    return scan_all(start..candidates);
                }
                end => return end,
            }
        }
        Ok(ScanEnd::NoMatch)
    }

    // Inlined as `find_needle_in`.
    #[inline(always)]
    fn rfind_needle(&self, needle: &[u8], span: Span) -> Result<Option<usize>> {
        let mut scan = Scan::new(needle);
        let mut candidates = span.len() - needle.len() + 1;
        while let Some(at) =
            self.last_candidate(span.part(0, candidates + scan.probe.reach()), &scan.probe)?
        {
            scan.budget.earn(candidates - at);
            match self.first_difference(span.rest(at), needle)? {
                None => return Ok(Some(span.start() + at)),
                Some(equal) if scan.budget.spend(equal) => {
                    scan.probe.learn(needle, equal);
                    candidates = at;
                }
                Some(_) => return self.rfind_windowed(needle, span, at + needle.len() - 1),
            }
        }
        Ok(None)
    }

    /// The linear search, in `span` from index `from`.
    fn find_windowed(&self, needle: &[u8], span: Span, from: usize) -> Result<Option<usize>> {
        let finder = Finder::new(needle);
        let mut window = window("find", needle)?;
        let mut at = from;
        while at + needle.len() <= span.len() {
            let piece = span.part(at, window.len());
            let (count, read) = self.copy_out_until_fault(piece, &mut window);
            if let Some(index) = finder.find(&window[..count]) {
                return Ok(Some(piece.start() + index));
            }
            read?;
            // The next window starts with the first candidate that did not fit into this one.
            at += piece.len() - (needle.len() - 1);
        }
        Ok(None)
    }

    /// The linear search backward, in the first `to` bytes of `span`.
    fn rfind_windowed(&self, needle: &[u8], span: Span, to: usize) -> Result<Option<usize>> {
        let finder = FinderRev::new(needle);
        let mut window = window("rfind", needle)?;
        let mut end = to;
        while end >= needle.len() {
            let size = window.len().min(end);
            let piece = span.part(end - size, size);
            let (missing, read) = self.copy_out_backward(piece, &mut window[..size]);
            if let Some(index) = finder.rfind(&window[missing..size]) {
                return Ok(Some(piece.start() + missing + index));
            }
            read?;
            end -= size - (needle.len() - 1);
        }
        Ok(None)
    }
}

/// A needle, the bytes to look for, and the budget for candidates.
struct Scan<'a> {
    needle: &'a [u8],
    probe: Probe,
    budget: Budget,
}

impl<'a> Scan<'a> {
    fn new(needle: &'a [u8]) -> Scan<'a> {
        Scan { needle, probe: Probe::of_rare_bytes(needle), budget: Budget::new() }
    }
}

/// How a scan ended, with an index in its span.
enum ScanEnd {
    NoMatch,
    Found(usize),
    /// The candidates from this index were not looked at.
    BudgetSpent(usize),
}

/// How many bytes of comparing are free, before the scan has made any progress.
const CREDIT: usize = 16 * 1024;
/// What a candidate costs, in bytes that the accessor could have scanned instead.
const CANDIDATE: usize = 128;

/// Keeps the search linear: comparing candidates may cost as much as looking for them, and no more.
struct Budget(usize);

impl Budget {
    fn new() -> Budget {
        Budget(CREDIT)
    }

    fn earn(&mut self, bytes: usize) {
        self.0 = self.0.saturating_add(bytes);
    }

    /// Charges for a false candidate of which the first `equal` bytes matched. Returns whether the
    /// budget covered it.
    fn spend(&mut self, equal: usize) -> bool {
        let left = self.0.checked_sub(CANDIDATE + equal);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

impl Probe {
    /// The two bytes of the needle that are rarest in common data, and a third one. A needle of two
    /// bytes repeats the second, which the accessors recognise.
    fn of_rare_bytes(needle: &[u8]) -> Probe {
        // A needle of two bytes or more has a pair; both are among its first 256 bytes.
        let (one, two) =
            Pair::new(needle).map_or((0, 1), |pair| (pair.index1().into(), pair.index2().into()));
        let last = needle.len().min(256) - 1;
        let third = [last, last / 2, 0]
            .into_iter()
            .find(|at| ![one, two].contains(at))
            .unwrap_or(one.max(two));
        Probe::new(needle, [one, two, third])
    }

    /// Includes the offset `wrong`, at which a candidate differed from the needle: in repetitive
    /// data the next one would differ there too. It replaces the nearest offset, whose byte is the
    /// most redundant.
    fn learn(&mut self, needle: &[u8], wrong: usize) {
        // The candidate matched at the probe's own offsets, unless there was a concurrent write.
        if !self.at.contains(&wrong) {
            let mut at = self.at;
            let nearest = at
                .iter_mut()
                .min_by_key(|at| at.abs_diff(wrong))
                .expect("a probe has three offsets");
            *nearest = wrong;
            *self = Probe::new(needle, at);
        }
    }
}

/// Allocates private memory for a window that holds the needle several times.
fn window(call: &'static str, needle: &[u8]) -> Result<Vec<u8>> {
    let size = WINDOW.max(needle.len().saturating_mul(4));
    let mut window = Vec::new();
    window.try_reserve_exact(size).map_err(|error| Error::os(call)(error.into()))?;
    window.resize(size, 0);
    Ok(window)
}
