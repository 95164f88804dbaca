//! `Snapshot`: slices of the parts of a file that are needed.

use std::{
    fmt,
    fs::File,
    mem::MaybeUninit,
    ops::{Deref, Range, RangeBounds},
    path::Path,
    ptr::NonNull,
    slice,
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    copy::read_kept,
    memory::zeroed,
    piece::{self, Claim, Complete, Missing, Piece},
};
use crate::{
    Error, Flags, Protection, Result,
    access::Span,
    map::region_size,
    sys::{
        self, AsFile, OwnedFile, file::Stamp, fork, pages::Pages, region::Region,
        request::MapRequest,
    },
};

/// A file of which parts are needed, as slices that do not change.
///
/// [`get`](Snapshot::get) copies the pieces of 64 KiB in which its range lies, by system calls,
/// when they are first used. Later calls return the same bytes, also if other processes change
/// the file. Pieces that are first used at different times may show the file at different times;
/// [`unchanged`](Snapshot::unchanged) reports most changes. A piece that was never used cannot be
/// read after the file was truncated: `get` returns [`Error::Fault`] with the offset of the first
/// byte that is missing.
///
/// The memory is reserved when the file is opened, and used for the pieces that were copied. It is
/// one mapping.
///
/// # Fork
///
/// A forked child has the pieces that its parent had, and copies others itself.
///
/// # Examples
///
/// ```
/// use safemap::Snapshot;
///
/// let file = Snapshot::open("sample.toml")?;
/// assert_eq!(file.get(..9)?, b"[package]");
/// assert!(file.unchanged()?);
/// # Ok::<(), safemap::Error>(())
/// ```
pub struct Snapshot {
    /// Copies of what `shared` has, for the fast path of `get`. The first byte, or dangling.
    start: NonNull<u8>,
    len: usize,
    /// For the first of the pieces, or dangling.
    complete: NonNull<Complete>,
    shared: Arc<Shared>,
}

// SAFETY: the addresses are those of memory that `shared` owns, which any thread may use or drop.
unsafe impl Send for Snapshot {}
// SAFETY: as above. Bytes that are ready are not written.
unsafe impl Sync for Snapshot {}

/// A part of a [`Snapshot`] that owns its bytes.
///
/// # Examples
///
/// ```
/// let file = safemap::Snapshot::open("sample.toml")?;
/// let part = file.slice(1..8)?;
/// drop(file);
/// assert_eq!(&part[..], b"package");
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone)]
pub struct SnapshotSlice {
    start: NonNull<u8>,
    len: usize,
    /// Keeps the bytes mapped, and keeps `Snapshot::forget` from giving them back.
    _shared: Arc<Shared>,
}

// SAFETY: the bytes are ready, so nothing writes to them while an owner of the memory exists, which
// may be dropped by any thread.
unsafe impl Send for SnapshotSlice {}
// SAFETY: as above.
unsafe impl Sync for SnapshotSlice {}

/// The file, and the memory for its bytes.
#[derive(Debug)]
struct Shared {
    file: OwnedFile,
    stamp: Stamp,
    len: usize,
    /// Private memory of `len` bytes; `None` for an empty file.
    region: Option<Region>,
    pieces: Box<[Piece]>,
    /// One for each piece.
    complete: Box<[Complete]>,
    missing: Missing,
}

const NO_LENGTH: Error =
    Error::Unsupported("a snapshot requires a file with a length; FileBytes reads others");

