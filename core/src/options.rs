//! Options: how one asks for a map.

use std::{
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    path::Path,
};

use crate::{
    Error, Map, Result,
    flags::{Flags, HugePage, Protection},
    map::{Origin, Parts},
    sys::{
        self, AsFile, BorrowedFile, OwnedFile, fault,
        file_state::FileState as State,
        fork,
        region::{self, Region, page_of},
        request::MapRequest as Request,
    },
};

/// What a program may do with a map, and whom its writes reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read only; a write is an error.
    #[default]
    Read,
    /// Writes reach the file and every other map of it.
    Write,
    /// Writes stay in this map; the file is never changed.
    Copy,
}

/// Whether others see what is written to a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// The file, other maps of it, and forked children do.
    Shared,
    /// Nobody does.
    Private,
}

/// How to map: a builder, in the manner of [`std::fs::OpenOptions`].
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
    access: Option<Access>,
    sharing: Option<Sharing>,
    protection: Option<Protection>,
    flags: Flags,
    exact_flags: Option<Flags>,
    huge_pages: Option<HugePage>,
    offset: u64,
    exact_offset: bool,
    len: Option<usize>,
    reserve: usize,
    untracked: bool,
    repair: bool,
    allocate: bool,
    extend: bool,
    name: Option<OsString>,
}

impl Options {
    /// Begins with a read-only map of the whole file.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets what the program may do with the map. Without it files are read, and anonymous memory is written.
    pub fn access(&mut self, access: Access) -> &mut Options {
        self.access = Some(access);
        self
    }

    /// Sets the byte of the file, or of the memory with a [`name`](Options::name), at which the map starts; any will do.
    pub fn offset(&mut self, bytes: u64) -> &mut Options {
        self.offset = bytes;
        self
    }

    /// Refuses an offset that is no multiple of [`granularity`](crate::granularity) with [`Error::Unaligned`], as the bare
    /// system call does, instead of taking care of the rest.
    pub fn exact_offset(&mut self) -> &mut Options {
        self.exact_offset = true;
        self
    }

    /// Sets the length of the map in bytes. Without it a file is mapped to its end; anonymous memory needs one.
    pub fn len(&mut self, bytes: usize) -> &mut Options {
        self.len = Some(bytes);
        self
    }

    /// Sets address space for `bytes` in all aside, so that [`Map::resize`] up to there moves nothing.
    ///
    /// That costs no memory, unless flags ask for every page at once (`Flags::POPULATE`, on Linux). Shared anonymous memory can grow only within it.
    ///
    /// # Platforms
    ///
    /// Windows does not map a file further than it reaches: there this is for memory alone.
    pub fn reserve(&mut self, bytes: usize) -> &mut Options {
        self.reserve = bytes;
        self
    }

    /// Sets who sees what is written. Without it files are shared unless the access is [`Access::Copy`], and anonymous
    /// memory is private unless it has a [`name`](Options::name). Shared anonymous memory is what forked children and their parent have in common.
    pub fn sharing(&mut self, sharing: Sharing) -> &mut Options {
        self.sharing = Some(sharing);
        self
    }

    /// Sets the protection of the pages, instead of the one that the access implies.
    ///
    /// What it forbids is [`Error::Fault`] when tried.
    pub fn protection(&mut self, protection: Protection) -> &mut Options {
        self.protection = Some(protection);
        self
    }

    /// Adds flags to those that access and sharing imply.
    pub fn flags(&mut self, flags: Flags) -> &mut Options {
        self.flags = flags;
        self
    }

    /// Gives the system these flags, [`Flags::SHARED`] and [`Flags::PRIVATE`] included, and adds only what the request implies
    /// otherwise: anonymous memory, huge pages, a reserve. With the flag for anonymous memory a file is ignored.
    pub fn exact_flags(&mut self, flags: Flags) -> &mut Options {
        self.exact_flags = Some(flags);
        self
    }

