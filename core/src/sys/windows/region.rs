//! A region: address space that holds a view of a section or private memory.

use std::{
    ffi::OsStr,
    io,
    ops::Range,
    os::windows::io::{BorrowedHandle, OwnedHandle},
    ptr::{self, NonNull},
    sync::Arc,
};

use windows_sys::Win32::{
    Foundation::{ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY, ERROR_USER_MAPPED_FILE},
    System::Memory::{
        MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, MEMORY_MAPPED_VIEW_ADDRESS,
        UnmapViewOfFile, VirtualAlloc, VirtualFree,
    },
};

use super::{
    check, error, flags, page_size,
    pages::{self, protect},
    repair::Mark,
    section::{self, Bytes, Name},
};
use crate::{
    flags::{Flags, Protection},
    sys::{pages::Pages, protections::Protections, request::MapRequest, size},
};

/// Whether a mapping may extend beyond the end of its file, and the file may shrink while it is
/// mapped.
pub(crate) const OUTGROWS_FILES: bool = false;

/// Whether memory can have a name by which other processes map it.
pub(crate) const HAS_NAMES: bool = true;

impl MapRequest {
    /// Returns the request for a region that is larger than needed at present. That costs no
    /// memory, because memory is committed as needed.
    pub(crate) fn spacious(&self) -> Option<MapRequest> {
        Some(*self)
    }
}

/// Mapped or reserved address space. It is released on drop.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    /// In bytes, whole pages.
    size: usize,
    kind: Kind,
    protections: Protections,
}

#[derive(Debug)]
enum Kind {
    /// A view of a section. The handle keeps the name of the section in existence, if it has one.
    View { _named: Option<OwnedHandle> },
    /// Private memory, of which the first bytes are committed.
    Private,
}

// SAFETY: a region is an address and a length. The accessors allow concurrent access to its pages.
unsafe impl Send for Region {}
// SAFETY: as above; no method changes the region through a shared reference.
unsafe impl Sync for Region {}

