//! The three kinds of maps: for reading, for writing, and for access by pointers.

use std::{
    fmt, io,
    ops::{Deref, DerefMut, Range},
    slice,
};

use safemap::{Map, Protection};

#[cfg(unix)]
use crate::{Advice, UncheckedAdvice};
use crate::{MapIfSafeError, MmapAsRawDesc, MmapOptions, io_error};

/// The protection of writable maps.
pub(crate) fn read_write() -> Protection {
    Protection::READ | Protection::WRITE
}

/// A map, and where its bytes are: [`Map`] loads both from atomics, which the compiler cannot keep
/// in registers.
pub(crate) struct Memory {
    map: Map,
    start: *mut u8,
    len: usize,
}

// SAFETY: the pointer is into the map, which is `Send`.
unsafe impl Send for Memory {}
// SAFETY: the pointer is into the map, which is `Sync`.
unsafe impl Sync for Memory {}

impl Memory {
    pub(crate) fn new(map: Map) -> Memory {
        Memory { len: map.len(), start: map.as_mut_ptr(), map }
    }

    fn protect(self, protection: Protection) -> io::Result<Memory> {
        self.map.protect(protection, ..).map_err(io_error)?;
        Ok(self)
    }

    #[cfg(unix)]
    fn advise(&self, advice: impl Into<safemap::Advice>, range: Range<usize>) -> io::Result<()> {
        self.map.advise(advice.into(), range).map_err(io_error)
    }

    #[cfg(target_os = "linux")]
    fn remap(&mut self, len: usize, options: RemapOptions) -> io::Result<()> {
        let remapped = self.map.remap(len, options.may_move).map_err(io_error);
        self.start = self.map.as_mut_ptr();
        self.len = self.map.len();
        remapped
    }

    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name).field("ptr", &self.start).field("len", &self.len).finish()
    }
}

/// A range that is out of bounds if its end does not fit into a `usize`.
fn range(offset: usize, len: usize) -> Range<usize> {
    offset..offset.saturating_add(len)
}

/// The calls that all kinds of maps have.
macro_rules! common {
    ($type:ident) => {
        #[cfg(unix)]
        impl $type {
            /// Advises the system how the map will be used.
            pub fn advise(&self, advice: Advice) -> io::Result<()> {
                self.0.advise(advice, 0..self.0.len)
            }

            /// Advises the system how `len` bytes from `offset` on will be used.
            pub fn advise_range(
                &self,
                advice: Advice,
                offset: usize,
                len: usize,
            ) -> io::Result<()> {
                self.0.advise(advice, range(offset, len))
            }

            /// Gives advice that may change the bytes of the map.
            ///
            /// # Safety
            ///
            /// No reference to the bytes that may change exists.
            pub unsafe fn unchecked_advise(&self, advice: UncheckedAdvice) -> io::Result<()> {
                self.0.advise(advice, 0..self.0.len)
            }

            /// Gives advice that may change `len` bytes from `offset` on.
            ///
            /// # Safety
            ///
            /// As for `unchecked_advise`.
            pub unsafe fn unchecked_advise_range(
                &self,
                advice: UncheckedAdvice,
                offset: usize,
                len: usize,
            ) -> io::Result<()> {
                self.0.advise(advice, range(offset, len))
            }

            /// Locks the map in memory.
            pub fn lock(&self) -> io::Result<()> {
                self.0.map.lock(..).map_err(io_error)
            }

            /// Unlocks the map.
            pub fn unlock(&self) -> io::Result<()> {
                self.0.map.unlock(..).map_err(io_error)
            }
        }

        #[cfg(target_os = "linux")]
        impl $type {
            /// Changes the length of the map, and leaves that of the file. Fails for empty maps.
            ///
            /// # Safety
            ///
            /// Bytes beyond the end of the file are not accessed. With `may_move`, no pointers into
            /// the map are used afterwards.
            pub unsafe fn remap(
                &mut self,
                new_len: usize,
                options: RemapOptions,
            ) -> io::Result<()> {
                self.0.remap(new_len, options)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(stringify!($type), f)
            }
        }
    };
}

/// The calls of maps that may be written to.
macro_rules! flushes {
    ($type:ident) => {
        impl $type {
            /// Writes changed bytes to the file, and waits until they are stored.
            pub fn flush(&self) -> io::Result<()> {
                self.0.map.flush().map_err(io_error)
            }

            /// Starts to write changed bytes to the file.
            pub fn flush_async(&self) -> io::Result<()> {
                self.0.map.flush_async().map_err(io_error)
            }

            /// Writes changed bytes of a range to the file, and waits until they are stored.
            pub fn flush_range(&self, offset: usize, len: usize) -> io::Result<()> {
                self.0.map.flush_range(range(offset, len)).map_err(io_error)
            }

            /// Starts to write changed bytes of a range to the file.
            pub fn flush_async_range(&self, offset: usize, len: usize) -> io::Result<()> {
                self.0.map.flush_async_range(range(offset, len)).map_err(io_error)
            }
        }
    };
}

