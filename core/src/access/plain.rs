//! Values of types for which all bytes are valid.

use std::{mem::MaybeUninit, slice};

use zerocopy::FromBytes;

use crate::{Map, Result};

impl Map {
    /// Returns a copy of the value whose bytes start at `at`. Requires the feature `zerocopy`.
    ///
    /// The bytes may be copied one by one: concurrent stores may tear the value.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds), [`Error::Fault`](crate::Error::Fault).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.read::<[u8; 7]>(1)?, *b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn read<T: FromBytes>(&self, at: usize) -> Result<T> {
        let mut value = MaybeUninit::<T>::uninit();
        let to = value.as_mut_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the value has that many bytes, which need not be initialised.
        let buffer = unsafe { slice::from_raw_parts_mut(to, size_of::<T>()) };
        self.copy_out_uninit(self.span_at("read", at, size_of::<T>())?, buffer)?;
        // SAFETY: all bytes were initialised, and are valid for the type (`FromBytes`).
        Ok(unsafe { value.assume_init() })
    }
}
