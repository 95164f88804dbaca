//! `Options`: the builder that creates maps.

use std::{
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    path::Path,
};

use crate::{
    Error, Map, Result,
    access::Memory,
    flags::{Flags, HugePage, Protection},
    map::{Origin, region_size},
    mode::{Access, Sharing},
    sys::{
        self, AsFile, BorrowedFile, OwnedFile, fault,
        file_state::FileState,
        fork,
        region::{self, Region, page_of},
        request::MapRequest,
    },
};

/// A builder that sets how memory is mapped, then creates a [`Map`].
///
/// Without any setting [`open`](Options::open) maps the whole file read-only. The builder can be
/// used again after it has created a map.
///
/// # Examples
///
/// ```
/// use safemap::Options;
///
/// let map = Options::new().offset(9).len(7).open("Cargo.toml")?;
/// assert_eq!(map.len(), 7);
///
/// let memory = Options::new().len(1 << 20).anonymous()?;
/// memory.write_at(b"hello", 100)?;
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Options {
    pub(crate) access: Option<Access>,
    sharing: Option<Sharing>,
    protection: Option<Protection>,
    flags: Flags,
    exact_flags: Option<Flags>,
    huge_pages: Option<HugePage>,
    pub(crate) offset: u64,
    exact_offset: bool,
    pub(crate) len: Option<usize>,
    pub(crate) copy_limit: Option<usize>,
    reserve: usize,
    untracked: bool,
    repair: bool,
    allocate: bool,
    extend: bool,
    name: Option<OsString>,
}

impl Map {
    /// Maps all of the file at `path` for reading.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.get(0)?, b'[');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Map> {
        Options::new().open(path)
    }
}

impl Options {
    /// Creates a builder with the default settings.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().open("Cargo.toml")?;
    /// assert_eq!(map.len() as u64, map.file_len()?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets how the program accesses the map.
    ///
    /// The default is [`Access::Read`] for files and [`Access::Write`] for anonymous memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let map = Options::new().access(Access::Copy).open("Cargo.toml")?;
    /// map.fill(b' ', ..)?; // the file does not change
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn access(&mut self, access: Access) -> &mut Options {
        self.access = Some(access);
        self
    }