impl Region {
    /// Maps at least `len` bytes of a file from an offset on, or reserves them for new memory (see
    /// `commit`).
    pub(crate) fn new(
        request: &MapRequest,
        len: usize,
        file: Option<(BorrowedHandle<'_>, u64)>,
    ) -> io::Result<Region> {
        check_flags(request.flags)?;
        let size = round_up(len, request.page)?;
        match file {
            None => Region::reserve(request, size),
            Some((file, offset)) => {
                let section = section::create(request, Bytes::File(file), None)?;
                Region::view(request, &section, offset, len)
            }
        }
    }

    /// Like [`Region::new`], with a name by which other processes map the same memory.
    pub(crate) fn named(
        request: &MapRequest,
        len: usize,
        file: Option<(BorrowedHandle<'_>, u64)>,
        name: &OsStr,
    ) -> io::Result<Region> {
        check_flags(request.flags)?;
        let name = Name::new(name)?;
        let (bytes, offset) = match file {
            Some((file, offset)) => (Bytes::File(file), offset),
            None => (Bytes::New(len), 0),
        };
        let section = section::create(request, bytes, Some(&name))?;
        let mut region = Region::view(request, &section, offset, len)?;
        region.kind = Kind::View { _named: Some(section) };
        Ok(region)
    }

    /// Releases the name of this region. Fails if other handles keep the name in existence.
    pub(crate) fn leave_name(&mut self, name: &OsStr) -> io::Result<()> {
        let name = Name::new(name)?;
        self.kind = Kind::View { _named: None };
        match section::find(&name) {
            None => Ok(()),
            found => {
                self.kind = Kind::View { _named: found };
                Err(error(ERROR_USER_MAPPED_FILE))
            }
        }
    }

    fn view(
        request: &MapRequest,
        section: &OwnedHandle,
        offset: u64,
        len: usize,
    ) -> io::Result<Region> {
        let size = round_up(len, request.page)?;
        let base = section::view(request, section, offset, len)?;
        let kind = Kind::View { _named: None };
        let region = Region { base, size, kind, protections: Protections::default() };
        if request.protection == Protection::NONE {
            // MapViewOfFile makes no view without access.
            region.set_protection(size, request)?;
        }
        Ok(region)
    }

    /// Returns the length of a section that can be read, in bytes: whole pages.
    pub(super) fn len_of(section: &OwnedHandle) -> io::Result<usize> {
        let (protection, flags, page) = (Protection::READ, Flags::SHARED, page_size());
        // A length of 0 maps all of it.
        let base = section::view(&MapRequest { protection, flags, page }, section, 0, 0)?;
        let kind = Kind::View { _named: None };
        let region = Region { base, size: page, kind, protections: Protections::default() };
        pages::state(region.base.as_ptr()).map(|run| run.len)
    }

    fn reserve(request: &MapRequest, size: usize) -> io::Result<Region> {
        let protection = flags::of_pages(request.protection, false);
        // SAFETY: the kernel chooses a free address range.
        let base = unsafe { VirtualAlloc(ptr::null(), size, MEM_RESERVE, protection) };
        let base = NonNull::new(base.cast())
            .ok_or_else(|| allocation_error(io::Error::last_os_error()))?;
        Ok(Region { base, size, kind: Kind::Private, protections: Protections::default() })
    }

    /// Commits memory for the first `len` bytes, if it is not committed yet.
    pub(crate) fn commit(&self, request: &MapRequest, len: usize) -> io::Result<()> {
        self.commit_range(request, 0..len)
    }

    /// Commits memory for `range`, which starts with a page, if it is not committed yet.
    pub(crate) fn commit_range(&self, request: &MapRequest, range: Range<usize>) -> io::Result<()> {
        let protection = flags::of_pages(request.protection, false);
        let (mut at, end) = (range.start, round_up(range.end, page_size())?.min(self.size));
        while at < end {
            let start = self.base.as_ptr().wrapping_add(at);
            let run = pages::state(start)?;
            let count = run.len.min(end - at);
            if !run.committed {
                // SAFETY: reserved pages of this region that are not committed.
                let made = unsafe { VirtualAlloc(start.cast(), count, MEM_COMMIT, protection) };
                if made.is_null() {
                    return Err(io::Error::last_os_error());
                }
            }
            at += count;
        }
        Ok(())
    }

    /// Fails: no file can be sealed.
    pub(crate) fn show_for_reading(&mut self, _: BorrowedHandle<'_>, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Fails: no file can be sealed.
    pub(crate) fn show_again(&mut self, _: BorrowedHandle<'_>, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns the region, which was not replaced.
    pub(crate) fn elsewhere(self, _: BorrowedHandle<'_>, _: u64) -> Option<Region> {
        Some(self)
    }

    /// Does nothing: large pages require a privilege.
    pub(crate) fn advise_large_pages(&self, _: bool) {}

    pub(crate) fn watch(&mut self, _: &MapRequest, _: usize, _: Arc<Mark>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Does nothing: no page was replaced.
    pub(crate) fn restore(&self, _: BorrowedHandle<'_>, _: u64) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing: there are no repairs.
    pub(crate) fn protect_repairs(&self, _: Protection) {}

    /// Returns false: there are no forks.
    pub(crate) fn is_missing_pages(&self) -> bool {
        false
    }

    /// Returns `None`: no page is replaced by zeros.
    pub(crate) fn first_replaced(&self, _: Range<usize>) -> Option<usize> {
        None
    }

    /// Whether no page is replaced by zeros.
    pub(crate) fn is_intact(&self) -> bool {
        true
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Releases the region and returns the error of the system call.
    pub(crate) fn unmap(mut self) -> io::Result<()> {
        let done = self.release();
        self.size = 0;
        done
    }

    fn release(&mut self) -> io::Result<()> {
        let at = self.base.as_ptr().cast();
        check(match self.kind {
            // SAFETY: the region owns the view and ends here. No reference into it exists.
            Kind::View { .. } => unsafe {
                UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: at })
            },
            // SAFETY: the region owns the memory and ends here. No reference into it exists.
            Kind::Private => unsafe { VirtualFree(at, 0, MEM_RELEASE) },
        })
    }

    /// Moves the `parts` of private memory from `old` to this region, where all bytes up to the
    /// last part are committed, and makes `old` inaccessible. Both are regions of the same
    /// `request`.
    ///
    /// The first step makes `old` read-only, so no concurrent write is lost. On failure `old` has
    /// its protections again.
    pub(crate) fn take_over(
        &self,
        old: &Region,
        parts: &[Range<usize>],
        request: &MapRequest,
    ) -> io::Result<()> {
        let len = parts.last().map_or(0, |part| part.end);
        let size = round_up(len, page_size())?.min(old.size);
        let protect_old = |protection| old.protect_part(0..size, protection);
        if size == 0 {
            return Ok(());
        }
        protect_old(Protection::READ)?;
        // SAFETY: `len` bytes lie in both regions, which do not overlap.
        let copied = unsafe { crate::accessor::copy(self.base.as_ptr(), old.base.as_ptr(), len) };
        let moved = match copied.fault {
            0 => protect_old(Protection::NONE),
            _ => Err(error(super::BAD_ADDRESS as u32)),
        };
        if moved.is_err() {
            let restore = |range, protection| old.protect_part(range, protection);
            old.protections.apply(size, request.protection, restore)?;
        }
        moved
    }

    /// Does nothing: `take_over` has done it.
    pub(crate) fn allow_access(&self) -> io::Result<()> {
        Ok(())
    }

    /// Records the protection of pages: of private memory for a move that fails, of a map that
    /// changes a file for [`Region::first_unwritable`]. Only the thread that has locked the regions
    /// calls this.
    pub(crate) fn record_protection(
        &self,
        range: Range<usize>,
        protection: Protection,
        request: &MapRequest,
    ) -> io::Result<()> {
        self.protections.set(range, protection, request.protection)
    }

    /// Does nothing: there are no guards that advice installs.
    pub(crate) fn record_guards(&self, _: Pages<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// Returns the first byte of `range`, in bytes from the start of the region, that a protection
    /// does not allow to write.
    pub(crate) fn first_unwritable(
        &self,
        range: Range<usize>,
        request: &MapRequest,
    ) -> Option<usize> {
        self.protections.first_without(Protection::WRITE, range, request.protection)
    }

    /// Gives the pages of the first `used` bytes another protection. The others are not committed.
    pub(crate) fn set_base_protection(
        &mut self,
        used: usize,
        protection: Protection,
    ) -> io::Result<()> {
        let size = round_up(used, page_size())?.min(self.size);
        if size > 0 {
            let start = self.base.as_ptr();
            let copy = pages::state(start)?.copy;
            // SAFETY: the region owns the pages. Only accessors access them, which can take a
            // fault.
            unsafe { protect(start.cast(), size, flags::of_pages(protection, copy)) }?;
        }
        self.protections = Protections::default();
        Ok(())
    }

    fn set_protection(&self, len: usize, request: &MapRequest) -> io::Result<()> {
        let size = round_up(len, page_size())?.min(self.size);
        self.protect_part(0..size, request.protection)
    }

    /// Sets the protection of the pages in `range`, which lies in the region and is committed.
    pub(crate) fn protect_part(
        &self,
        range: Range<usize>,
        protection: Protection,
    ) -> io::Result<()> {
        let start = self.base.as_ptr().wrapping_add(range.start);
        // SAFETY: the region owns the pages. Only accessors access them, which can take a fault.
        unsafe { protect(start.cast(), range.len(), flags::of_pages(protection, false)) }
    }

    /// Releases the memory of a region that the map has left. The address space stays reserved.
    pub(crate) fn forget_pages(&self) {
        if matches!(self.kind, Kind::Private) {
            // An error is ignored: it costs memory but loses no bytes.
            // SAFETY: the bytes were moved before.
            unsafe { VirtualFree(self.base.as_ptr().cast(), 0, MEM_DECOMMIT) };
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // Errors are ignored here; `unmap` returns them and sets the size to 0.
        if self.size > 0 {
            let _ = self.release();
        }
    }
}

/// Refuses flags that Windows does not have, and contradictory ones.
fn check_flags(flags: Flags) -> io::Result<()> {
    let known = Flags::SHARED | Flags::PRIVATE | Flags::ANONYMOUS | Flags::NORESERVE;
    let both_or_none = flags.contains(Flags::SHARED) == flags.contains(Flags::PRIVATE);
    if both_or_none || !known.contains(flags) {
        Err(error(ERROR_INVALID_PARAMETER))
    } else {
        Ok(())
    }
}

/// Corrects the error for sizes that exceed the address space: Windows reports an invalid
/// parameter.
fn allocation_error(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(super::INVALID) => super::error(ERROR_NOT_ENOUGH_MEMORY),
        _ => error,
    }
}

/// Windows refuses no shared view for which it makes a private one.
pub(crate) fn may_refuse_sharing(_: &io::Error) -> bool {
    false
}

/// Returns the page size that `flags` request.
pub(crate) fn page_of(_: Flags) -> usize {
    page_size()
}

fn round_up(len: usize, page: usize) -> io::Result<usize> {
    size::round_up(len, page).ok_or_else(|| error(ERROR_NOT_ENOUGH_MEMORY))
}
