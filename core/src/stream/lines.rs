//! `Lines`: an iterator over the lines of a map.

use std::{fmt, iter::FusedIterator, ops::RangeBounds};

use super::line_search::{LineCount, LineSearch};
use crate::{Map, Result, access::Span, stream::read_ahead::ReadAhead};

/// An iterator over the lines of a map, each without its separator.
///
/// The separator is `\n` unless [`separator`](Lines::separator) sets another byte. The last line
/// need not end with it. A `\r` before it is part of the line. The lines are read from a read-ahead
/// buffer of a few KiB, so that a change of the map within that distance may not be seen.
///
/// [`Map::lines`] creates it. The iterator ends after the first error.
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("sample.toml")?;
/// let first = map.lines().next().expect("the file is not empty")?;
/// assert_eq!(first, b"[package]");
/// for line in map.lines().containing(&[b"name", b"version"]).numbered() {
///     let line = line?;
///     println!("{}: {}", line.number, line.bytes.escape_ascii());
/// }
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone)]
pub struct Lines<'a> {
    map: &'a Map,
    read_ahead: ReadAhead,
    separator: u8,
    /// For lines that contain one of some needles.
    search: Option<LineSearch>,
    /// Offset of the next line.
    offset: usize,
    /// Offset at which the lines end; `None` for the end of the map.
    end: Option<usize>,
    /// The separators before a line, for its number.
    count: LineCount,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The settings were not checked.
    New,
    Reading,
    Ended,
}

/// A line with its place, from [`Lines::numbered`].
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("sample.toml")?;
/// let mut lines = map.lines().numbered();
/// let line = lines.nth(1).expect("the file has two lines")?;
/// assert_eq!((line.number, line.offset), (2, 10));
/// assert!(line.bytes.starts_with(b"name"));
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Line {
    /// Number of the line. The first line of the range has the number 1.
    pub number: u64,
    /// Offset of the line in the map, in bytes.
    pub offset: usize,
    /// The line without its separator.
    pub bytes: Vec<u8>,
}

/// An iterator over lines with their numbers, from [`Lines::numbered`].
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("Cargo.toml")?;
/// for (number, line) in (1..).zip(map.lines().numbered()) {
///     assert_eq!(line?.number, number);
/// }
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NumberedLines<'a>(Lines<'a>);

impl Map {
    /// Returns an iterator over the lines of the map; see [`Lines`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let first = map.lines().next().expect("the file is not empty")?;
    /// assert_eq!(first, b"[package]");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(self)
    }
}

impl<'a> Lines<'a> {
    pub(crate) fn new(map: &'a Map) -> Lines<'a> {
        Lines {
            map,
            read_ahead: ReadAhead::new(),
            separator: b'\n',
            search: None,
            offset: 0,
            end: None,
            count: LineCount::new(0),
            state: State::New,
        }
    }

    /// Returns only lines that contain one of `needles`, each line once. Lines between them are
    /// not copied.
    ///
    /// An empty needle is in each line. A needle that ends with the separator matches at the end of
    /// a line that has one. For a needle with a separator elsewhere the first item is
    /// [`Error::Unsupported`](crate::Error::Unsupported): no line contains it.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.lines().containing(&[b"[package]"]).count(), 1);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn containing(mut self, needles: &[&[u8]]) -> Self {
        let matches_all = needles.iter().any(|needle| needle.is_empty());
        self.search = (!matches_all).then(|| LineSearch::new(needles));
        self
    }

