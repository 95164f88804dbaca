//! The map: reading and writing its bytes.

use std::{
    cmp::Ordering,
    ffi::{OsStr, OsString},
    mem::MaybeUninit,
    ops::RangeBounds,
    path::Path,
    sync::Arc,
};

use crate::{
    Error, Result,
    access::{Memory, RegionsGuard, Span},
    ipc::{Member, SpinBudget},
    mode::{Access, Sharing, Stores},
    sys::{
        OwnedFile, file::FileId, lock::Lock, per_process::PerProcess, repair::Mark,
        request::MapRequest,
    },
    transaction::Transactional,
    word::Word,
};

/// Mapped memory: a file, a part of one, or anonymous memory.
///
/// A map is read and written by copying, through `&self` and from any thread, as a
/// [`File`](std::fs::File) is. No reference into the mapped memory exists, so other threads and
/// other processes may write at any time. A call returns bytes that were in the map at some time
/// during the call, each byte for itself; [`Map::load`] of an aligned integer is never torn.
///
/// All methods take the data first, and the offset or the range last. (`copy_within` takes source
/// and target, as that of slices does; closures come last.)
///
/// Dropping a map unmaps it and ignores errors; [`Map::close`] returns them.
///
/// A map of a file keeps a duplicate of the file's descriptor, because [`Map::resize`],
/// [`Map::refresh`], [`Map::verify`], [`Map::file_len`], [`Map::sync_all`] and [`Map::restore`] use
/// it. [`Options::untracked`](crate::Options::untracked) makes maps without a descriptor.
///
/// # Faults
///
/// A byte may be in the map and not be accessible: another process has shortened the file, the disk
/// is full, or the device failed. A call that meets such a byte returns [`Error::Fault`] with its
/// offset. The bytes before it were processed, and the map remains usable. (`rfind`, and a
/// `copy_within` to a higher offset, begin at the end, and have processed the bytes behind it.)
///
/// # Concurrent resizing
///
/// A call checks its range once, against the length of the map at that time. It returns
/// [`Error::OutOfBounds`] if the range does not fit. If another thread shrinks the map after that
/// check, the call either completes, because the bytes are still accessible, or returns
/// [`Error::Fault`]. It does not return [`Error::OutOfBounds`] after the check.
///
/// # Examples
///
/// ```
/// use safemap::Map;
///
/// let map = Map::open("sample.toml")?;
/// assert_eq!(map.find(b"safemap", ..)?, Some(18));
/// assert_eq!(map.to_vec(..9)?, b"[package]");
/// # Ok::<(), safemap::Error>(())
/// ```
pub struct Map {
    pub(crate) memory: Memory,
    pub(crate) access: Access,
    pub(crate) stores: Stores,
    pub(crate) origin: Origin,
    /// How the regions of the map are mapped.
    pub(crate) request: MapRequest,
    /// The name under which other processes find the memory.
    pub(crate) name: Option<OsString>,
    /// Where external code accessed a page that had to be replaced; `None` for maps that are not
    /// repaired.
    pub(crate) mark: Option<Arc<Mark>>,
    /// Whether growing allocates space on the disk.
    pub(crate) allocate: bool,
    /// Whether the map of a file was made with a length, and so does not follow the file's.
    pub(crate) has_fixed_len: bool,
    /// How many bytes behind a forward read pages are released.
    pub(crate) drop_behind: Option<usize>,
    /// Taken by a call that changes the length, before it locks the regions. Other calls need the
    /// regions only, so they do not wait for a write to the file.
    pub(crate) growing: Lock,
    /// Device and number of the file; zeros for memory.
    pub(crate) identity: [u64; 2],
    /// What threads of other processes that wait for a word know the file by.
    pub(crate) file_id: FileId,
    /// This process among those that use the map, after it has joined them.
    pub(crate) member: PerProcess<Member>,
    /// How long threads that wait for a word spin.
    pub(crate) spin: SpinBudget,
    /// The path with which `Options::open` opened the file.
    pub(crate) path: Option<Box<Path>>,
    /// What a transactional map keeps.
    pub(crate) transactional: Option<Box<Transactional>>,
}

