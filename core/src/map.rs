//! The map: bytes in and out.
//!
//! # Safety
//!
//! The unsafe blocks here hand addresses to kernels. Two facts make them sound, and both are kept here: a [`Span`] lies
//! in the map, and `base .. base + len` lies in regions that stay mapped, or reserved, until the map is dropped, or until
//! nobody holds a pin any more.

#![allow(unsafe_code)]

use std::{
    cmp::Ordering,
    ffi::{OsStr, OsString},
    mem::MaybeUninit,
    ops::{Deref, DerefMut, RangeBounds},
    path::Path,
    ptr::NonNull,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicPtr, AtomicUsize, Ordering::Acquire},
    },
};

use crate::{
    Access, Cursor, Error, Lines, Options, Result, Sharing, accessor,
    span::Span,
    sys::{
        OwnedFile, fork::ForkGuard, in_use::InUseCount, region::Region, repair::Mark, request::MapRequest as Request,
    },
    word::Word,
};

/// Mapped memory: a file, a part of one, or anonymous memory.
///
/// A map is read and written by copying, through `&self` and from any thread, as a [`File`](std::fs::File) is: no
/// reference into the mapped memory exists, so other threads and other processes may write at any moment, and resizing
/// disturbs nobody. What is read is what stood there at some moment during the call, byte for byte; [`Map::load`]
/// of an aligned integer is never torn.
///
/// When a page cannot be had, because another process shortened the file, the disk is full, or the device failed, the call
/// returns [`Error::Fault`] with the offset, and the map goes on working.
///
/// Dropping a map unmaps it and says nothing; [`Map::close`] reports.
///
/// # Examples
///
/// ```
/// use safemap::Map;
///
/// let map = Map::open("Cargo.toml")?;
/// assert_eq!(map.find(b"safemap", ..)?, Some(18));
/// assert_eq!(map.to_vec(..9)?, b"[package]");
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Debug)]
pub struct Map {
    /// Address of the map's first byte.
    base: AtomicPtr<u8>,
    /// In bytes.
    len: AtomicUsize,
    access: Access,
    pub(crate) origin: Origin,
    pub(crate) request: Request,
    /// How far into its first page the map starts, in bytes.
    pub(crate) lead: usize,
    pub(crate) regions: Mutex<Regions>,
    /// Who is inside a accessor, where that matters.
    pub(crate) in_use: InUseCount,
    /// Under which name others find the memory.
    pub(crate) name: Option<OsString>,
    /// Where foreign code met damage; `None` for maps that are not repaired.
    pub(crate) mark: Option<Arc<Mark>>,
    /// Whether growing allocates space on the disk.
    pub(crate) allocate: bool,
}

/// Where the bytes of a map come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// From byte `offset` of a file on; the descriptor may not be kept.
    File { file: Option<OwnedFile>, offset: u64 },
    /// From nowhere: zeros.
    Memory,
}

/// The address space of a map. RegionsGuard while the map changes its size.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    /// `None` for an empty map that reserves nothing.
    pub(crate) current: Option<Region>,
    /// Regions that the map moved away from; a late reader may still be there.
    pub(crate) left: Vec<Region>,
    /// Bytes of private memory beyond the map's end, up to here, may hold what was written before a shrink.
    pub(crate) dirty: usize,
}

/// The regions of a map, locked. Fields are dropped in this order: the pass goes back when the lock is free.
#[derive(Debug)]
pub(crate) struct RegionsGuard<'a> {
    regions: MutexGuard<'a, Regions>,
    _fork: ForkGuard,
}

impl Deref for RegionsGuard<'_> {
    type Target = Regions;

    fn deref(&self) -> &Regions {
        &self.regions
    }
}

impl DerefMut for RegionsGuard<'_> {
    fn deref_mut(&mut self) -> &mut Regions {
        &mut self.regions
    }
}

/// What a map is made of; see the fields of [`Map`].
pub(crate) struct Parts {
    pub(crate) region: Option<Region>,
    pub(crate) request: Request,
    pub(crate) lead: usize,
    pub(crate) len: usize,
    pub(crate) access: Access,
    pub(crate) origin: Origin,
    pub(crate) allocate: bool,
    pub(crate) name: Option<OsString>,
}

