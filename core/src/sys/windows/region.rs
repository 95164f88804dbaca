//! Regions: address space that is ours, a view of a section or memory of our own, until it is dropped.

use std::{
    ffi::OsStr,
    io,
    os::windows::io::{BorrowedHandle, OwnedHandle},
    ptr::{self, NonNull},
    sync::Arc,
};

use windows_sys::Win32::{
    Foundation::{ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY, ERROR_USER_MAPPED_FILE},
    System::Memory::{
        MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, MEMORY_MAPPED_VIEW_ADDRESS, UnmapViewOfFile, VirtualAlloc,
        VirtualFree,
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
    sys::{request::MapRequest, size},
};

/// Whether a file can be mapped further than it reaches, and cut while it is mapped.
pub(crate) const OUTGROWS_FILES: bool = false;

/// Whether memory can have a name under which other processes find it.
pub(crate) const HAS_NAMES: bool = true;

impl MapRequest {
    /// The same with more room than is needed at once, which costs nothing: memory is committed by and by.
    pub(crate) fn spacious(&self) -> Option<MapRequest> {
        Some(*self)
    }
}

/// Address space that is ours until it is dropped.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    /// In bytes, whole pages.
    size: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A view of a section, and the section if it has a name: that lasts as long as somebody has it open.
    View { _named: Option<OwnedHandle> },
    /// Memory of our own, of which the first bytes are committed.
    Own,
}

// SAFETY: a region is an address and a length; what other threads may do with its pages is the kernels' affair.
unsafe impl Send for Region {}
// SAFETY: as above; no method changes the region through a shared reference.
unsafe impl Sync for Region {}