    /// Sets the offset in bytes at which the map starts in the file. The default is 0.
    ///
    /// The offset need not be aligned. For memory with a [`name`](Options::name) it is the offset
    /// in that memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().offset(1).open("Cargo.toml")?;
    /// assert_eq!(map.to_vec(..7)?, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn offset(&mut self, bytes: u64) -> &mut Options {
        self.offset = bytes;
        self
    }

    /// Requires an offset that is a multiple of [`granularity`](crate::granularity), as the system
    /// call does.
    ///
    /// Any other offset fails with [`Error::Unaligned`]. By default the map is created at the next
    /// lower multiple, and hides the bytes before the offset.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options};
    ///
    /// let refused = Options::new().exact_offset().offset(1).open("Cargo.toml");
    /// assert!(matches!(refused, Err(Error::Unaligned { offset: 1, .. })));
    /// ```
    pub fn exact_offset(&mut self) -> &mut Options {
        self.exact_offset = true;
        self
    }

    /// Sets the length of the map in bytes.
    ///
    /// By default a file is mapped up to its end. Anonymous memory, and files without a size such
    /// as character devices, require a length.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(9).open("Cargo.toml")?;
    /// assert_eq!(map.to_vec(..)?, b"[package]");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn len(&mut self, bytes: usize) -> &mut Options {
        self.len = Some(bytes);
        self
    }

    /// Reserves address space for `bytes` bytes in total, so that [`Map::resize`] up to this length
    /// does not move the map.
    ///
    /// The reserve costs no memory, unless flags populate every page (`Flags::POPULATE` on Linux).
    /// Shared anonymous memory cannot grow beyond its reserve.
    ///
    /// # Platforms
    ///
    /// Windows cannot map a file beyond its end. There the reserve applies to anonymous memory
    /// only.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(1).reserve(1 << 20).anonymous()?;
    /// let address = map.as_ptr();
    /// map.resize(1 << 20)?;
    /// assert_eq!(map.as_ptr(), address);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn reserve(&mut self, bytes: usize) -> &mut Options {
        self.reserve = bytes;
        self
    }

    /// Sets whether writes are visible outside the map.
    ///
    /// By default a map of a file is shared, unless its access is [`Access::Copy`]. Anonymous
    /// memory is private by default, unless it has a [`name`](Options::name). Shared anonymous
    /// memory is shared between a process and the children that it forks.
    ///
    /// [`Sharing::Shared`] with [`Access::Copy`] fails with [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Options, Sharing};
    ///
    /// let counters = Options::new().len(4096).sharing(Sharing::Shared).anonymous()?;
    /// counters.store(0, 1_u64)?; // visible in children that are forked
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn sharing(&mut self, sharing: Sharing) -> &mut Options {
        self.sharing = Some(sharing);
        self
    }

    /// Sets the protection of the pages. The default follows from the access.
    ///
    /// Access that the protection forbids fails with [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options, Protection};
    ///
    /// let map = Options::new().len(1).protection(Protection::NONE).anonymous()?;
    /// assert!(matches!(map.get(0), Err(Error::Fault { offset: 0 })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn protection(&mut self, protection: Protection) -> &mut Options {
        self.protection = Some(protection);
        self
    }

    /// Adds flags of `mmap` to those that access and sharing imply.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use safemap::{Flags, Options};
    ///
    /// // Every page is allocated now. Later accesses cause no page faults.
    /// let map = Options::new().len(1 << 20).flags(Flags::POPULATE).anonymous()?;
    /// # }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn flags(&mut self, flags: Flags) -> &mut Options {
        self.flags = flags;
        self
    }

    /// Sets the flags of `mmap`, including [`Flags::SHARED`] or [`Flags::PRIVATE`], instead of
    /// deriving them from access and sharing.
    ///
    /// Flags that other settings require are added: for anonymous memory, huge pages and a reserve.
    /// If the flags contain the one for anonymous memory, [`Options::map`] and [`Options::open`]
    /// ignore the file, and the result is a map of memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Flags, Options, Sharing};
    ///
    /// let map = Options::new().exact_flags(Flags::PRIVATE).open("Cargo.toml")?;
    /// assert_eq!(map.sharing(), Sharing::Private);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn exact_flags(&mut self, flags: Flags) -> &mut Options {
        self.exact_flags = Some(flags);
        self
    }

    /// Maps huge pages from the system's pool (`MAP_HUGETLB`).
    ///
    /// The length is rounded up to the size of these pages. Creating the map fails with
    /// [`Error::Os`] if the pool has too few pages.
    ///
    /// # Platforms
    ///
    /// Linux. Elsewhere creating the map fails with [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, HugePage, Options};
    ///
    /// match Options::new().len(1 << 21).huge_pages(HugePage::Default).anonymous() {
    ///     Ok(map) => map.fill(1, ..)?,
    ///     Err(Error::Os { .. }) => println!("the pool is empty"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn huge_pages(&mut self, pages: HugePage) -> &mut Options {
        self.huge_pages = Some(pages);
        self
    }

    /// Keeps no file descriptor. [`Map::file_len`], [`Map::resize`], [`Map::sync_all`] and
    /// [`Map::restore`] then fail with [`Error::NoFile`].
    ///
    /// By default a map keeps a duplicate of the descriptor, which is closed with the map.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options};
    ///
    /// let map = Options::new().untracked().open("Cargo.toml")?;
    /// assert!(matches!(map.file_len(), Err(Error::NoFile { call: "file_len" })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn untracked(&mut self) -> &mut Options {
        self.untracked = true;
        self
    }

    /// Protects code outside the library that accesses the mapped memory directly, for example
    /// through [`Map::as_slice`] or Python's `memoryview`.
    ///
    /// If such code accesses a page that the file or the device cannot supply, the page is replaced
    /// with zeros and the code continues. The map is *damaged* from then on: each method that
    /// accesses bytes returns [`Error::Damaged`] until [`Map::restore`] succeeds.
    ///
    /// Each call then also checks a flag, and the map occupies a slot in a list of repaired maps.
    /// Anonymous memory cannot be repaired: creating the map fails with [`Error::Unsupported`].
    ///
    /// # Platforms
    ///
    /// - On macOS and the BSDs an access that [`Map::protect`] forbids is repaired as well, because
    ///   these systems report the same signal for it.
    /// - On s390x the kernel reports the address of the page only, so the offset of the damage is
    ///   that of the page's first byte.
    /// - Windows cannot replace pages of a mapped file. Creating the map fails with
    ///   [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if cfg!(windows) { return Ok(()); } // Not supported there.
    /// let map = safemap::Options::new().repair().open("Cargo.toml")?;
    /// assert_eq!(map.damage(), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn repair(&mut self) -> &mut Options {
        self.repair = true;
        self
    }

    /// Makes [`Map::resize`] allocate disk space when the file grows.
    ///
    /// A full disk is then an error of `resize`, not a fault when bytes are written later.
    ///
    /// # Platforms
    ///
    /// Linux (`fallocate`), macOS (`F_PREALLOCATE`) and FreeBSD (`posix_fallocate`), if the file
    /// system supports it. Elsewhere a `resize` that makes the file longer fails with
    /// [`Error::Os`]. Windows always allocates the space, except for sparse and compressed files.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).allocate().map(&file)?;
    /// match map.resize(1 << 20) {
    ///     Ok(()) => map.fill(b' ', ..)?, // cannot fail for lack of space
    ///     Err(error) => eprintln!("no disk space for the file: {error}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "fallocate")]
    pub fn allocate(&mut self) -> &mut Options {
        self.allocate = true;
        self
    }

    /// Extends the file if it ends before the map does, instead of failing with
    /// [`Error::BeyondFile`].
    ///
    /// The new bytes are zeros. This applies to shared maps with [`Access::Write`] and a length;
    /// other maps fail as before. If the map cannot be created for another reason, the file may
    /// stay extended.
    ///
    /// # Platforms
    ///
    /// On systems other than Windows, bytes that another process appends at the same moment may be
    /// lost: POSIX has no call that only extends a file.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(1 << 20).extend().map(&file)?;
    /// assert_eq!(file.metadata()?.len(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extend(&mut self) -> &mut Options {
        self.extend = true;
        self
    }

    /// Sets a name under which other processes can map the same memory.
    ///
    /// The first process that uses the name creates the memory and fixes its length. Other
    /// processes map the same memory, or a shorter part of it. The memory exists as long as a
    /// process maps it. If a file is mapped with a name, later maps with that name show the file of
    /// the first map.
    ///
    /// Names of all kinds of objects share one namespace for each session. The prefix `Global\`
    /// selects the namespace of all sessions, which requires a privilege.
    ///
    /// # Platforms
    ///
    /// Windows (`CreateFileMapping`). Elsewhere creating the map fails with [`Error::Unsupported`];
    /// map a file on a memory file system instead.
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(windows) { return Ok(()); } // Not supported there.
    /// use safemap::Options;
    ///
    /// let first = Options::new().len(4096).name("safemap-example").anonymous()?;
    /// let second = Options::new().len(4096).name("safemap-example").anonymous()?;
    /// first.set(0, 1)?;
    /// assert_eq!(second.get(0)?, 1);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "tagname")]
    #[doc(alias = "CreateFileMapping")]
    pub fn name(&mut self, name: impl AsRef<OsStr>) -> &mut Options {
        self.name = Some(name.as_ref().to_owned());
        self
    }

    /// Maps an open file and returns the map.
    ///
    /// The map keeps a duplicate of the file descriptor, unless [`Options::untracked`] is set; the
    /// caller may close its own. An empty file gives an empty map.
    ///
    /// # Errors
    ///
    /// - [`Error::BeyondFile`] if offset and length do not lie in the file.
    /// - [`Error::TooLong`] if the length does not fit into the address space.
    /// - [`Error::Unsupported`] if the file has no size and no length is set, or if a setting does
    ///   not apply to files or to this platform.
    /// - [`Error::Unaligned`]; see [`Options::exact_offset`].
    /// - [`Error::Os`] if the system refuses, for example because the file is not open for writing.
    ///
    /// # Platforms
    ///
    /// On Windows, if the file was opened with a `share_mode` of `FILE_SHARE_READ`, other processes
    /// cannot open it for writing as long as the map keeps its handle.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let map = safemap::Options::new().map(&file)?;
    /// assert_eq!(map.len() as u64, file.metadata()?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mmap")]
    pub fn map(&self, file: impl AsFile) -> Result<Map> {
        self.create(Source::Borrowed(sys::borrow(&file)))
    }

    /// Opens the file at `path` and maps it.
    ///
    /// The file is opened for reading, and with [`Access::Write`] for writing too.
    ///
    /// # Errors
    ///
    /// As [`Options::map`], and [`Error::Os`] if the file cannot be opened.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(9).open("Cargo.toml")?;
    /// assert_eq!(map.len(), 9);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Map> {
        let writes = self.access == Some(Access::Write);
        let file =
            OpenOptions::new().read(true).write(writes).open(path).map_err(Error::os("open"))?;
        self.create(Source::Owned(file.into()))
    }

    /// Maps new memory without a file, filled with zeros. Requires [`Options::len`].
    ///
    /// # Errors
    ///
    /// - [`Error::Unsupported`] if no length is set, or if a setting does not apply to memory or to
    ///   this platform.
    /// - [`Error::TooLong`] if the length does not fit into the address space.
    /// - [`Error::Os`] if the system has no memory or address space left.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4096).anonymous()?;
    /// assert_eq!(map.load::<u64>(8)?, 0);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "MAP_ANONYMOUS")]
    pub fn anonymous(&self) -> Result<Map> {
        self.create(Source::Memory)
    }

    pub(crate) fn create(&self, source: Source<'_>) -> Result<Map> {
        let ignores_file = self.exact_flags.unwrap_or(self.flags).contains(Flags::ANONYMOUS);
        let source = if ignores_file { Source::Memory } else { source };
        if self.name.is_some() && !region::HAS_NAMES {
            return Err(Error::Unsupported("named memory is not supported on this platform"));
        }
        let mut request = self.request(&source)?;
        let state = source.file().map(|file| self.file_state(file, &request)).transpose()?;
        let len = self.map_len(state.as_ref())?;
        // The page size of hugetlbfs is a property of the file.
        let huge_page = state.and_then(|state| state.huge_page);
        request.page = huge_page.unwrap_or(request.page);
        // hugetlbfs extends a file that is mapped beyond its end.
        let is_exact = huge_page.is_some() || (source.file().is_some() && !region::OUTGROWS_FILES);
        let capacity = if is_exact { len } else { len.max(self.reserve) };
        let lead = self.lead(&source)?;
        let region = self.region(&request, &source, lead, capacity)?;
        if let (Some(region), None) = (&region, source.file()) {
            region.commit(&request, lead + len).map_err(Error::os("map"))?;
        }
        let access = self.access_to(&source);
        let origin = source.into_origin(self.untracked, self.offset)?;
        let (allocate, name) = (self.allocate, self.name.clone());
        let memory = Memory::new(region, lead, len);
        // Changed through references from here: to move a map takes dozens of instructions.
        let has_fixed_len = self.len.is_some();
        let mut map =
            Map { memory, access, origin, request, name, mark: None, allocate, has_fixed_len };
        map.count_calls();
        if self.repair {
            map.start_repair()?;
        }
        Ok(map)
    }

    /// Returns the state of the file, after extending it if [`Options::extend`] requires that.
    fn file_state(&self, file: BorrowedFile<'_>, request: &MapRequest) -> Result<FileState> {
        let mut state = sys::file::state(file).map_err(Error::os("map"))?;
        let end = self.len.and_then(|len| self.offset.checked_add(len as u64));
        let (Some(file_len), Some(end)) = (state.len, end) else { return Ok(state) };
        let is_writable = self.access == Some(Access::Write) && request.flags.is_shared();
        if self.extend && is_writable && end > file_len {
            sys::file::extend(file, end).map_err(Error::os("map"))?;
            state.len = Some(end);
        }
        Ok(state)
    }

    /// Returns the length of the map in bytes, checked against the length of the file.
    pub(crate) fn map_len(&self, state: Option<&FileState>) -> Result<usize> {
        let Some(state) = state else {
            return self.len.ok_or(Error::Unsupported("a length is required for anonymous memory"));
        };
        let Some(file_len) = state.len else {
            let missing = Error::Unsupported("a length is required for files without a size");
            return self.len.filter(|&len| len > 0).ok_or(missing);
        };
        let beyond =
            Error::BeyondFile { offset: self.offset, len: self.len.unwrap_or(0), file_len };
        let Some(rest) = file_len.checked_sub(self.offset) else { return Err(beyond) };
        match self.len {
            Some(len) if len as u64 > rest => Err(beyond),
            Some(len) => Ok(len),
            None => usize::try_from(rest).map_err(|_| Error::TooLong { len: rest }),
        }
    }

    /// Returns the distance in bytes from the start of the region to the start of the map.
    fn lead(&self, source: &Source<'_>) -> Result<usize> {
        match source.file() {
            Some(_) if self.exact_offset => Ok(0),
            Some(_) => Ok((self.offset % sys::granularity() as u64) as usize),
            // Named memory is mapped from its start, so that an offset means the same byte in every
            // process.
            None if self.name.is_some() => {
                usize::try_from(self.offset).map_err(|_| Error::TooLong { len: self.offset })
            }
            None => Ok(0),
        }
    }

    /// Maps `lead + capacity` bytes. Returns `None` if `capacity` is 0.
    fn region(
        &self,
        request: &MapRequest,
        source: &Source<'_>,
        lead: usize,
        capacity: usize,
    ) -> Result<Option<Region>> {
        match self.protection_forbids_access(request, source) {
            true => fault::ensure_first_for_protection(),
            false => fault::ensure_first(),
        }
        fork::watch();
        if capacity == 0 {
            return Ok(None);
        }
        let size = region_size(lead, capacity)?;
        let granularity = sys::granularity();
        if source.file().is_some()
            && !(self.offset - lead as u64).is_multiple_of(granularity as u64)
        {
            return Err(Error::Unaligned {
                call: "map",
                offset: self.offset,
                multiple: granularity,
            });
        }
        let file = source.file().map(|file| (file, self.offset - lead as u64));
        let region = match &self.name {
            Some(name) => Region::named(request, size, file, name),
            None => Region::new(request, size, file),
        };
        region.map(Some).map_err(Error::os("map"))
    }

    /// Returns whether the protection forbids what the access allows. Then a fault can be SIGSEGV
    /// from the start.
    fn protection_forbids_access(&self, request: &MapRequest, source: &Source<'_>) -> bool {
        let reads = request.protection.contains(Protection::READ);
        let writes = request.protection.contains(Protection::WRITE);
        !reads || (self.access_to(source) != Access::Read && !writes)
    }

    /// Returns protection, flags and page size as the settings determine them.
    fn request(&self, source: &Source<'_>) -> Result<MapRequest> {
        let protection = self.protection.unwrap_or(match self.access_to(source) {
            Access::Read => Protection::READ,
            Access::Write | Access::Copy => Protection::READ | Protection::WRITE,
        });
        let mut flags = self.exact_flags.unwrap_or_else(|| self.sharing_of(source) | self.flags);
        if self.access == Some(Access::Copy) && flags.is_shared() {
            return Err(Error::Unsupported("a map with Access::Copy cannot be shared"));
        }
        if let Some(pages) = self.huge_pages {
            let unsupported =
                Error::Unsupported("huge pages of this size are not supported on this platform");
            flags = flags | sys::flags::huge_pages(pages).ok_or(unsupported)?;
        }
        if matches!(source, Source::Memory) {
            flags = flags | Flags::ANONYMOUS;
            if self.reserve > self.len.unwrap_or(0) {
                flags = flags | Flags::NORESERVE;
            }
        }
        Ok(MapRequest { protection, flags, page: page_of(flags) })
    }

    fn sharing_of(&self, source: &Source<'_>) -> Flags {
        let is_unnamed_memory = matches!(source, Source::Memory) && self.name.is_none();
        let is_private = match self.sharing {
            Some(sharing) => sharing == Sharing::Private,
            None => self.access == Some(Access::Copy) || is_unnamed_memory,
        };
        if is_private { Flags::PRIVATE } else { Flags::SHARED }
    }

    fn access_to(&self, source: &Source<'_>) -> Access {
        self.access.unwrap_or(match source {
            Source::Borrowed(_) | Source::Owned(_) => Access::Read,
            Source::Memory => Access::Write,
        })
    }
}

/// What a new map shows: a file, or memory.
pub(crate) enum Source<'a> {
    /// A file that belongs to the caller.
    Borrowed(BorrowedFile<'a>),
    /// A file that the library opened.
    Owned(OwnedFile),
    /// Memory without a file.
    Memory,
}

impl Source<'_> {
    fn file(&self) -> Option<BorrowedFile<'_>> {
        match self {
            Source::Borrowed(file) => Some(*file),
            Source::Owned(file) => Some(sys::borrow(file)),
            Source::Memory => None,
        }
    }

    /// Returns the origin that the map keeps. A borrowed descriptor is duplicated, close-on-exec.
    fn into_origin(self, untracked: bool, offset: u64) -> Result<Origin> {
        let file = match self {
            Source::Memory => return Ok(Origin::Memory),
            Source::Borrowed(_) | Source::Owned(_) if untracked => None,
            Source::Borrowed(file) => Some(file.try_clone_to_owned().map_err(Error::os("map"))?),
            Source::Owned(file) => Some(file),
        };
        Ok(Origin::File { file, offset })
    }
}
