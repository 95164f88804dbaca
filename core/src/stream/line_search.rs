//! A search for lines that contain one of several needles.
//!
//! All needles are searched in one window before the next window, and separators are counted there,
//! so that the bytes come from the processor's cache. The first match of each needle behind the
//! current line is kept, so that no byte is searched twice for the same needle.

use std::ops::Range;

use crate::{Error, Map, Result, access::Span};

/// Size of a window in bytes: it fits into the second-level cache.
const WINDOW: usize = 256 * 1024;

/// The needles, and how far the map was searched for them.
#[derive(Clone, Debug)]
pub(super) struct LineSearch {
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
pub(super) struct LineCount {
    pub(super) counted: usize,
    pub(super) separators: u64,
}

impl LineSearch {
    pub(super) fn new(needles: &[&[u8]]) -> LineSearch {
        let needle = |bytes: &&[u8]| Needle { bytes: bytes.to_vec(), found: None };
        LineSearch { needles: needles.iter().map(needle).collect(), searched: 0 }
    }

    /// # Errors
    ///
    /// [`Error::Unsupported`] if a needle contains `separator` before its end.
    pub(super) fn check(&self, separator: u8) -> Result<()> {
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
        mut count: Option<&mut LineCount>,
    ) -> Result<Option<Span>> {
        self.searched = self.searched.max(lines.start());
        self.search_all(map, lines, lines.start()..self.searched)?;
        loop {
            // The map may be shorter than at the search.
            if let Some(text) = self.first_match(separator)
                && text.end <= lines.end()
            {
                return line_around(map, lines, text, separator).map(Some);
            }
            let window = self.searched..lines.end().min(self.searched.saturating_add(WINDOW));
            if window.is_empty() {
                return Ok(None);
            }
            if let Some(count) = &mut count {
                count.advance(map, window.start, separator)?;
            }
            self.search_all(map, lines, window.clone())?;
            map.passed(window.start, window.end);
            self.searched = window.end;
        }
    }

    /// Searches the needles that have no match from `starts.start` on for one that begins in
    /// `starts`.
    fn search_all(&mut self, map: &Map, lines: Span, starts: Range<usize>) -> Result<()> {
        for needle in &mut self.needles {
            if needle.found.is_none_or(|found| found < starts.start) {
                let reach = starts.len() + needle.bytes.len() - 1;
                let span = lines.part(starts.start - lines.start(), reach);
                needle.found = map.find_in(&needle.bytes, span)?;
            }
        }
        Ok(())
    }

    /// Returns the first match of all, without the separator at its end.
    fn first_match(&self, separator: u8) -> Option<Range<usize>> {
        let matches = self.needles.iter().filter_map(|needle| Some((needle.found?, needle)));
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
    pub(super) fn new(start: usize) -> LineCount {
        LineCount { counted: start, separators: 0 }
    }

    /// Includes the line after those that were counted. Only the last line, which no other
    /// follows, may have no separator.
    pub(super) fn add_line(&mut self, len: usize) {
        self.counted += len;
        self.separators += 1;
    }

    /// Counts the separators before `to`, unless they are counted.
    pub(super) fn advance(&mut self, map: &Map, to: usize, separator: u8) -> Result<()> {
        if to > self.counted {
            self.separators +=
                map.count_byte(map.span("lines", self.counted..to)?, separator)? as u64;
            self.counted = to;
        }
        Ok(())
    }
}