impl Map {
    /// Maps the whole file at `path` for reading.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Map> {
        Options::new().open(path)
    }

    pub(crate) fn assemble(parts: Parts) -> Map {
        let writes = parts.access == Access::Write && parts.request.flags.contains(crate::Flags::SHARED);
        let views_move = writes && !matches!(parts.origin, Origin::File { file: None, .. });
        let map = Map {
            base: AtomicPtr::new(NonNull::dangling().as_ptr()),
            len: AtomicUsize::new(parts.len),
            access: parts.access,
            origin: parts.origin,
            request: parts.request,
            lead: parts.lead,
            regions: Mutex::new(Regions { current: parts.region, ..Regions::default() }),
            in_use: InUseCount::new(views_move),
            name: parts.name,
            mark: None,
            allocate: parts.allocate,
        };
        map.publish_base(&map.lock_regions());
        map
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        // Acquire, and before the base: see "Resize" in docs/design.md, rule 2.
        self.len.load(Acquire)
    }

    /// Whether the map has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the program may do with the map.
    #[must_use]
    #[inline]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Byte of the file at which the map starts; 0 for anonymous memory.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self.origin {
            Origin::File { offset, .. } => offset,
            Origin::Memory => 0,
        }
    }

    /// Whether the map shows no file.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        matches!(self.origin, Origin::Memory)
    }

    /// Whether others see what is written here.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        match self.request.flags.contains(crate::Flags::SHARED) {
            true => Sharing::Shared,
            false => Sharing::Private,
        }
    }

    /// Returns the name that the map was made with ([`Options::name`]).
    #[must_use]
    pub fn name(&self) -> Option<&OsStr> {
        self.name.as_deref()
    }

    /// Returns one byte.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    #[inline]
    pub fn get(&self, at: usize) -> Result<u8> {
        self.load_as("get", at)
    }

    /// Stores one byte.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    #[inline]
    pub fn set(&self, at: usize, byte: u8) -> Result<()> {
        self.store_as("set", at, byte)
    }

    /// Returns the integer that stands at `at`, in the processor's byte order.
    ///
    /// One load instruction at any alignment. Where the integer stands at a multiple of its size in the file, that is
    /// where [`Map::offset`] plus `at` is one, the value is never torn by others who write it (on processors without
    /// kernels of their own it may be).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`].
    #[inline]
    pub fn load<T: Word>(&self, at: usize) -> Result<T> {
        self.load_as("load", at)
    }

    /// Stores an integer at `at`, in the processor's byte order, as [`Map::load`] reads it.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    #[inline]
    pub fn store<T: Word>(&self, at: usize, value: T) -> Result<()> {
        self.store_as("store", at, value)
    }

    /// Copies bytes from `at` on into `buffer` and returns how many: fewer than asked for only at the map's end.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if `at` lies beyond the end; [`Error::Fault`].
    #[inline]
    pub fn read_at(&self, buffer: &mut [u8], at: usize) -> Result<usize> {
        let rest = Span::from("read_at", self.len(), at)?;
        let count = rest.len().min(buffer.len());
        self.copy_out(rest.part(0, count), &mut buffer[..count])?;
        Ok(count)
    }

    /// Fills `buffer` with the bytes from `at` on.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if the map ends before `buffer` is full; [`Error::Fault`].
    #[inline]
    pub fn read_exact_at(&self, buffer: &mut [u8], at: usize) -> Result<()> {
        let span = Span::within("read_exact_at", self.len(), at, buffer.len())?;
        self.copy_out(span, buffer)
    }

    /// As [`Map::read_exact_at`], into memory that need not hold anything yet. On success all of it is initialised.
    ///
    /// # Errors
    ///
    /// As [`Map::read_exact_at`].
    #[inline]
    pub fn read_uninit_at<'a>(&self, buffer: &'a mut [MaybeUninit<u8>], at: usize) -> Result<&'a mut [u8]> {
        let span = Span::within("read_uninit_at", self.len(), at, buffer.len())?;
        let to = buffer.as_mut_ptr().cast::<u8>();
        // SAFETY: `to` is `buffer`, which is as long and borrowed for this call.
        unsafe { self.copy_to(span, to) }?;
        // SAFETY: the kernel wrote every byte of it, as it reported no fault.
        Ok(unsafe { std::slice::from_raw_parts_mut(to, buffer.len()) })
    }

    /// Copies all of `bytes` into the map from `at` on, or nothing if they do not fit.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::OutOfBounds`] if they do not fit, before the first byte; [`Error::Fault`], after those
    /// bytes that could be stored.
    #[doc(alias = "write_all_at")]
    #[inline]
    pub fn write_at(&self, bytes: &[u8], at: usize) -> Result<()> {
        self.writable("write_at")?;
        let span = Span::within("write_at", self.len(), at, bytes.len())?;
        self.transfer(span, bytes.as_ptr(), move |base, done| {
            let from = bytes.as_ptr().wrapping_add(done);
            // SAFETY: the target lies in the map (Span), the source is what is left of `bytes`.
            unsafe { accessor::copy(base.wrapping_add(at + done), from, bytes.len() - done) }
        })?;
        Ok(())
    }

    /// Fills `buffer` with the bytes at `at`, `at + step`, `at + 2 * step` and so on. On success all of it is initialised.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if one of the places is outside of the map, before the first byte; [`Error::Fault`].
    #[doc(alias = "read_strided")]
    #[inline]
    pub fn gather<'a>(&self, buffer: &'a mut [MaybeUninit<u8>], at: usize, step: isize) -> Result<&'a mut [u8]> {
        let span = Span::of_places("gather", self.len(), at, step, buffer.len())?;
        let (to, count) = (buffer.as_mut_ptr().cast::<u8>(), buffer.len());
        self.transfer(span, to, move |base, done| {
            let from = base.wrapping_add(at).wrapping_offset(step.wrapping_mul(done as isize));
            // SAFETY: the places lie in the map (Span), and `to` is `buffer`, which is borrowed for this call.
            unsafe { accessor::gather(to.wrapping_add(done), from, count - done, step) }
        })?;
        // SAFETY: the kernel wrote every byte of it, as it reported no fault.
        Ok(unsafe { std::slice::from_raw_parts_mut(to, count) })
    }

    /// Stores `bytes` at `at`, `at + step`, `at + 2 * step` and so on; what is between them is not touched.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::OutOfBounds`] if one of the places is outside of the map, before the first byte;
    /// [`Error::Fault`], after those bytes that could be stored.
    #[doc(alias = "write_strided")]
    #[inline]
    pub fn scatter(&self, bytes: &[u8], at: usize, step: isize) -> Result<()> {
        self.writable("scatter")?;
        let span = Span::of_places("scatter", self.len(), at, step, bytes.len())?;
        self.transfer(span, bytes.as_ptr(), move |base, done| {
            let to = base.wrapping_add(at).wrapping_offset(step.wrapping_mul(done as isize));
            // SAFETY: the places lie in the map (Span), and the source is what is left of `bytes`.
            unsafe { accessor::scatter(to, bytes.as_ptr().wrapping_add(done), bytes.len() - done, step) }
        })?;
        Ok(())
    }

    /// Returns the bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Fault`]; [`Error::Os`] if there is no memory for so many.
    pub fn to_vec(&self, range: impl RangeBounds<usize>) -> Result<Vec<u8>> {
        let span = self.span("to_vec", range)?;
        let mut bytes = Vec::new();
        self.append_to(&mut bytes, span)?;
        Ok(bytes)
    }

    /// Appends the bytes of `span`; on a fault those that come before it.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>, span: Span) -> Result<()> {
        bytes.try_reserve_exact(span.len()).map_err(|error| Error::os("to_vec")(error.into()))?;
        let room = bytes.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: room for so many was reserved.
        let read = unsafe { self.copy_to(span, room) };
        let count = match read {
            Ok(()) => span.len(),
            Err(Error::Fault { offset }) => offset.saturating_sub(span.start()).min(span.len()),
            Err(_) => 0,
        };
        // SAFETY: the kernel has written so many: all, or those before the fault.
        unsafe { bytes.set_len(bytes.len() + count) };
        read
    }

    /// Stores `byte` in every place of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Fault`].
    #[doc(alias = "memset")]
    pub fn fill(&self, byte: u8, range: impl RangeBounds<usize>) -> Result<()> {
        self.writable("fill")?;
        let span = self.span("fill", range)?;
        self.transfer(span, NonNull::dangling().as_ptr(), move |base, done| {
            // SAFETY: the target lies in the map (Span).
            unsafe { accessor::fill(base.wrapping_add(span.start() + done), byte, span.len() - done) }
        })?;
        Ok(())
    }

    /// Copies the bytes of `range` to `to`; the two may overlap.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`] for either place, [`Error::Fault`].
    #[doc(alias = "memmove")]
    pub fn copy_within(&self, range: impl RangeBounds<usize>, to: usize) -> Result<()> {
        self.writable("copy_within")?;
        let len = self.len();
        let from = Span::of("copy_within", len, range)?;
        let to = Span::within("copy_within", len, to, from.len())?;
        self.transfer(from.with(to), NonNull::dangling().as_ptr(), move |base, done| {
            let left = from.len() - done;
            // Away from the overlap: what is still to be read must not be written over.
            if to.start() <= from.start() {
                let (to, from) = (base.wrapping_add(to.start() + done), base.wrapping_add(from.start() + done));
                // SAFETY: both places lie in the map (Span).
                unsafe { accessor::copy(to, from, left) }
            } else {
                let (to, from) = (base.wrapping_add(to.start()), base.wrapping_add(from.start()));
                // SAFETY: both places lie in the map (Span); the last `done` bytes are done.
                unsafe { accessor::copy_back(to, from, left) }
            }
        })?;
        Ok(())
    }

    /// Compares the bytes from `at` on with `bytes`, as slices compare.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if the map ends before `bytes` does; [`Error::Fault`].
    #[doc(alias = "memcmp")]
    pub fn compare(&self, bytes: &[u8], at: usize) -> Result<Ordering> {
        let span = Span::within("compare", self.len(), at, bytes.len())?;
        let mut same = 0;
        while let Some(difference) = self.difference(&bytes[same..], span.part(same, bytes.len()))? {
            same += difference;
            match self.get(at + same)?.cmp(&bytes[same]) {
                // Somebody wrote meanwhile, and now they are equal.
                Ordering::Equal => same += 1,
                order => return Ok(order),
            }
        }
        Ok(Ordering::Equal)
    }

    /// Returns a cursor at the start of the map: a file's view of it.
    #[must_use]
    pub fn cursor(&self) -> Cursor<&Map> {
        Cursor::new(self)
    }

    /// Goes through the map line by line; see [`Lines`].
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(self)
    }

    /// Returns the address of the first byte. It holds until the next [`Map::resize`] at the least.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.base()
    }

    /// As [`Map::as_ptr`], to write through.
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.base()
    }

    /// Returns the mapped memory itself.
    ///
    /// # Safety
    ///
    /// As long as the slice lives,
    /// - nobody writes to these bytes of the map or of its file, in this process or another;
    /// - nobody shortens the file, and its device does not fail: that would be a SIGBUS;
    /// - the map is not resized, and none of its pages are protected, dropped or guarded.
    #[must_use]
    pub unsafe fn as_slice(&self) -> &[u8] {
        let len = self.len();
        // SAFETY: the map holds `len` bytes from its base on; the caller promises the rest.
        unsafe { std::slice::from_raw_parts(self.base(), len) }
    }

    /// Returns the mapped memory itself, to write to.
    ///
    /// # Safety
    ///
    /// - As for [`Map::as_slice`].
    /// - The map is not read-only.
    #[must_use]
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        let len = self.len();
        // SAFETY: the map holds `len` bytes from its base on; the caller promises the rest.
        unsafe { std::slice::from_raw_parts_mut(self.base(), len) }
    }
}