/// Where the bytes of a map come from.
pub(crate) enum Origin {
    /// A file, from byte `offset`; without a descriptor if the map is untracked.
    File { file: Option<OwnedFile>, offset: u64 },
    /// Anonymous memory.
    Memory,
}

impl Map {
    /// Returns the length in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(10).anonymous()?;
    /// assert_eq!(map.len(), 10);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Returns whether the map has no bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!safemap::Map::open("Cargo.toml")?.is_empty());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what the program may do with the map.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Map};
    ///
    /// assert_eq!(Map::open("Cargo.toml")?.access(), Access::Read);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Returns the offset in the file at which the map starts, in bytes; 0 for anonymous memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().offset(5).open("Cargo.toml")?;
    /// assert_eq!(map.offset(), 5);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self.origin {
            Origin::File { offset, .. } => offset,
            Origin::Memory => 0,
        }
    }

    /// Returns whether the map shows no file.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(safemap::Options::new().len(1).anonymous()?.is_anonymous());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        matches!(self.origin, Origin::Memory)
    }

    /// Returns whether the file, or other processes, get what is written to the map.
    ///
    /// A map for reading may be private though it was not requested; see
    /// [`Options::sharing`](crate::Options::sharing).
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Map, Options, Sharing};
    ///
    /// assert_eq!(Map::open("Cargo.toml")?.sharing(), Sharing::Shared);
    /// assert_eq!(Options::new().len(1).anonymous()?.sharing(), Sharing::Private);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        if self.request.flags.is_shared() { Sharing::Shared } else { Sharing::Private }
    }

    /// Returns the name that the map was made with ([`Options::name`](crate::Options::name)).
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(safemap::Map::open("Cargo.toml")?.name(), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&OsStr> {
        self.name.as_deref()
    }

    /// Returns the byte at `at`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.get(1)?, b'p');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn get(&self, at: usize) -> Result<u8> {
        self.load_word("get", at)
    }

    /// Stores one byte at `at`.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(2).anonymous()?;
    /// map.set(7, 1)?;
    /// assert_eq!(map.to_vec(..)?, [0, 7]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn set(&self, byte: u8, at: usize) -> Result<()> {
        self.store_word("set", at, byte)
    }

    /// Returns the integer at `at`, in the processor's byte order.
    ///
    /// One instruction loads it, at any alignment. If its offset in the file ([`Map::offset`] plus
    /// `at`) is a multiple of its size, concurrent stores do not tear the value. On processors
    /// without assembly accessors they may.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.load::<u16>(0)?, u16::from_ne_bytes(*b"[p"));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn load<T: Word>(&self, at: usize) -> Result<T> {
        self.load_word("load", at)
    }

    /// Stores an integer at `at`, in the processor's byte order, as [`Map::load`] reads it.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(8).anonymous()?;
    /// map.store(1.5_f64, 0)?;
    /// assert_eq!(map.load::<f64>(0)?, 1.5);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn store<T: Word>(&self, value: T, at: usize) -> Result<()> {
        self.store_word("store", at, value)
    }

    /// Copies bytes from `at` to `buffer`. Returns how many: fewer than `buffer` holds only at the
    /// map's end, and 0 at and beyond it, as [`FileExt::read_at`] of a file does.
    ///
    /// [`FileExt::read_at`]: https://doc.rust-lang.org/std/os/unix/fs/trait.FileExt.html
    ///
    /// # Errors
    ///
    /// [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(10).anonymous()?;
    /// assert_eq!(map.read_at(&mut [0; 4], 8)?, 2);
    /// assert_eq!(map.read_at(&mut [0; 4], 11)?, 0);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn read_at(&self, buffer: &mut [u8], at: usize) -> Result<usize> {
        match self.span_from(at) {
            Some(rest) => self.copy_out(rest, buffer),
            None => self.ensure_intact().map(|()| 0),
        }
    }

    /// Fills `buffer` with the bytes from `at`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if the map ends before `buffer` is full; [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut word = [0; 7];
    /// map.read_exact_at(&mut word, 1)?;
    /// assert_eq!(&word, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline(always)]
    pub fn read_exact_at(&self, buffer: &mut [u8], at: usize) -> Result<()> {
        self.copy_out(self.span_at("read_exact_at", at, buffer.len())?, buffer).map(drop)
    }

    /// Fills `buffer`, which need not be initialised, with the bytes from `at`, and returns it.
    ///
    /// # Errors
    ///
    /// As [`Map::read_exact_at`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::mem::MaybeUninit;
    ///
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut buffer = [MaybeUninit::uninit(); 9];
    /// assert_eq!(map.read_uninit_at(&mut buffer, 0)?, b"[package]");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn read_uninit_at<'a>(
        &self,
        buffer: &'a mut [MaybeUninit<u8>],
        at: usize,
    ) -> Result<&'a mut [u8]> {
        self.copy_out_uninit(self.span_at("read_uninit_at", at, buffer.len())?, buffer)
    }

    /// Copies all of `bytes` to the map at `at`, or nothing if they do not fit.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::OutOfBounds`] if they do not fit, before the first byte;
    /// [`Error::Fault`], after the bytes that could be stored.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(5).anonymous()?;
    /// map.write_at(b"abc", 1)?;
    /// assert_eq!(map.to_vec(..)?, b"\0abc\0");
    /// assert!(map.write_at(b"abc", 3).is_err());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "write_all_at")]
    #[inline(always)]
    pub fn write_at(&self, bytes: &[u8], at: usize) -> Result<()> {
        if self.stores != Stores::Direct {
            return self.write_otherwise("write_at", bytes, at);
        }
        self.copy_in(self.span_at("write_at", at, bytes.len())?, bytes)
    }

    /// Fills `buffer`, which need not be initialised, with the bytes at `at`, `at + step`, `at + 2
    /// * step` and so on, and returns it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if one of the offsets is outside of the map, before the first byte;
    /// [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::mem::MaybeUninit;
    ///
    /// let map = safemap::Map::open("sample.toml")?;
    /// let mut buffer = [MaybeUninit::uninit(); 4];
    /// assert_eq!(map.gather(&mut buffer, 7, -2)?, b"eacp");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "read_strided")]
    #[inline]
    pub fn gather<'a>(
        &self,
        buffer: &'a mut [MaybeUninit<u8>],
        at: usize,
        step: isize,
    ) -> Result<&'a mut [u8]> {
        self.copy_out_strided(self.strided("gather", at, step, buffer.len())?, buffer)
    }

    /// Stores `bytes` at `at`, `at + step`, `at + 2 * step` and so on. The bytes between are not
    /// touched.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::OutOfBounds`] if one of the offsets is outside of the map,
    /// before the first byte; [`Error::Fault`], after the bytes that could be stored.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(5).anonymous()?;
    /// map.scatter(b"abc", 0, 2)?;
    /// assert_eq!(map.to_vec(..)?, b"a\0b\0c");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "write_strided")]
    #[inline]
    pub fn scatter(&self, bytes: &[u8], at: usize, step: isize) -> Result<()> {
        if self.stores != Stores::Direct {
            return self.scatter_otherwise(bytes, at, step);
        }
        self.copy_in_strided(self.strided("scatter", at, step, bytes.len())?, bytes)
    }

    /// Returns the bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Fault`]; [`Error::Os`] if there is not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.to_vec(1..8)?, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn to_vec(&self, range: impl RangeBounds<usize>) -> Result<Vec<u8>> {
        let span = self.span("to_vec", range)?;
        let mut bytes = Vec::new();
        self.append_to(&mut bytes, span)?;
        Ok(bytes)
    }

    /// Sets every byte of `range` to `byte`.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4).anonymous()?;
    /// map.fill(b'-', 1..3)?;
    /// assert_eq!(map.to_vec(..)?, b"\0--\0");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "memset")]
    pub fn fill(&self, byte: u8, range: impl RangeBounds<usize>) -> Result<()> {
        if self.stores != Stores::Direct {
            self.ensure_writable("fill")?;
            return self.fill_noted(self.span("fill", range)?, byte);
        }
        self.fill_span(self.span("fill", range)?, byte)
    }

    /// Copies the bytes of `range` to offset `to`; source and target may overlap.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::OutOfBounds`] for the source or the target; [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(6).anonymous()?;
    /// map.write_at(b"abcd", 0)?;
    /// map.copy_within(..4, 2)?;
    /// assert_eq!(map.to_vec(..)?, b"ababcd");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "memmove")]
    pub fn copy_within(&self, range: impl RangeBounds<usize>, to: usize) -> Result<()> {
        if self.stores != Stores::Direct {
            self.ensure_writable("copy_within")?;
            let (from, to) = self.two_spans("copy_within", range, to)?;
            return self.copy_noted(from, to);
        }
        let (from, to) = self.two_spans("copy_within", range, to)?;
        self.copy_span(from, to)
    }

    /// Compares the bytes from `at` with `bytes`, as slices are compared.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if the map ends before `bytes` does; [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cmp::Ordering;
    ///
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.compare(b"package", 1)?, Ordering::Equal);
    /// assert_eq!(map.compare(b"pal", 1)?, Ordering::Less);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "memcmp")]
    pub fn compare(&self, bytes: &[u8], at: usize) -> Result<Ordering> {
        let span = self.span_at("compare", at, bytes.len())?;
        let mut equal = 0;
        while let Some(difference) = self.first_difference(span.rest(equal), &bytes[equal..])? {
            equal += difference;
            match self.load_byte(span, equal)?.cmp(&bytes[equal]) {
                // A concurrent store has made the two bytes equal.
                Ordering::Equal => equal += 1,
                order => return Ok(order),
            }
        }
        Ok(Ordering::Equal)
    }

    /// Returns the address of the first byte. It is valid at least until the next [`Map::resize`].
    ///
    /// The address of a map without memory, such as that of an empty file, is a multiple of
    /// [`page_size`](crate::page_size), as that of any map whose offset is one.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert!(!map.as_ptr().is_null());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.base()
    }

    /// Returns the address of the first byte, for writing; see [`Map::as_ptr`].
    ///
    /// A [transactional](crate::Options::transactional) map commits what is stored there too. From
    /// now on its commits keep the changed pages in memory, until it is resized.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(1).anonymous()?;
    /// assert_eq!(map.as_mut_ptr().cast_const(), map.as_ptr());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        if self.stores == Stores::Noted {
            self.lend_pointer();
        }
        self.base()
    }
}