    /// Asks for pages from the system's pool of huge pages. Lengths are rounded up to them; an empty pool is an error.
    pub fn huge_pages(&mut self, pages: HugePage) -> &mut Options {
        self.huge_pages = Some(pages);
        self
    }

    /// Keeps no descriptor of the file. Then [`Map::file_len`] and [`Map::resize`] are errors.
    pub fn untracked(&mut self) -> &mut Options {
        self.untracked = true;
        self
    }

    /// Lets foreign code survive that reads or writes the memory itself ([`Map::as_slice`], Python's `memoryview`): where the
    /// file no longer reaches, or fails, it meets zeros. The map is *damaged* then: every call that touches bytes
    /// returns [`Error::Damaged`] until [`Map::restore`] succeeds.
    ///
    /// For maps of files. Costs a look at a flag in each call, and a place in a list while the map lives.
    ///
    /// # Platforms
    ///
    /// On macOS and the BSDs a page that [`Map::protect`] has closed is taken for one that is gone.
    /// On s390x the system tells the page alone, so the offset of damage is that of the page's first byte.
    /// Windows can replace no page of a mapped file: there the map is [`Error::Unsupported`].
    pub fn repair(&mut self) -> &mut Options {
        self.repair = true;
        self
    }

    /// Has [`Map::resize`] set space on the disk aside when the file grows, so that a full disk is an error there, and not
    /// a fault when the bytes are stored.
    ///
    /// # Platforms
    ///
    /// Linux, macOS and FreeBSD, on file systems that can; elsewhere a resize that grows is [`Error::Os`].
    /// Windows does it anyway, but for files that are sparse or compressed.
    #[doc(alias = "fallocate")]
    pub fn allocate(&mut self) -> &mut Options {
        self.allocate = true;
        self
    }

    /// Makes a file longer that does not reach over the map, where it would be [`Error::BeyondFile`] otherwise. What comes new
    /// is zeros. For maps whose writes reach the file; others are refused as before. If the map cannot be made for another reason,
    /// the file may stay longer.
    ///
    /// # Platforms
    ///
    /// Elsewhere than on Windows, bytes that another process appends at the very moment may be lost.
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

    /// Gives the memory a name under which other processes find it: who comes first makes it, with the length that he asks for,
    /// and others get the same memory, of which they may map less. It lasts as long as somebody maps it.
    ///
    /// A file can be named as well; whoever comes later gets the file of whoever came first.
    ///
    /// Names of all sorts of objects share one space for each session; `Global\` in front of a name makes it one of all
    /// sessions, for those who have the privilege.
    ///
    /// # Platforms
    ///
    /// Windows. Elsewhere maps with a name are [`Error::Unsupported`]; there a file on a memory file system serves.
    #[doc(alias = "tagname")]
    #[doc(alias = "CreateFileMapping")]
    pub fn name(&mut self, name: impl AsRef<OsStr>) -> &mut Options {
        self.name = Some(name.as_ref().to_owned());
        self
    }

    /// Maps `file`, which is duplicated unless [`Options::untracked`]; the caller may close its own.
    ///
    /// An empty file makes an empty map. On Windows a file that was opened with a `share_mode` of `FILE_SHARE_READ` is sealed: nobody
    /// else may write to it while the map keeps it.
    ///
    /// # Errors
    ///
    /// [`Error::BeyondFile`] if offset and length leave the file; [`Error::TooLong`] if the rest of the file is more
    /// than the address space; [`Error::Os`] if the system refuses, for example because the file was not opened for
    /// writing.
    pub fn map(&self, file: impl AsFile) -> Result<Map> {
        if self.exact_flags.unwrap_or(self.flags).contains(Flags::ANONYMOUS) {
            return self.anonymous();
        }
        self.build(Given::Lent(sys::borrow(&file)))
    }