/// What a map consists of, for those who work on it.
impl Map {
    #[inline]
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.load(Acquire)
    }

    #[inline]
    pub(crate) fn span(&self, call: &'static str, range: impl RangeBounds<usize>) -> Result<Span> {
        Span::of(call, self.len(), range)
    }

    #[inline]
    pub(crate) fn writable(&self, call: &'static str) -> Result<()> {
        match self.access {
            Access::Read => Err(Error::ReadOnly { call }),
            Access::Write | Access::Copy => Ok(()),
        }
    }

    /// The regions, and leave to change them: nobody else does meanwhile, and no fork comes between.
    pub(crate) fn lock_regions(&self) -> RegionsGuard<'_> {
        let guard = ForkGuard::new();
        // A panic while the regions are held leaves them whole: every step of a resize does.
        RegionsGuard { regions: self.regions.lock().unwrap_or_else(PoisonError::into_inner), _fork: guard }
    }

    pub(crate) fn publish_base(&self, regions: &Regions) {
        if let Some(region) = &regions.current {
            let base = region.base().as_ptr().wrapping_add(self.lead);
            self.base.store(base, std::sync::atomic::Ordering::Release);
        }
    }

    pub(crate) fn publish_len(&self, len: usize) {
        self.len.store(len, std::sync::atomic::Ordering::Release);
    }
}
