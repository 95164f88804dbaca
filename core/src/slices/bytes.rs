//! `FileBytes`: all bytes of a file as a slice that does not change.

use std::{
    fmt,
    ops::{Deref, RangeBounds},
    path::Path,
    ptr::NonNull,
    slice,
    sync::Arc,
};

use super::memory::{Backing, Memory};
use crate::{Options, Result, access::Span, sys::AsFile};

/// The bytes of a file, or of a part of it, as a slice that does not change.
///
/// The bytes are those that the file had when it was opened. They are copied, by system calls:
/// other processes may then write to the file, truncate, replace or delete it. A file that is cut
/// during the copy gives fewer bytes, never zeros in their place (unless it is extended again
/// before the same system call has returned, which reads 2 MiB). Copies of up to 32 MiB are on the
/// heap. Longer ones are in private memory with large pages. A memory file that is sealed
/// ([`Options::memfd`], [`Map::seal`](crate::Map::seal)) is mapped instead, without a copy.
///
/// Files without a length, such as `/proc/version` or a pipe, are read to their end. If they may
/// have none, as `/dev/zero`, set [`Options::len`] or [`Options::copy_limit`]: otherwise they are
/// read until there is no more memory, as by [`std::fs::read`].
///
/// Cloning shares the bytes. They are freed with the last clone or part of them.
///
/// # Examples
///
/// ```
/// use safemap::FileBytes;
///
/// let bytes = FileBytes::open("sample.toml")?;
/// assert!(bytes.starts_with(b"[package]"));
/// let name = bytes.slice(1..8)?;
/// drop(bytes);
/// assert_eq!(&name[..], b"package");
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone)]
pub struct FileBytes {
    /// The first of `len` bytes of `memory`.
    start: NonNull<u8>,
    len: usize,
    memory: Arc<Memory>,
}

// SAFETY: the bytes are not written while an owner of `memory` exists, which may be dropped by any
// thread.
unsafe impl Send for FileBytes {}
// SAFETY: as above.
unsafe impl Sync for FileBytes {}

impl FileBytes {
    /// Returns all bytes of the file at `path`.
    ///
    /// # Errors
    ///
    /// As [`Options::bytes`].
    ///
    /// # Examples
    ///
    /// ```
    /// let bytes = safemap::FileBytes::open("sample.toml")?;
    /// assert_eq!(bytes.iter().position(|&byte| byte == b']'), Some(8));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<FileBytes> {
        Options::new().bytes(path)
    }

    /// Returns all bytes of an open file. Its position does not matter, unless it is a pipe.
    ///
    /// # Errors
    ///
    /// As [`Options::bytes_of`].
    ///
    /// # Examples
    ///
    /// ```
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let bytes = safemap::FileBytes::from_file(&file)?;
    /// assert_eq!(bytes.len() as u64, file.metadata()?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(file: impl AsFile) -> Result<FileBytes> {
        Options::new().bytes_of(file)
    }

    /// Returns a part of the bytes, without copying them. It keeps all of them alive.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds).
    ///
    /// # Examples
    ///
    /// ```
    /// let bytes = safemap::FileBytes::open("sample.toml")?;
    /// assert_eq!(bytes.slice(..9)?.as_ref(), b"[package]");
    /// assert!(bytes.slice(5..usize::MAX).is_err());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<FileBytes> {
        let span = Span::of("slice", self.len, range)?;
        // SAFETY: the span lies in the `len` bytes from `start`.
        let start = unsafe { self.start.add(span.start()) };
        Ok(FileBytes { start, len: span.len(), memory: Arc::clone(&self.memory) })
    }

    /// Returns where the bytes are.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Backing, FileBytes};
    ///
    /// assert_eq!(FileBytes::open("Cargo.toml")?.backing(), Backing::Heap);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn backing(&self) -> Backing {
        self.memory.backing()
    }

    /// `memory` has `len` bytes from `lead` on.
    pub(super) fn new(memory: Memory, lead: usize, len: usize) -> FileBytes {
        let memory = Arc::new(memory);
        let start = memory.start().cast_mut().wrapping_add(lead);
        // Neither an allocation nor a mapping starts at address 0.
        let start = NonNull::new(start).unwrap_or(NonNull::dangling());
        FileBytes { start, len, memory }
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `memory` has `len` bytes from `start`, and nothing writes to them.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for FileBytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBytes")
            .field("len", &self.len)
            .field("backing", &self.backing())
            .finish()
    }
}

// SAFETY: the bytes are on the heap or mapped, and stay where they are when the value moves. Clones
// have the same bytes.
#[cfg(feature = "stable-deref")]
unsafe impl stable_deref_trait::StableDeref for FileBytes {}

// SAFETY: as above.
#[cfg(feature = "stable-deref")]
unsafe impl stable_deref_trait::CloneStableDeref for FileBytes {}
