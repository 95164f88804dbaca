//! The mapped memory as slices, if the caller guarantees that it does not change.

use std::slice;

use crate::{Map, mode::Stores};

impl Map {
    /// Returns the mapped memory itself.
    ///
    /// # Safety
    ///
    /// During the lifetime of the slice,
    /// - no thread and no process writes to these bytes of the map or of its file;
    /// - no process shortens the file, and its device does not fail: an access would raise SIGBUS;
    /// - the map is not resized, and none of its pages are protected, dropped or guarded.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// // SAFETY: no process changes the manifest while this example runs.
    /// let bytes = unsafe { map.as_slice() };
    /// assert!(bytes.starts_with(b"[package]"));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub unsafe fn as_slice(&self) -> &[u8] {
        let len = self.len();
        // SAFETY: the map has `len` bytes from its base; the caller guarantees that they do not
        // change or fault.
        unsafe { slice::from_raw_parts(self.base(), len) }
    }

    /// Returns the mapped memory itself, for writing.
    ///
    /// # Safety
    ///
    /// - As for [`Map::as_slice`].
    /// - The map is not read-only.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = safemap::Options::new().len(3).anonymous()?;
    /// // SAFETY: the memory is private to this example, and the map stays as it is.
    /// let bytes = unsafe { map.as_mut_slice() };
    /// bytes.copy_from_slice(b"abc");
    /// assert_eq!(map.to_vec(..)?, b"abc");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.stores == Stores::Noted {
            self.lend_slice();
        }
        let len = self.len();
        // SAFETY: the map has `len` bytes from its base; the caller guarantees that only the slice
        // accesses them.
        unsafe { slice::from_raw_parts_mut(self.base(), len) }
    }
}
