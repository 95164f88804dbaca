//! Views: many short accesses to a range of a map.

use std::{iter::FusedIterator, ops::RangeBounds};

use crate::{Map, Result, View, word::Word};

impl Map {
    /// Returns a view of `range`, for many short accesses by this thread.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let name = map.view(1..8)?;
    /// assert_eq!((name.len(), name.get(0)?), (7, b'p'));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn view(&self, range: impl RangeBounds<usize>) -> Result<View<'_>> {
        self.view_of(self.span("view", range)?)
    }
}

impl<'a> View<'a> {
    /// Returns the length in bytes. It stays the same when the map is resized.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(10).anonymous()?;
    /// assert_eq!(map.view(4..)?.len(), 6);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.span().len()
    }

    /// Returns whether the view has no bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(10).anonymous()?;
    /// assert!(map.view(10..)?.is_empty());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns one byte.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds), [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.view(1..)?.get(0)?, b'p');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn get(&self, at: usize) -> Result<u8> {
        self.load_word("get", at)
    }

    /// Stores one byte.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`](crate::Error::ReadOnly),
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds), [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(2).anonymous()?;
    /// map.view(1..)?.set(7, 0)?;
    /// assert_eq!(map.to_vec(..)?, [0, 7]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn set(&self, byte: u8, at: usize) -> Result<()> {
        self.store_word("set", at, byte)
    }

    /// Returns the integer at `at`, as [`Map::load`] does.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds), [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.view(..)?.load::<u16>(0)?, u16::from_ne_bytes(*b"[p"));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn load<T: Word>(&self, at: usize) -> Result<T> {
        self.load_word("load", at)
    }

    /// Stores an integer at `at`, as [`Map::store`] does.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`](crate::Error::ReadOnly),
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds), [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(8).anonymous()?;
    /// let view = map.view(..)?;
    /// view.store(1.5_f64, 0)?;
    /// assert_eq!(view.load::<f64>(0)?, 1.5);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn store<T: Word>(&self, value: T, at: usize) -> Result<()> {
        self.store_word("store", at, value)
    }

    /// Fills `buffer` with the bytes from `at`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) if the view ends before `buffer` is full;
    /// [`Error::Fault`](crate::Error::Fault), after the bytes that could be loaded.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut word = [0; 7];
    /// map.view(1..)?.copy_to(&mut word, 0)?;
    /// assert_eq!(&word, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn copy_to(&self, buffer: &mut [u8], at: usize) -> Result<()> {
        self.copy_out("copy_to", buffer, at)
    }

    /// Copies all of `bytes` to the view at `at`, or nothing if they do not fit.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`](crate::Error::ReadOnly);
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) if they do not fit, before the first byte;
    /// [`Error::Fault`](crate::Error::Fault), after the bytes that could be stored.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(5).anonymous()?;
    /// map.view(1..)?.copy_from(b"abc", 0)?;
    /// assert_eq!(map.to_vec(..)?, b"\0abc\0");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn copy_from(&self, bytes: &[u8], at: usize) -> Result<()> {
        self.copy_in("copy_from", bytes, at)
    }

    /// Returns a view of a part of this view.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let name = map.view(1..)?.view(..7)?;
    /// assert_eq!(name.iter().collect::<safemap::Result<Vec<u8>>>()?, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn view(&self, range: impl RangeBounds<usize>) -> Result<View<'a>> {
        let span = self.span().range("view", range)?;
        Ok(self.part(span.start() - self.span().start(), span.len()))
    }

    /// Returns an iterator over views of `size` bytes each, in order. The last one may be shorter.
    /// A `size` of 0 counts as 1.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let view = map.view(..10)?;
    /// let lengths: Vec<usize> = view.chunks(4).map(|chunk| chunk.len()).collect();
    /// assert_eq!(lengths, [4, 4, 2]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn chunks(&self, size: usize) -> ViewChunks<'_, 'a> {
        ViewChunks { view: self, at: 0, size: size.max(1) }
    }

    /// Returns an iterator over the bytes. It ends after the first error.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut sum = 0;
    /// for byte in &map.view(..9)? {
    ///     sum += u32::from(byte?);
    /// }
    /// assert_eq!(sum, b"[package]".iter().map(|&byte| u32::from(byte)).sum());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn iter(&self) -> ViewIter<'_, 'a> {
        ViewIter { view: self, at: 0, end: self.len() }
    }
}

impl<'v, 'a> IntoIterator for &'v View<'a> {
    type Item = Result<u8>;
    type IntoIter = ViewIter<'v, 'a>;

    #[inline]
    fn into_iter(self) -> ViewIter<'v, 'a> {
        self.iter()
    }
}

/// An iterator over the bytes of a view, made by [`View::iter`].
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("sample.toml")?;
/// let view = map.view(..9)?;
/// assert!(view.iter().any(|byte| byte.is_ok_and(|byte| byte == b'[')));
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Debug)]
pub struct ViewIter<'v, 'a> {
    view: &'v View<'a>,
    at: usize,
    end: usize,
}

impl Iterator for ViewIter<'_, '_> {
    type Item = Result<u8>;

    #[inline]
    fn next(&mut self) -> Option<Result<u8>> {
        if self.at >= self.end {
            return None;
        }
        let byte = self.view.get(self.at);
        self.at = if byte.is_ok() { self.at + 1 } else { self.end };
        Some(byte)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.end - self.at;
        (rest.min(1), Some(rest))
    }
}

impl FusedIterator for ViewIter<'_, '_> {}

/// An iterator over views of equal length, made by [`View::chunks`].
///
/// # Examples
///
/// ```
/// let map = safemap::Map::open("Cargo.toml")?;
/// let view = map.view(..10)?;
/// assert_eq!(view.chunks(4).len(), 3);
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Debug)]
pub struct ViewChunks<'v, 'a> {
    view: &'v View<'a>,
    at: usize,
    size: usize,
}

impl<'a> Iterator for ViewChunks<'_, 'a> {
    type Item = View<'a>;

    #[inline]
    fn next(&mut self) -> Option<View<'a>> {
        let rest = self.view.len().checked_sub(self.at).filter(|&rest| rest > 0)?;
        let chunk = self.view.part(self.at, self.size);
        self.at += self.size.min(rest);
        Some(chunk)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = (self.view.len() - self.at).div_ceil(self.size);
        (count, Some(count))
    }
}

impl ExactSizeIterator for ViewChunks<'_, '_> {}

impl FusedIterator for ViewChunks<'_, '_> {}
