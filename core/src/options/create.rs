//! The way from the settings of the builder to a map: checks against the file, and the request to
//! the system.

use std::io;

use super::{Options, source::Source};
use crate::{
    Error, Map, Result,
    access::Memory,
    error::{HIDDEN_LENGTH, NO_SIZE},
    flags::{Flags, Protection},
    ipc::SpinBudget,
    map::region_size,
    mode::{Access, Sharing, Stores},
    sys::{
        self, BorrowedFile, fault,
        file::FileId,
        file_state::FileState,
        fork,
        lock::Lock,
        per_process::PerProcess,
        region::{self, Region, page_of},
        repair::Reaction,
        request::MapRequest,
    },
};

impl Options {
    pub(crate) fn make(&self, source: Source<'_>) -> Result<Map> {
        let ignores_file = self.exact_flags.unwrap_or(self.flags).contains(Flags::ANONYMOUS);
        let source = if ignores_file { Source::Memory } else { source };
        if self.name.is_some() && !region::HAS_NAMES {
            return Err(Error::Unsupported("named memory is not supported on this platform"));
        }
        let mut request = self.request(&source)?;
        let state =
            source.file().map(|file| self.file_state(file, &source, &request)).transpose()?;
        let len = self.map_len(state.as_ref())?;
        // The page size of hugetlbfs is a property of the file.
        let huge_page = state.and_then(|state| state.huge_page);
        request.page = huge_page.unwrap_or(request.page);
        // hugetlbfs extends a file that is mapped beyond its end.
        let is_exact = huge_page.is_some() || (source.file().is_some() && !region::OUTGROWS_FILES);
        if self.reserve > 0 {
            self.ensure_reserve_applies(&source, &request, is_exact)?;
        }
        let capacity = if is_exact { len } else { len.max(self.reserve) };
        let lead = self.lead(&source)?;
        let region = self.region(&mut request, &source, lead, capacity)?;
        if self.drop_behind.is_some() {
            self.ensure_pages_can_be_dropped(&source, &request)?;
        }
        if let (Some(region), None) = (&region, source.file()) {
            region.commit(&request, lead + len).map_err(Error::os("map"))?;
        }
        let access = self.access_to(&source);
        let reaction = self.repair.then(|| self.reaction(&source));
        // Read now only if the map does not keep the file.
        let file_id =
            FileId::new(source.file().filter(|_| self.untracked && request.flags.is_shared()));
        let origin = source.into_origin(self.untracked, self.offset)?;
        let (allocate, name) = (self.allocate, self.name.clone());
        let memory = Memory::new(region, lead, len);
        // Changed through references from here: to move a map takes dozens of instructions.
        let has_fixed_len = self.len.is_some();
        let mut map = Map {
            memory,
            access,
            stores: Stores::of(access),
            origin,
            request,
            name,
            mark: None,
            allocate,
            has_fixed_len,
            growing: Lock::new(),
            drop_behind: self.drop_behind,
            identity: state.map_or([0; 2], |state| state.identity),
            file_id,
            member: PerProcess::new(),
            spin: SpinBudget::new(self.spin),
            path: None,
            transactional: None,
        };
        map.count_calls();
        if let Some(reaction) = reaction {
            map.start_repair(reaction)?;
        }
        if self.advice.is_some() | self.lock | self.populate {
            self.prepare_pages(&map)?;
        }
        Ok(map)
    }

    /// Fails if the map can never grow into its reserve.
    #[cold]
    fn ensure_reserve_applies(
        &self,
        source: &Source<'_>,
        request: &MapRequest,
        is_exact: bool,
    ) -> Result<()> {
        if source.file().is_none() {
            return Ok(());
        }
        let loses_changes = self.access.is_some_and(|access| access != Access::Read);
        if is_exact {
            Err(Error::Unsupported("a file cannot be mapped beyond its end here: no reserve"))
        } else if loses_changes && !request.flags.is_shared() && !self.transactional {
            Err(Error::Unsupported("a private map of a file cannot grow: no reserve"))
        } else {
            Ok(())
        }
    }

    /// Returns what happens when the map becomes damaged.
    #[cold]
    fn reaction(&self, source: &Source<'_>) -> Reaction {
        let name = |file| match sys::file::path(file) {
            // As `Debug` prints it, without control characters.
            Some(path) => format!("{path:?}").into(),
            None => "a file of unknown name".into(),
        };
        let file = source.file().filter(|_| self.report_damage);
        Reaction { hook: self.on_damage, reported_name: file.map(name) }
    }

    /// Returns the state of the file, after extending it if the settings require that.
    fn file_state(
        &self,
        file: BorrowedFile<'_>,
        source: &Source<'_>,
        request: &MapRequest,
    ) -> Result<FileState> {
        let mut state = sys::file::state(file).map_err(Error::os("map"))?;
        if self.exact_flags.is_none() {
            state.ensure_not_directory().map_err(Error::os("map"))?;
        }
        self.ensure_length_is_known(file, &state)?;
        let end = self.len.and_then(|len| self.offset.checked_add(len as u64));
        let (Some(file_len), Some(end)) = (state.len, end) else { return Ok(state) };
        let is_writable = self.access == Some(Access::Write) && request.flags.is_shared();
        let extends = self.extend || (file_len == 0 && self.may_have_created(source));
        if extends && is_writable && end > file_len {
            sys::file::extend(file, end).map_err(Error::os("map"))?;
            state.len = Some(end);
        }
        Ok(state)
    }

