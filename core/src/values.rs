//! Values and copies: arrays, integers of a byte order, and slices of scratch memory.

use std::{mem::MaybeUninit, ops::RangeBounds};

#[cfg(feature = "zerocopy")]
use crate::mode::Stores;
use crate::{Error, Map, Result, View, access::Span, word::Word};

/// Longer copies than this are made on the heap.
const ON_STACK: usize = 256;

impl Map {
    /// Returns the `N` bytes from `at` as an array.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.read_array(1)?, *b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn read_array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let mut array = [0; N];
        self.copy_out(self.span_at("read_array", at, N)?, &mut array)?;
        Ok(array)
    }

    /// Returns the little-endian integer at `at`; otherwise as [`Map::load`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4).anonymous()?;
    /// map.write_at(&[1, 2, 0, 0], 0)?;
    /// assert_eq!(map.load_le::<u32>(0)?, 0x0201);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn load_le<T: Word>(&self, at: usize) -> Result<T> {
        Ok(little_endian(self.load_word("load_le", at)?))
    }

    /// Returns the big-endian integer at `at`; otherwise as [`Map::load`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4).anonymous()?;
    /// map.write_at(&[0, 0, 1, 2], 0)?;
    /// assert_eq!(map.load_be::<u32>(0)?, 0x0102);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn load_be<T: Word>(&self, at: usize) -> Result<T> {
        Ok(big_endian(self.load_word("load_be", at)?))
    }

    /// Stores an integer at `at` in little-endian order; otherwise as [`Map::store`].
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(2).anonymous()?;
    /// map.store_le(0x0102_u16, 0)?;
    /// assert_eq!(map.to_vec(..)?, [2, 1]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn store_le<T: Word>(&self, value: T, at: usize) -> Result<()> {
        self.store_word("store_le", at, little_endian(value))
    }

    /// Stores an integer at `at` in big-endian order; otherwise as [`Map::store`].
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(2).anonymous()?;
    /// map.store_be(0x0102_u16, 0)?;
    /// assert_eq!(map.to_vec(..)?, [1, 2]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn store_be<T: Word>(&self, value: T, at: usize) -> Result<()> {
        self.store_word("store_be", at, big_endian(value))
    }

    /// Writes the bytes of `value` at `at`, all of them or, if they do not fit, none. Requires the
    /// feature `zerocopy`.
    ///
    /// # Errors
    ///
    /// As [`Map::write_at`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4).anonymous()?;
    /// map.write(&[1_u8, 2, 3], 1)?;
    /// assert_eq!(map.to_vec(..)?, [0, 1, 2, 3]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[cfg(feature = "zerocopy")]
    #[inline]
    pub fn write<T>(&self, value: &T, at: usize) -> Result<()>
    where
        T: zerocopy::IntoBytes + zerocopy::Immutable + ?Sized,
    {
        let bytes = value.as_bytes();
        if self.stores != Stores::Direct {
            return self.write_otherwise("write", bytes, at);
        }
        self.copy_in(self.span_at("write", at, bytes.len())?, bytes)
    }

    /// Replaces the content of `bytes` by the bytes of `range`. Its memory is used again.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], before `bytes` changes; [`Error::Fault`], after the bytes before the
    /// fault; [`Error::Os`] if there is not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut bytes = Vec::new();
    /// map.read_into(&mut bytes, 1..8)?;
    /// assert_eq!(bytes, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn read_into(&self, bytes: &mut Vec<u8>, range: impl RangeBounds<usize>) -> Result<()> {
        self.read_span_into(bytes, self.span("read_into", range)?)
    }

    pub(crate) fn read_span_into(&self, bytes: &mut Vec<u8>, span: Span) -> Result<()> {
        bytes.clear();
        let reserved = bytes.try_reserve(span.len());
        reserved.map_err(|error| Error::os("read_into")(error.into()))?;
        self.append_to(bytes, span)
    }

    /// Copies the bytes of `range` and calls `work` with the copy. Returns its result.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`], [`Error::Os`] if there is not enough memory. Then
    /// `work` was not called.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert!(map.with_slice(..9, |bytes| bytes.starts_with(b"[package"))?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn with_slice<R>(
        &self,
        range: impl RangeBounds<usize>,
        work: impl FnOnce(&[u8]) -> R,
    ) -> Result<R> {
        let span = self.span("with_slice", range)?;
        if span.len() <= ON_STACK {
            let mut buffer = [MaybeUninit::uninit(); ON_STACK];
            return Ok(work(self.copy_out_uninit(span, &mut buffer)?));
        }
        let mut bytes = Vec::new();
        let reserved = bytes.try_reserve_exact(span.len());
        reserved.map_err(|error| Error::os("with_slice")(error.into()))?;
        self.append_to(&mut bytes, span)?;
        Ok(work(&bytes))
    }
}

impl View<'_> {
    /// Returns the little-endian integer at `at`; otherwise as [`View::load`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(5).anonymous()?;
    /// map.write_at(&[1, 2, 0, 0], 1)?;
    /// assert_eq!(map.view(1..)?.load_le::<u32>(0)?, 0x0201);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn load_le<T: Word>(&self, at: usize) -> Result<T> {
        Ok(little_endian(self.load_word("load_le", at)?))
    }

    /// Returns the big-endian integer at `at`; otherwise as [`View::load`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(5).anonymous()?;
    /// map.write_at(&[0, 0, 1, 2], 1)?;
    /// assert_eq!(map.view(1..)?.load_be::<u32>(0)?, 0x0102);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn load_be<T: Word>(&self, at: usize) -> Result<T> {
        Ok(big_endian(self.load_word("load_be", at)?))
    }

    /// Stores an integer at `at` in little-endian order; otherwise as [`View::store`].
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(3).anonymous()?;
    /// map.view(1..)?.store_le(0x0102_u16, 0)?;
    /// assert_eq!(map.to_vec(..)?, [0, 2, 1]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn store_le<T: Word>(&self, value: T, at: usize) -> Result<()> {
        self.store_word("store_le", at, little_endian(value))
    }

    /// Stores an integer at `at` in big-endian order; otherwise as [`View::store`].
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(3).anonymous()?;
    /// map.view(1..)?.store_be(0x0102_u16, 0)?;
    /// assert_eq!(map.to_vec(..)?, [0, 1, 2]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn store_be<T: Word>(&self, value: T, at: usize) -> Result<()> {
        self.store_word("store_be", at, big_endian(value))
    }
}

/// Converts between the processor's byte order and little-endian.
#[inline]
fn little_endian<T: Word>(value: T) -> T {
    if cfg!(target_endian = "little") { value } else { swapped(value) }
}

/// Converts between the processor's byte order and big-endian.
#[inline]
fn big_endian<T: Word>(value: T) -> T {
    if cfg!(target_endian = "big") { value } else { swapped(value) }
}

fn swapped<T: Word>(value: T) -> T {
    T::from_bits(value.into_bits().swap_bytes() >> (u64::BITS as usize - 8 * size_of::<T>()))
}