    /// Opens the file at `path`, for writing as well if the access says so, and maps it.
    ///
    /// # Errors
    ///
    /// As [`Options::map`], and what opening the file gives.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Map> {
        let writes = self.access == Some(Access::Write);
        let file = OpenOptions::new().read(true).write(writes).open(path).map_err(Error::os("open"))?;
        self.build(Given::Owned(file.into()))
    }

    /// Maps fresh memory, filled with zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without a length; [`Error::TooLong`] and [`Error::Os`] if there is no room.
    pub fn anonymous(&self) -> Result<Map> {
        self.build(Given::Nothing)
    }

    fn build(&self, given: Given<'_>) -> Result<Map> {
        if self.name.is_some() && !region::HAS_NAMES {
            return Err(Error::Unsupported("a name for shared memory on this platform"));
        }
        let state = given.file().map(|file| self.state(file)).transpose()?;
        let len = match &state {
            Some(state) => self.len_in(state)?,
            None => self.len.ok_or(Error::Unsupported("anonymous memory without a length"))?,
        };
        let mut request = self.request(&given, len)?;
        // A file of huge pages says so itself, and grows when it is mapped beyond its end.
        let huge = state.and_then(|state| state.huge_page);
        request.page = huge.unwrap_or(request.page);
        let fits = huge.is_some() || (given.file().is_some() && !region::OUTGROWS_FILES);
        let capacity = if fits { len } else { len.max(self.reserve) };
        let lead = self.lead(&given)?;
        let region = self.region(&request, &given, lead, capacity)?;
        if let (Some(region), None) = (&region, given.file()) {
            region.commit(&request, lead + len).map_err(Error::os("map"))?;
        }
        let access = self.access_to(&given);
        let origin = given.keep(self.untracked, self.offset)?;
        let (allocate, name) = (self.allocate, self.name.clone());
        let map = Map::assemble(Parts { region, request, lead, len, access, origin, allocate, name });
        if self.repair { map.watched() } else { Ok(map) }
    }

    /// The state of the file, made longer if that was asked for.
    fn state(&self, file: BorrowedFile<'_>) -> Result<State> {
        let mut state = sys::file::state(file).map_err(Error::os("map"))?;
        let end = self.len.and_then(|len| self.offset.checked_add(len as u64));
        let (Some(there), Some(end)) = (state.len, end) else { return Ok(state) };
        let shared = self.exact_flags.map_or(self.sharing != Some(Sharing::Private), |it| it.contains(Flags::SHARED));
        if self.extend && shared && self.access == Some(Access::Write) && end > there {
            sys::file::extend(file, end).map_err(Error::os("map"))?;
            state.len = Some(end);
        }
        Ok(state)
    }

    /// The length of the map in bytes, checked against the file where that has a length.
    fn len_in(&self, state: &State) -> Result<usize> {
        let Some(file_len) = state.len else {
            let what = "a map without a length of what has none itself, as a device or a directory";
            return self.len.filter(|&len| len > 0).ok_or(Error::Unsupported(what));
        };
        let beyond = Error::BeyondFile { offset: self.offset, len: self.len.unwrap_or(0), file_len };
        let Some(rest) = file_len.checked_sub(self.offset) else { return Err(beyond) };
        match self.len {
            Some(len) if len as u64 > rest => Err(beyond),
            Some(len) => Ok(len),
            None => usize::try_from(rest).map_err(|_| Error::TooLong { len: rest }),
        }
    }

    /// How far into its region the map starts, in bytes.
    fn lead(&self, given: &Given<'_>) -> Result<usize> {
        match given.file() {
            Some(_) if self.exact_offset => Ok(0),
            Some(_) => Ok((self.offset % sys::granularity() as u64) as usize),
            // What has a name is shown whole, or others would not find the same bytes at the same place.
            None if self.name.is_some() => {
                usize::try_from(self.offset).map_err(|_| Error::TooLong { len: self.offset })
            }
            None => Ok(0),
        }
    }

    /// Maps `capacity` bytes and what lies before them in the first page; nothing at all for no bytes.
    fn region(&self, request: &Request, given: &Given<'_>, lead: usize, capacity: usize) -> Result<Option<Region>> {
        match self.is_forbidding(request, given) {
            true => fault::ensure_first_for_protection(),
            false => fault::ensure_first(),
        }
        fork::watch();
        if capacity == 0 {
            return Ok(None);
        }
        let size = sys::size::with_lead(capacity, lead);
        let size = size.ok_or(Error::TooLong { len: capacity as u64 })?;
        let granularity = sys::granularity();
        if given.file().is_some() && !(self.offset - lead as u64).is_multiple_of(granularity as u64) {
            return Err(Error::Unaligned { call: "map", offset: self.offset, multiple: granularity });
        }
        let file = given.file().map(|file| (file, self.offset - lead as u64));
        let region = match &self.name {
            Some(name) => Region::named(request, size, file, name),
            None => Region::new(request, size, file),
        };
        region.map(Some).map_err(Error::os("map"))
    }

    /// Whether a page of the map may be there and not be accessed, as far as its access goes.
    fn is_forbidding(&self, request: &Request, given: &Given<'_>) -> bool {
        let reads = request.protection.contains(Protection::READ);
        let writes = request.protection.contains(Protection::WRITE);
        !reads || (self.access_to(given) != Access::Read && !writes)
    }

    fn request(&self, given: &Given<'_>, len: usize) -> Result<Request> {
        let protection = match (self.protection, self.access, given) {
            (Some(protection), ..) => protection,
            (None, Some(Access::Read), _) | (None, None, Given::Lent(_) | Given::Owned(_)) => Protection::READ,
            _ => Protection::READ | Protection::WRITE,
        };
        let mut flags = self.exact_flags.unwrap_or_else(|| self.sharing_of(given) | self.flags);
        if self.access == Some(Access::Copy) && flags.contains(Flags::SHARED) {
            return Err(Error::Unsupported("a copy that is shared"));
        }
        if let Some(pages) = self.huge_pages {
            flags = flags | sys::flags::huge_pages(pages).ok_or(Error::Unsupported("huge pages of that size"))?;
        }
        if matches!(given, Given::Nothing) {
            flags = flags | Flags::ANONYMOUS;
            if self.reserve > len {
                flags = flags | Flags::NORESERVE;
            }
        }
        Ok(Request { protection, flags, page: page_of(flags) })
    }

    fn sharing_of(&self, given: &Given<'_>) -> Flags {
        let private = match self.sharing {
            Some(sharing) => sharing == Sharing::Private,
            None => self.access == Some(Access::Copy) || (matches!(given, Given::Nothing) && self.name.is_none()),
        };
        if private { Flags::PRIVATE } else { Flags::SHARED }
    }

    fn access_to(&self, given: &Given<'_>) -> Access {
        self.access.unwrap_or(match given {
            Given::Lent(_) | Given::Owned(_) => Access::Read,
            Given::Nothing => Access::Write,
        })
    }
}

/// What the caller wants to see mapped.
enum Given<'a> {
    Lent(BorrowedFile<'a>),
    Owned(OwnedFile),
    Nothing,
}

impl Given<'_> {
    fn file(&self) -> Option<BorrowedFile<'_>> {
        match self {
            Given::Lent(file) => Some(*file),
            Given::Owned(file) => Some(sys::borrow(file)),
            Given::Nothing => None,
        }
    }

    /// Makes the map's own descriptor of it, close-on-exec.
    fn keep(self, untracked: bool, offset: u64) -> Result<Origin> {
        let file = match self {
            Given::Nothing => return Ok(Origin::Memory),
            Given::Lent(_) | Given::Owned(_) if untracked => None,
            Given::Lent(file) => Some(file.try_clone_to_owned().map_err(Error::os("map"))?),
            Given::Owned(file) => Some(file),
        };
        Ok(Origin::File { file, offset })
    }
}
