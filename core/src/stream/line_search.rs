//! A search for lines that contain one of several needles.
//!
//! All needles are searched in one window before the next window, and separators are counted there,
//! so that the bytes come from the processor's cache. The first match of each needle behind the
//! current line is kept, so that no byte is searched twice for the same needle.

#[cfg(feature = "python-internals")]
use std::ops::RangeBounds;
use std::ops::{ControlFlow, Range};

use super::drop_behind::PART;
use crate::{Error, Map, Result, access::Span};

/// Size of a window in bytes: it fits into the second-level cache.
const WINDOW: usize = 256 * 1024;

/// The needles, and how far the map was searched for them.
///
/// It does not borrow the map, so that the Python package can keep it beside one that is closed.
#[derive(Clone, Debug)]
pub struct LineSearch {
    needles: Vec<Needle>,
    /// Each needle's first match before this offset is known.
    searched: usize,
}

#[derive(Clone, Debug)]
struct Needle {
    bytes: Vec<u8>,
    /// Its first match behind the current line, or before it.
    found: Option<usize>,
}

/// The number of separators before an offset.
#[derive(Clone, Copy, Debug)]
pub struct LineCount {
    counted: usize,
    separators: u64,
}

/// The text of a match; `None` if there is no other.
type Found = Option<Range<usize>>;

impl LineSearch {
    /// Makes a search for these needles.
    #[must_use]
    pub fn new(needles: &[&[u8]]) -> LineSearch {
        let needle = |bytes: &&[u8]| Needle { bytes: bytes.to_vec(), found: None };
        LineSearch { needles: needles.iter().map(needle).collect(), searched: 0 }
    }

    /// Checks that a line can contain each needle.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if a needle contains `separator` before its end.
    pub fn check(&self, separator: u8) -> Result<()> {
        let is_split = |needle: &Needle| {
            let inner = needle.bytes.len().saturating_sub(1);
            needle.bytes[..inner].contains(&separator)
        };
        if self.needles.iter().any(is_split) {
            return Err(Error::Unsupported(
                "no line contains a needle with a separator that is not at its end",
            ));
        }
        Ok(())
    }

    /// Returns the first line from `from` on, where a line begins, that contains a needle. The
    /// separator at its end is part of it. Counts separators on the way if `count` is given.
    pub(super) fn next(
        &mut self,
        map: &Map,
        lines: Span,
        separator: u8,
        count: Option<&mut LineCount>,
    ) -> Result<Option<Span>> {
        match self.next_in(map, lines, separator, count, usize::MAX)? {
            ControlFlow::Break(Some(text)) => line_around(map, lines, text, separator).map(Some),
            _ => Ok(None),
        }
    }

    /// Returns the first match in a line from the start of `lines` on, where a line begins, without
    /// the separator at its end. Continues behind the offsets of earlier calls, and returns
    /// `Continue` after another `limit`.
    ///
    /// # Errors
    ///
    /// Those of [`Map::find`].
    #[cfg(feature = "python-internals")]
    pub fn next_text(
        &mut self,
        map: &Map,
        lines: impl RangeBounds<usize>,
        separator: u8,
        count: Option<&mut LineCount>,
        limit: usize,
    ) -> Result<ControlFlow<Found>> {
        self.next_in(map, map.span("lines", lines)?, separator, count, limit)
    }

    fn next_in(
        &mut self,
        map: &Map,
        lines: Span,
        separator: u8,
        mut count: Option<&mut LineCount>,
        mut limit: usize,
    ) -> Result<ControlFlow<Found>> {
        self.searched = self.searched.max(lines.start());
        // A needle without a match has none before this offset.
        let is_passed = |found: Option<usize>| found.is_some_and(|found| found < lines.start());
        if let Err(error) = self.search_all(map, lines, lines.start()..self.searched, is_passed) {
            return self.match_before(error, lines, separator);
        }
        loop {
            // The map may be shorter than at the search.
            if let Some(text) = self.first_match(lines, separator) {
                if text.end <= lines.end() {
                    return Ok(ControlFlow::Break(Some(text)));
                }
            }
            let rest = lines.end().saturating_sub(self.searched);
            let window = self.window_size(count.is_some()).min(rest).min(limit);
            let window = self.searched..self.searched + window;
            match (window.is_empty(), rest) {
                (true, 0) => return Ok(ControlFlow::Break(None)),
                (true, _) => return Ok(ControlFlow::Continue(())),
                (false, _) => {}
            }
            limit -= window.len();
            if let Some(count) = &mut count {
                count.advance(map, window.start, separator)?;
            }
            let is_needed = |found: Option<usize>| found.is_none_or(|found| found < window.start);
            if let Err(error) = self.search_all(map, lines, window.clone(), is_needed) {
                return self.match_before(error, lines, separator);
            }
            let start = window.start;
            self.searched = self.end_of_search(window);
            map.release_passed(start, self.searched);
        }
    }