    /// Sets the byte that ends a line.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(3).anonymous()?;
    /// map.write_at(b"a;b", 0)?;
    /// let lines: safemap::Result<Vec<_>> = map.lines().separator(b';').collect();
    /// assert_eq!(lines?, [b"a", b"b"]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn separator(mut self, byte: u8) -> Self {
        self.separator = byte;
        self
    }

    /// Reads the lines of a range. An open end is the end of the map, also when it moves.
    ///
    /// A line that begins before the range, or ends behind it, is cut. If the range does not lie in
    /// the map, the first item is [`Error::OutOfBounds`](crate::Error::OutOfBounds).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let lines: safemap::Result<Vec<_>> = map.lines().range(1..8).collect();
    /// assert_eq!(lines?, [b"package"]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn range(mut self, range: impl RangeBounds<usize>) -> Self {
        let (start, end) = Span::bounds(range);
        (self.offset, self.end) = (start, end);
        self.count = LineCount::new(start);
        self
    }

    /// Adds to each line its number and its offset.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let first = map.lines().numbered().next().expect("the file is not empty")?;
    /// assert_eq!((first.number, first.offset), (1, 0));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn numbered(self) -> NumberedLines<'a> {
        NumberedLines(self)
    }

    /// Returns the offset of the next line in the map. With needles, the search continues there.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut lines = map.lines();
    /// lines.next();
    /// assert_eq!(lines.offset(), 10);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the number of the line at [`offset`](Lines::offset). The first line has number 1.
    /// Counts the lines since the last call.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault); [`Error::OutOfBounds`](crate::Error::OutOfBounds) if
    /// the map ends before the line now.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let mut lines = map.lines();
    /// lines.next();
    /// assert_eq!(lines.number()?, 2);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn number(&mut self) -> Result<u64> {
        self.number_at(self.offset)
    }

    /// Reads the next line into `line`, replacing its content, and returns whether there was one.
    ///
    /// Faster than the iterator, which allocates memory for each line.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault); `line` then contains the bytes before the fault. The
    /// errors of the settings.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let (mut lines, mut line, mut longest) = (map.lines(), Vec::new(), 0);
    /// while lines.read_into(&mut line)? {
    ///     longest = longest.max(line.len());
    /// }
    /// assert!(longest > 9);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn read_into(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        Ok(self.read_line(line, false)?.is_some())
    }

    /// Reads the next line. Returns its number, if `counts`, and its offset.
    fn read_line(&mut self, line: &mut Vec<u8>, counts: bool) -> Result<Option<(u64, usize)>> {
        line.clear();
        if self.state == State::New {
            self.check()?;
        }
        let found = self.find_match(counts)?;
        let start = match (&self.search, found) {
            (None, _) => self.offset,
            (Some(_), Some(found)) => found.start(),
            (Some(_), None) => return Ok(None),
        };
        let number = if counts { self.number_at(start)? } else { 0 };
        match found {
            Some(found) => self.map.read_span_into(line, found)?,
            None => {
                let range = start..self.end.unwrap_or(usize::MAX);
                self.read_ahead.read_until(self.map, range, self.separator, line)?;
            }
        }
        self.offset = start + line.len();
        let is_line = !line.is_empty();
        if line.last() == Some(&self.separator) {
            line.pop();
        }
        if counts {
            self.count.end_line(self.offset);
        }
        Ok(is_line.then_some((number, start)))
    }

    /// Returns the next line with a needle, if there are needles.
    fn find_match(&mut self, counts: bool) -> Result<Option<Span>> {
        let Some(search) = &mut self.search else { return Ok(None) };
        let end = self.end.unwrap_or(usize::MAX).min(self.map.len());
        let rest = self.map.span("lines", self.offset.min(end)..end)?;
        let count = counts.then_some(&mut self.count);
        search.next(self.map, rest, self.separator, count)
    }

    /// Checks the settings.
    fn check(&mut self) -> Result<()> {
        match self.end {
            Some(end) => self.map.span("lines", self.offset..end)?,
            None => self.map.span("lines", self.offset..)?,
        };
        if let Some(search) = &self.search {
            search.check(self.separator)?;
        }
        self.state = State::Reading;
        Ok(())
    }

    fn number_at(&mut self, start: usize) -> Result<u64> {
        self.count.number_at(self.map, start, self.separator)
    }

    /// Ends the iteration after an error and at the end.
    fn next_item<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Option<T>>,
    ) -> Option<Result<T>> {
        if self.state == State::Ended {
            return None;
        }
        let item = read(self);
        if !matches!(item, Ok(Some(_))) {
            self.state = State::Ended;
        }
        item.transpose()
    }
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("position", &self.offset).field("map", self.map).finish()
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        self.next_item(|lines| {
            let mut line = Vec::new();
            Ok(lines.read_line(&mut line, false)?.map(|_| line))
        })
    }
}

impl Iterator for NumberedLines<'_> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        self.0.next_item(|lines| {
            let mut bytes = Vec::new();
            let place = lines.read_line(&mut bytes, true)?;
            Ok(place.map(|(number, offset)| Line { number, offset, bytes }))
        })
    }
}

impl FusedIterator for Lines<'_> {}

impl FusedIterator for NumberedLines<'_> {}