/// For the other modules of the crate.
impl Map {
    /// Completes a new map: counts the calls that use it, if a call that moves it may have to wait
    /// for them.
    #[inline]
    pub(crate) fn count_calls(&mut self) {
        let can_be_resized = !matches!(self.origin, Origin::File { file: None, .. });
        if self.reaches_others() && can_be_resized || self.can_be_refreshed() {
            self.memory.count_calls();
        }
    }

    #[inline]
    pub(crate) fn base(&self) -> *mut u8 {
        self.memory.base()
    }

    pub(crate) fn lock_regions(&self) -> RegionsGuard<'_> {
        self.memory.lock()
    }

    #[inline]
    pub(crate) fn ensure_writable(&self, call: &'static str) -> Result<()> {
        match self.stores {
            Stores::Refused => Err(Error::ReadOnly { call }),
            Stores::Direct | Stores::Noted => Ok(()),
        }
    }

    /// Runs `store`, which stores to `span`: at once, or through the gate of a transactional map.
    /// The caller has checked that the map is writable.
    #[inline(always)]
    pub(crate) fn storing(
        &self,
        call: &'static str,
        span: Span,
        store: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        match self.stores {
            Stores::Noted => self.store_noted(call, span, store),
            _ => store(),
        }
    }

    /// Returns whether the file, or other processes, get what this map writes.
    pub(crate) fn reaches_others(&self) -> bool {
        self.access == Access::Write && self.sharing() == Sharing::Shared
    }
}

/// Returns the size of a region for `len` bytes of a map that starts `lead` bytes behind the
/// region's start.
///
/// # Errors
///
/// [`Error::TooLong`] if no address space has so many bytes, or no object in Rust.
pub(crate) fn region_size(lead: usize, len: usize) -> Result<usize> {
    crate::sys::size::with_lead(len, lead).ok_or(Error::too_long(len as u64))
}