    /// Fails if the file reports the length 0 but has bytes. Exact flags request what `mmap` does.
    fn ensure_length_is_known(&self, file: BorrowedFile<'_>, state: &FileState) -> Result<()> {
        let may_be_empty = self.len == Some(0) || self.exact_flags.is_some();
        match state.len {
            Some(0) if !may_be_empty && sys::file::hides_length(file) => {
                Err(Error::Unsupported(HIDDEN_LENGTH))
            }
            _ => Ok(()),
        }
    }

    /// Returns the length of the map in bytes, checked against the length of the file.
    pub(crate) fn map_len(&self, state: Option<&FileState>) -> Result<usize> {
        let Some(state) = state else {
            return self.len.ok_or(Error::Unsupported("a length is required for anonymous memory"));
        };
        let Some(file_len) = state.len else {
            let missing = Error::Unsupported(NO_SIZE);
            return self.len.filter(|&len| len > 0).ok_or(missing);
        };
        let beyond =
            Error::BeyondFile { offset: self.offset, len: self.len.unwrap_or(0), file_len };
        let Some(rest) = file_len.checked_sub(self.offset) else { return Err(beyond) };
        match self.len {
            Some(len) if len as u64 > rest => Err(beyond),
            Some(len) => Ok(len),
            None => usize::try_from(rest).map_err(|_| Error::too_long(rest)),
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
                usize::try_from(self.offset).map_err(|_| Error::too_long(self.offset))
            }
            None => Ok(0),
        }
    }

    /// Maps `lead + capacity` bytes. Returns `None` if `capacity` is 0.
    fn region(
        &self,
        request: &mut MapRequest,
        source: &Source<'_>,
        lead: usize,
        capacity: usize,
    ) -> Result<Option<Region>> {
        let installed = match self.protection_forbids_access(request, source) {
            true => fault::ensure_first_for_protection(),
            false => fault::ensure_first(),
        };
        installed.map_err(Error::os("map"))?;
        fork::watch();
        if capacity == 0 {
            return Ok(None);
        }
        let size = region_size(lead, capacity)?;
        let granularity = sys::granularity();
        if source.file().is_some() && (self.offset - lead as u64) % granularity as u64 != 0 {
            return Err(Error::Unaligned {
                call: "map",
                offset: self.offset,
                multiple: granularity,
            });
        }
        let file = source.file().map(|file| (file, self.offset - lead as u64));
        self.map_region(request, size, file).map(Some).map_err(Error::os("map"))
    }

    /// Maps the region: a private one if the system refuses a shared one that need not be shared.
    fn map_region(
        &self,
        request: &mut MapRequest,
        size: usize,
        file: Option<(BorrowedFile<'_>, u64)>,
    ) -> io::Result<Region> {
        if let Some(name) = &self.name {
            return Region::named(request, size, file, name);
        }
        let refused = match Region::new(request, size, file) {
            Err(error) if region::may_refuse_sharing(&error) => error,
            done => return done,
        };
        if file.is_none() || !self.may_be_private(request) {
            return Err(refused);
        }
        let private = MapRequest { flags: request.flags.made_private(), ..*request };
        let region = Region::new(&private, size, file).map_err(|_| refused)?;
        *request = private;
        Ok(region)
    }

    /// Returns whether a map of a file is for reading, and no setting asks for a shared one.
    fn may_be_private(&self, request: &MapRequest) -> bool {
        self.access.unwrap_or(Access::Read) == Access::Read
            && !request.protection.contains(Protection::WRITE)
            && self.sharing.is_none()
            && self.exact_flags.is_none()
            && !self.flags.is_shared()
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
        let protection = self.protection.unwrap_or_else(|| self.access_to(source).protection());
        let mut flags = self.exact_flags.unwrap_or_else(|| self.sharing_of(source) | self.flags);
        if self.access == Some(Access::Copy) && flags.is_shared() {
            return Err(Error::Unsupported("a map with Access::Copy cannot be shared"));
        }
        if self.exact_flags.is_none() && self.loses_writes(source) {
            return Err(Error::Unsupported(
                "a private map with Access::Write would lose writes: use Access::Copy",
            ));
        }
        if let Some(pages) = self.huge_pages {
            let unsupported =
                Error::Unsupported("huge pages of this size are not supported on this platform");
            flags |= sys::flags::huge_pages(pages).ok_or(unsupported)?;
        }
        if matches!(source, Source::Memory) {
            flags |= Flags::ANONYMOUS;
            if self.reserve > self.len.unwrap_or(0) {
                flags |= Flags::NORESERVE;
            }
        }
        Ok(MapRequest { protection, flags, page: page_of(flags) })
    }

    /// Returns whether the access says that writes reach the file, and the sharing prevents it.
    fn loses_writes(&self, source: &Source<'_>) -> bool {
        source.file().is_some()
            && self.access == Some(Access::Write)
            && self.sharing == Some(Sharing::Private)
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