impl Snapshot {
    /// Opens the file at `path`. Copies nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Os`]; [`Error::Unsupported`] for a file without a length, such as a pipe
    /// or a file of `/proc`; [`Error::TooLong`].
    ///
    /// # Examples
    ///
    /// ```
    /// let file = safemap::Snapshot::open("sample.toml")?;
    /// assert_eq!(file.get(1..8)?, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Snapshot> {
        Snapshot::new(File::open(path).map_err(Error::os("open"))?.into())
    }

    /// Uses an open file. The snapshot keeps a duplicate of its descriptor.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::open`].
    ///
    /// # Platforms
    ///
    /// On Windows, copying pieces moves the position of the file.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let snapshot = safemap::Snapshot::from_file(&file)?;
    /// assert_eq!(snapshot.len() as u64, file.metadata()?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(file: impl AsFile) -> Result<Snapshot> {
        let file = sys::borrow(&file).try_clone_to_owned();
        Snapshot::new(file.map_err(Error::os("snapshot"))?)
    }

    fn new(file: OwnedFile) -> Result<Snapshot> {
        // The claims record the number of forks.
        fork::watch();
        let borrowed = sys::borrow(&file);
        let stamp = sys::file::stamp(borrowed).map_err(Error::os("snapshot"))?;
        let state = sys::file::state(borrowed).map_err(Error::os("snapshot"))?;
        state.ensure_not_directory().map_err(Error::os("snapshot"))?;
        let len = state.len.ok_or(NO_LENGTH)?;
        if len == 0 && sys::file::hides_length(borrowed) {
            return Err(NO_LENGTH);
        }
        let len = usize::try_from(len).map_err(|_| Error::too_long(len))?;
        let region = (len > 0).then(|| reserve(len)).transpose()?;
        let start = region.as_ref().map_or(NonNull::dangling(), Region::base);
        let count = len.div_ceil(piece::LEN);
        // SAFETY: zero is the state of a new piece.
        let pieces = unsafe { zeroed::<Piece>(count) }?;
        // SAFETY: zero is the value of a piece that is not complete.
        let complete = unsafe { zeroed::<Complete>(count) }?;
        let missing = Missing::new(count);
        let shared = Arc::new(Shared { file, stamp, len, region, pieces, complete, missing });
        let complete = NonNull::from(&*shared.complete).cast();
        Ok(Snapshot { start, len, complete, shared })
    }

    /// Returns the length of the file when it was opened, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(safemap::Snapshot::open("Cargo.toml")?.len() > 9);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the file was empty when it was opened.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!safemap::Snapshot::open("Cargo.toml")?.is_empty());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of `range`, which are copied at first use.
    ///
    /// Threads that need the same piece wait for the one that copies it. It must not be called in a
    /// signal handler.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Fault`] if the file has become shorter;
    /// [`Error::Os`] if it cannot be read, or there is not enough memory. Bytes that were copied
    /// before stay, and a later call tries the others again.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = safemap::Snapshot::open("Cargo.toml")?;
    /// let first = file.get(..9)?;
    /// assert_eq!(file.get(1..8)?.as_ptr(), first[1..].as_ptr());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn get(&self, range: impl RangeBounds<usize>) -> Result<&[u8]> {
        let span = Span::of("get", self.len, range)?;
        self.copy(span)?;
        // SAFETY: `copy` has found that the bytes of `span` are ready. Nothing writes to them as
        // long as the snapshot is borrowed.
        Ok(unsafe { slice::from_raw_parts(self.address(span).as_ptr(), span.len()) })
    }

    /// Returns the bytes of `range` as a value that owns them.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    ///
    /// # Examples
    ///
    /// ```
    /// let file = safemap::Snapshot::open("sample.toml")?;
    /// let part = file.slice(1..8)?;
    /// let thread = std::thread::spawn(move || part.to_vec());
    /// assert_eq!(thread.join().unwrap(), b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<SnapshotSlice> {
        let span = Span::of("slice", self.len, range)?;
        self.copy(span)?;
        let (start, len) = (self.address(span), span.len());
        Ok(SnapshotSlice { start, len, _shared: Arc::clone(&self.shared) })
    }

    /// Returns whether the file has the length and the times of its last changes that it had when
    /// it was opened.
    ///
    /// `false` is certain: the file was written, truncated, renamed, replaced or deleted, or its
    /// links, permissions, owner or attributes were changed. `true` is not: a store to a mapping
    /// changes no time if its page is already dirty, or if the file is on tmpfs; a file system may
    /// count time in steps of some milliseconds; and a program may set the time of the last change
    /// of the content back. A network file system may report a write that is older than the
    /// snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("file");
    /// std::fs::write(&path, "abc")?;
    /// let file = safemap::Snapshot::open(&path)?;
    /// assert!(file.unchanged()?);
    /// std::fs::write(&path, "abcd")?;
    /// assert!(!file.unchanged()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unchanged(&self) -> Result<bool> {
        let stamp = sys::file::stamp(sys::borrow(&self.shared.file));
        Ok(stamp.map_err(Error::os("unchanged"))? == self.shared.stamp)
    }

    /// Gives back the memory of the pieces that lie in `range`. They are copied again when they are
    /// needed, and then show what the file has at that time.
    ///
    /// A piece that lies only partly in the range is kept.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while a [`SnapshotSlice`] of this snapshot exists; [`Error::OutOfBounds`];
    /// [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// let mut file = safemap::Snapshot::open("sample.toml")?;
    /// assert_eq!(file.get(..9)?, b"[package]");
    /// file.forget(..)?;
    /// assert_eq!(file.get(..9)?, b"[package]");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn forget(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        let span = Span::of("forget", self.shared.len, range)?;
        let shared = Arc::get_mut(&mut self.shared).ok_or(Error::InUse { call: "forget" })?;
        let end =
            if span.end() == shared.len { shared.pieces.len() } else { span.end() / piece::LEN };
        shared.forget(span.start().div_ceil(piece::LEN)..end)
    }

    /// Copies the pieces of `span`, unless their bytes are ready.
    ///
    /// The fast path has few instructions: a processor that waits for memory executes those of the
    /// next calls, as many as fit into its buffers.
    #[inline]
    fn copy(&self, span: Span) -> Result<()> {
        match self.shared.missing.is_none() || self.is_complete(span) {
            true => Ok(()),
            false => self.shared.copy_pieces(span),
        }
    }

    /// Whether `span` lies in one piece, all bytes of which are ready.
    #[inline]
    fn is_complete(&self, span: Span) -> bool {
        let index = span.start() / piece::LEN;
        // If the span is empty, the byte before it has to lie in the same piece.
        let is_in_one_piece = span.end().wrapping_sub(1) / piece::LEN == index;
        is_in_one_piece && {
            // SAFETY: the piece of `end - 1`, a byte of the file, has this index.
            let complete = unsafe { self.complete.add(index) };
            // SAFETY: `shared` has one for each piece, and does not borrow it exclusively.
            unsafe { complete.as_ref() }.is_set()
        }
    }

    #[inline]
    fn address(&self, span: Span) -> NonNull<u8> {
        // SAFETY: `span` lies in the file, and the memory is as long.
        unsafe { self.start.add(span.start()) }
    }
}