    /// Returns the size of a window, which is large if no byte is needed twice.
    fn window_size(&self, counts: bool) -> usize {
        if self.needles.len() == 1 && !counts { PART } else { WINDOW }
    }

    /// Returns how far `window` was searched for all needles.
    fn end_of_search(&self, window: Range<usize>) -> usize {
        match &self.needles[..] {
            [Needle { found: Some(found), .. }] if window.contains(found) => found + 1,
            _ => window.end,
        }
    }

    /// Searches `starts` for each needle that `is_needed` selects, also if one search meets a
    /// fault. Then its last match remains.
    fn search_all(
        &mut self,
        map: &Map,
        lines: Span,
        starts: Range<usize>,
        is_needed: impl Fn(Option<usize>) -> bool,
    ) -> Result<()> {
        if starts.is_empty() {
            return Ok(());
        }
        let mut failure = None;
        for needle in self.needles.iter_mut().filter(|needle| is_needed(needle.found)) {
            let reach = starts.len() + needle.bytes.len() - 1;
            let span = lines.part(starts.start - lines.start(), reach);
            match map.find_in(&needle.bytes, span) {
                Ok(found) => needle.found = found,
                Err(error) => _ = failure.get_or_insert(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Returns the match before a fault that the search for another needle has met.
    #[cold]
    fn match_before(&self, error: Error, lines: Span, separator: u8) -> Result<ControlFlow<Found>> {
        match (&error, self.first_match(lines, separator)) {
            (&Error::Fault { offset }, Some(text)) if text.end <= offset => {
                Ok(ControlFlow::Break(Some(text)))
            }
            _ => Err(error),
        }
    }

    /// Returns the first match of all, without the separator at its end.
    fn first_match(&self, lines: Span, separator: u8) -> Option<Range<usize>> {
        let matches = self.needles.iter().filter_map(|needle| Some((needle.found?, needle)));
        let matches = matches.filter(|&(found, _)| found >= lines.start());
        let (start, needle) = matches.min_by_key(|&(found, _)| found)?;
        let text = needle.bytes.strip_suffix(&[separator]).unwrap_or(&needle.bytes);
        Some(start..start + text.len())
    }
}

/// Extends `text` to the whole line.
fn line_around(map: &Map, lines: Span, text: Range<usize>, separator: u8) -> Result<Span> {
    let [from, to] = [text.start, text.end].map(|at| at - lines.start());
    let start = map.rfind_byte(lines.part(0, from), separator)?;
    let end = map.find_byte(lines.rest(to), separator)?;
    let start = start.map_or(lines.start(), |at| at + 1);
    let end = end.map_or(lines.end(), |at| at + 1);
    Ok(lines.part(start - lines.start(), end - start))
}

impl LineCount {
    /// Makes a count that begins at an offset.
    #[must_use]
    pub fn new(start: usize) -> LineCount {
        LineCount { counted: start, separators: 0 }
    }

    /// Returns the number of the line that begins where the count ends.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.separators + 1
    }

    /// Includes the line whose number was returned last, and which ends at `end`. Only the last
    /// line, which no other follows, may have no separator.
    pub fn end_line(&mut self, end: usize) {
        self.counted = end;
        self.separators += 1;
    }

    /// Returns the number of the line at `start`, after counting up to there.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`]; [`Error::OutOfBounds`].
    pub fn number_at(&mut self, map: &Map, start: usize, separator: u8) -> Result<u64> {
        // If more are counted, the line reaches there: it has no separator in between.
        self.advance(map, start, separator)?;
        Ok(self.number())
    }

    /// Counts the separators before `to`, unless they are counted.
    fn advance(&mut self, map: &Map, to: usize, separator: u8) -> Result<()> {
        if to > self.counted {
            self.separators +=
                map.count_byte(map.span("lines", self.counted..to)?, separator)? as u64;
            self.counted = to;
        }
        Ok(())
    }
}