impl Region {
    /// Maps at least `len` bytes, of `file` from its byte `.1` on, or reserves them for fresh memory (see `commit`).
    pub(crate) fn new(request: &MapRequest, len: usize, file: Option<(BorrowedHandle<'_>, u64)>) -> io::Result<Region> {
        judge(request.flags)?;
        let size = round_up(len, request.page)?;
        match file {
            None => Region::reserve(request, size),
            Some((file, offset)) => {
                let section = section::create(request, Bytes::File(file), None)?;
                Region::view(request, &section, offset, len)
            }
        }
    }

    /// As [`Region::new`], with a name under which other processes get the same memory.
    pub(crate) fn named(
        request: &MapRequest,
        len: usize,
        file: Option<(BorrowedHandle<'_>, u64)>,
        name: &OsStr,
    ) -> io::Result<Region> {
        judge(request.flags)?;
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

    /// Gives up the name that this region has, unless others have it as well.
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

    fn view(request: &MapRequest, section: &OwnedHandle, offset: u64, len: usize) -> io::Result<Region> {
        let size = round_up(len, request.page)?;
        let base = section::view(request, section, offset, len)?;
        let region = Region { base, size, kind: Kind::View { _named: None } };
        if request.protection == Protection::NONE {
            // No view is made without access.
            region.set_protection(size, request)?;
        }
        Ok(region)
    }

    fn reserve(request: &MapRequest, size: usize) -> io::Result<Region> {
        let protection = flags::of_pages(request.protection, false);
        // SAFETY: the system chooses a free place, so that no memory in use is touched.
        let base = unsafe { VirtualAlloc(ptr::null(), size, MEM_RESERVE, protection) };
        let base = NonNull::new(base.cast()).ok_or_else(|| no_room(io::Error::last_os_error()))?;
        Ok(Region { base, size, kind: Kind::Own })
    }

    /// Makes sure of memory for the first `len` bytes, where it is not there yet.
    pub(crate) fn commit(&self, request: &MapRequest, len: usize) -> io::Result<()> {
        let protection = flags::of_pages(request.protection, false);
        let (mut at, end) = (0, round_up(len, page_size())?.min(self.size));
        while at < end {
            let start = self.base.as_ptr().wrapping_add(at);
            let run = pages::state(start)?;
            let count = run.len.min(end - at);
            if !run.committed {
                // SAFETY: pages of this region that nobody has used yet.
                let made = unsafe { VirtualAlloc(start.cast(), count, MEM_COMMIT, protection) };
                if made.is_null() {
                    return Err(io::Error::last_os_error());
                }
            }
            at += count;
        }
        Ok(())
    }

    pub(crate) fn watch(&mut self, _: &MapRequest, _: usize, _: Arc<Mark>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nothing was replaced.
    pub(crate) fn restore(&self, _: BorrowedHandle<'_>, _: u64) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Unmaps, and reports what the system says of it.
    pub(crate) fn unmap(mut self) -> io::Result<()> {
        let done = self.release();
        self.size = 0;
        done
    }

    fn release(&mut self) -> io::Result<()> {
        let at = self.base.as_ptr().cast();
        check(match self.kind {
            // SAFETY: the view is this region's, which ends here; no reference into it exists.
            Kind::View { .. } => unsafe { UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: at }) },
            // SAFETY: the memory is this region's, which ends here; no reference into it exists.
            Kind::Own => unsafe { VirtualFree(at, 0, MEM_RELEASE) },
        })
    }

    /// Moves the first `len` bytes of private memory from `old` to here, where they are committed, and leaves `old` inaccessible.
    ///
    /// Nobody can write to `old` from the first step on, so that no write is lost there; on failure it can be accessed again. Both
    /// are regions of the same `request`.
    pub(crate) fn take_over(&self, old: &Region, len: usize, request: &MapRequest) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let door = |protection| old.set_protection(len, &MapRequest { protection, ..*request });
        door(Protection::READ)?;
        // SAFETY: `len` bytes lie in both regions, which do not overlap.
        let copied = unsafe { crate::accessor::copy(self.base.as_ptr(), old.base.as_ptr(), len) };
        let moved = match copied.fault {
            0 => door(Protection::NONE),
            _ => Err(error(super::BAD_ADDRESS.cast_unsigned())),
        };
        if moved.is_err() {
            door(request.protection)?;
        }
        moved
    }

    fn set_protection(&self, len: usize, request: &MapRequest) -> io::Result<()> {
        let len = round_up(len, page_size())?.min(self.size);
        // SAFETY: the pages are this region's; code that meets the new protection is a kernel and can take it.
        unsafe { protect(self.base.as_ptr().cast(), len, flags::of_pages(request.protection, false)) }
    }

    /// Gives the memory back, the addresses stay ours. For a region that is left behind.
    pub(crate) fn forget_pages(&self) {
        if matches!(self.kind, Kind::Own) {
            // SAFETY: the bytes were moved away before. A refusal costs memory, no bytes, and there is nobody to tell.
            unsafe { VirtualFree(self.base.as_ptr().cast(), 0, MEM_DECOMMIT) };
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // Whoever wants to hear of a failure calls `unmap`, after which there is nothing left.
        if self.size > 0 {
            let _ = self.release();
        }
    }
}

/// Refuses what Windows does not have, and what makes no sense.
fn judge(given: Flags) -> io::Result<()> {
    let known = Flags::SHARED | Flags::PRIVATE | Flags::ANONYMOUS | Flags::NORESERVE;
    let both_or_none = given.contains(Flags::SHARED) == given.contains(Flags::PRIVATE);
    if both_or_none || !known.contains(given) { Err(error(ERROR_INVALID_PARAMETER)) } else { Ok(()) }
}

/// Of a size that is more than the address space Windows says that it is an invalid parameter.
fn no_room(said: io::Error) -> io::Error {
    match said.raw_os_error() {
        Some(super::INVALID) => error(ERROR_NOT_ENOUGH_MEMORY),
        _ => said,
    }
}

/// The size of pages that `flags` ask for.
pub(crate) fn page_of(_: Flags) -> usize {
    page_size()
}

fn round_up(len: usize, page: usize) -> io::Result<usize> {
    size::round_up(len, page).ok_or_else(|| error(ERROR_NOT_ENOUGH_MEMORY))
}