impl Shared {
    #[cold]
    #[inline(never)]
    fn copy_pieces(&self, span: Span) -> Result<()> {
        let (mut index, end) = (span.start() / piece::LEN, span.end());
        while index * piece::LEN < end && span.len() > 0 {
            let needed = (end - index * piece::LEN).min(piece::LEN);
            if !self.complete[index].is_set() && self.pieces[index].ready() < needed {
                self.copy_piece(index, needed)?;
            }
            index += 1;
        }
        Ok(())
    }

    /// Copies a piece, or waits until another thread has copied it.
    #[cold]
    #[inline(never)]
    fn copy_piece(&self, index: usize, needed: usize) -> Result<()> {
        for round in 0_u32.. {
            let piece = &self.pieces[index];
            if piece.ready() >= needed {
                break;
            }
            match (piece.claim(fork::current()), round) {
                (Some(claim), _) => return self.copy_claimed(index, claim, needed),
                (None, 0..100) => thread::yield_now(),
                // The thread with the claim may wait for storage. A lock could be held by a thread
                // that a fork leaves behind.
                (None, _) => thread::sleep(Duration::from_micros(u64::from(round.min(1000)))),
            }
        }
        Ok(())
    }

    /// The bytes of a piece.
    fn range(&self, index: usize) -> Range<usize> {
        let start = index * piece::LEN;
        start..self.len.min(start + piece::LEN)
    }

    fn copy_claimed(&self, index: usize, claim: Claim<'_>, needed: usize) -> Result<()> {
        let (mut ready, start) = (claim.ready(), index * piece::LEN);
        let read = self.read(self.range(index), &claim, &mut ready);
        fork::step();
        claim.publish(ready);
        if ready == self.range(index).len() {
            self.missing.complete(&self.complete[index]);
        }
        match read {
            _ if ready >= needed => Ok(()),
            Ok(()) => Err(Error::Fault { offset: start + ready }),
            Err(error) => Err(Error::Os { call: "get", source: error }),
        }
    }

    /// Reads the bytes of the piece `range` behind the `ready` ones, and counts them there.
    fn read(
        &self,
        range: Range<usize>,
        _claim: &Claim<'_>,
        ready: &mut usize,
    ) -> std::io::Result<()> {
        let Some(region) = &self.region else { return Ok(()) };
        region.commit_range(&request(), range.clone())?;
        while *ready < range.len() {
            fork::step();
            let at = range.start + *ready;
            let start = region.base().as_ptr().wrapping_add(at).cast::<MaybeUninit<u8>>();
            // SAFETY: the bytes lie in the region, and are not ready. Only the thread with the
            // claim accesses them.
            let buffer = unsafe { slice::from_raw_parts_mut(start, range.end - at) };
            match read_kept(sys::borrow(&self.file), buffer, at as u64)? {
                0 => break,
                count => *ready += count,
            }
        }
        Ok(())
    }

    fn forget(&mut self, pieces: Range<usize>) -> Result<()> {
        let Some(region) = self.region.as_ref().filter(|_| !pieces.is_empty()) else {
            return Ok(());
        };
        // First, because no slice of these pieces exists now.
        self.complete[pieces.clone()].iter().for_each(|piece| self.missing.forget(piece));
        self.pieces[pieces.clone()].fill_with(Piece::new);
        let end = (pieces.end * piece::LEN).min(region.size());
        let start = region.base().as_ptr().wrapping_add(pieces.start * piece::LEN);
        let Some(start) = NonNull::new(start) else { return Ok(()) };
        // SAFETY: the range starts with a page, because a piece is a multiple of the page size, and
        // ends with one or the region. The region is borrowed.
        let pages = unsafe { Pages::new(start, end - pieces.start * piece::LEN) };
        pages.renew(&request()).map_err(Error::os("forget"))
    }
}

fn request() -> MapRequest {
    let flags = Flags::PRIVATE | Flags::ANONYMOUS | Flags::NORESERVE;
    let protection = Protection::READ | Protection::WRITE;
    MapRequest { protection, flags, page: sys::page_size() }
}

/// Reserves private memory. Large pages would hold many pieces, most of them not needed.
fn reserve(len: usize) -> Result<Region> {
    let region = Region::new(&request(), region_size(0, len)?, None);
    let region = region.map_err(Error::os("snapshot"))?;
    region.advise_large_pages(false);
    Ok(region)
}

impl Deref for SnapshotSlice {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes are ready and stay mapped, and nothing writes to them while an owner
        // of the memory exists.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for SnapshotSlice {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for SnapshotSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotSlice").field("len", &self.len).finish()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("len", &self.len()).finish()
    }
}
