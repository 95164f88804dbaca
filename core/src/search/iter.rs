//! `find_iter`, `count` and `starts_with`.

use std::{iter::FusedIterator, ops::RangeBounds};

use crate::{Map, Result, access::Span};

/// An iterator over the offsets of a needle in a range of a map, from [`Map::find_iter`].
///
/// The iterator ends after the first error.
///
/// # Examples
///
/// ```
/// let map = safemap::Options::new().len(5).anonymous()?;
/// map.write_at(b"aaaaa", 0)?;
/// let found: safemap::Result<Vec<_>> = map.find_iter(b"aa", ..).collect();
/// assert_eq!(found?, [0, 2]);
/// let found: safemap::Result<Vec<_>> = map.find_iter(b"aa", ..).overlapping().collect();
/// assert_eq!(found?, [0, 1, 2, 3]);
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Debug)]
pub struct FindIter<'a> {
    map: &'a Map,
    needle: &'a [u8],
    /// Where the next match may be, or the error of the range; `None` after the end.
    rest: Option<Result<Span>>,
    /// Distance of the next possible match from one that was found.
    step: usize,
}

impl Map {
    /// Returns an iterator over the offsets of `needle` in `range`, in ascending order. Matches do
    /// not overlap, as those of [`str::matches`]. An empty needle is found at every offset and at
    /// the end of the range.
    ///
    /// # Errors
    ///
    /// The items are results; the errors are those of [`Map::find`]. An
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) is the first item.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// for offset in map.find_iter(b"version", ..) {
    ///     assert_eq!(map.read_array(offset?)?, *b"version");
    /// }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn find_iter<'a>(
        &'a self,
        needle: &'a [u8],
        range: impl RangeBounds<usize>,
    ) -> FindIter<'a> {
        let rest = Some(self.span("find_iter", range));
        FindIter { map: self, needle, rest, step: needle.len().max(1) }
    }

    /// Counts the occurrences of `needle` in `range` that do not overlap, as `find_iter` finds
    /// them. Counting one byte is faster than searching it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds); [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.count(b"\n", ..)?, map.lines().count());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn count(&self, needle: &[u8], range: impl RangeBounds<usize>) -> Result<usize> {
        let span = self.span("count", range)?;
        match needle {
            [] => Ok(span.len() + 1),
            &[byte] => self.count_byte(span, byte),
            _ => self.find_iter(needle, span.start()..span.end()).try_fold(0, |count, found| {
                found?;
                Ok(count + 1)
            }),
        }
    }

    /// Returns whether the bytes from `at` on begin with `prefix`. They do not if the map ends
    /// before.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) if `at` is greater than the length;
    /// [`Error::Fault`](crate::Error::Fault) at the first byte that cannot be read, unless a byte
    /// before it differs.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert!(map.starts_with(b"[package]", 0)?);
    /// assert!(!map.starts_with(b"[package]", map.len() - 1)?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn starts_with(&self, prefix: &[u8], at: usize) -> Result<bool> {
        let span = self.span("starts_with", at..)?;
        Ok(prefix.len() <= span.len() && self.first_difference(span, prefix)?.is_none())
    }
}

impl FindIter<'_> {
    /// Finds matches that overlap, too.
    #[must_use]
    pub fn overlapping(mut self) -> Self {
        self.step = 1;
        self
    }

    fn find_next(&mut self) -> Result<Option<usize>> {
        let Some(rest) = self.rest.take() else { return Ok(None) };
        let rest = rest?;
        let found = self.map.find_in(self.needle, rest)?;
        self.rest = found.and_then(|at| {
            let next = at - rest.start() + self.step;
            (next <= rest.len()).then(|| Ok(rest.rest(next)))
        });
        Ok(found)
    }
}

impl Iterator for FindIter<'_> {
    type Item = Result<usize>;

    fn next(&mut self) -> Option<Result<usize>> {
        self.find_next().transpose()
    }
}

impl FusedIterator for FindIter<'_> {}