/// The slice of a map.
macro_rules! bytes {
    ($type:ident) => {
        impl Deref for $type {
            type Target = [u8];

            #[inline]
            fn deref(&self) -> &[u8] {
                // SAFETY: the map has `len` bytes from `start`. Memory without a file is changed
                // through `&mut self` only; for a file, the constructor's caller guarantees that
                // its bytes do not change.
                unsafe { slice::from_raw_parts(self.0.start, self.0.len) }
            }
        }

        impl AsRef<[u8]> for $type {
            #[inline]
            fn as_ref(&self) -> &[u8] {
                self
            }
        }

        #[cfg(feature = "stable_deref_trait")]
        // SAFETY: moving the value leaves the mapped bytes at their address. `remap` with
        // `may_move` moves them, and is unsafe.
        unsafe impl stable_deref_trait::StableDeref for $type {}

        impl From<$type> for MmapRaw {
            fn from(map: $type) -> MmapRaw {
                MmapRaw(map.0)
            }
        }
    };
}

/// A map for reading.
pub struct Mmap(pub(crate) Memory);

common!(Mmap);
bytes!(Mmap);

impl Mmap {
    /// Maps a file for reading.
    ///
    /// # Safety
    ///
    /// As for [`MmapOptions::map`].
    pub unsafe fn map<T: MmapAsRawDesc>(file: T) -> io::Result<Mmap> {
        // SAFETY: the caller guarantees the same.
        unsafe { MmapOptions::new().map(file) }
    }

    /// Maps a file for reading if it can never change; see [`MmapOptions::map_if_safe`].
    pub fn map_if_safe<T: MmapAsRawDesc>(file: T) -> Result<Mmap, MapIfSafeError> {
        MmapOptions::new().map_if_safe(file)
    }

    /// Makes the map writable. On Windows this fails for maps that were made for reading.
    pub fn make_mut(self) -> io::Result<MmapMut> {
        self.0.protect(read_write()).map(MmapMut)
    }
}

/// A map for reading and writing.
pub struct MmapMut(pub(crate) Memory);

common!(MmapMut);
flushes!(MmapMut);
bytes!(MmapMut);

impl MmapMut {
    /// Maps a file for reading and writing.
    ///
    /// # Safety
    ///
    /// As for [`MmapOptions::map`].
    pub unsafe fn map_mut<T: MmapAsRawDesc>(file: T) -> io::Result<MmapMut> {
        // SAFETY: the caller guarantees the same.
        unsafe { MmapOptions::new().map_mut(file) }
    }

    /// Maps private memory of `length` bytes without a file.
    pub fn map_anon(length: usize) -> io::Result<MmapMut> {
        MmapOptions::new().len(length).map_anon()
    }

    /// Makes the map read-only.
    pub fn make_read_only(self) -> io::Result<Mmap> {
        self.0.protect(Protection::READ).map(Mmap)
    }

    /// Makes the map readable and executable.
    pub fn make_exec(self) -> io::Result<Mmap> {
        self.0.protect(Protection::READ | Protection::EXEC).map(Mmap)
    }
}

impl DerefMut for MmapMut {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; the map is borrowed mutably, and its pages are writable.
        unsafe { slice::from_raw_parts_mut(self.0.start, self.0.len) }
    }
}

impl AsMut<[u8]> for MmapMut {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

/// A map for access by pointers. A pointer to a page that the file does not have reads zeros.
pub struct MmapRaw(pub(crate) Memory);

common!(MmapRaw);
flushes!(MmapRaw);

impl MmapRaw {
    /// Maps a file for reading and writing.
    pub fn map_raw<T: MmapAsRawDesc>(file: T) -> io::Result<MmapRaw> {
        MmapOptions::new().map_raw(file)
    }

    /// Returns the address of the first byte.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.0.start
    }

    /// Returns the address of the first byte, for writing.
    #[inline]
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.0.start
    }

    /// Returns the length in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len
    }
}

/// Whether [`Mmap::remap`] may move the map.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, Default)]
pub struct RemapOptions {
    may_move: bool,
}

#[cfg(target_os = "linux")]
impl RemapOptions {
    /// Options for a map that stays at its address.
    #[must_use]
    pub fn new() -> RemapOptions {
        RemapOptions::default()
    }

    /// Sets whether the map may move to another address.
    #[must_use]
    pub fn may_move(mut self, may_move: bool) -> RemapOptions {
        self.may_move = may_move;
        self
    }
}
