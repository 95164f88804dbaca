//! The system calls on a range of mapped pages: flush, advise, lock, protect.

use std::{
    ffi::{CStr, c_void},
    io,
    mem::MaybeUninit,
    os::windows::io::BorrowedHandle,
};

use windows_sys::Win32::{
    Foundation::ERROR_NOT_LOCKED,
    System::Memory::{
        FlushViewOfFile, MEM_COMMIT, MEM_DECOMMIT, MEM_RESET, MEMORY_BASIC_INFORMATION,
        PAGE_EXECUTE_WRITECOPY, PAGE_READWRITE, PAGE_WRITECOPY, PrefetchVirtualMemory,
        VirtualAlloc, VirtualFree, VirtualLock, VirtualProtect, VirtualQuery, VirtualUnlock,
        WIN32_MEMORY_RANGE_ENTRY,
    },
    System::ProcessStatus::{K32QueryWorkingSetEx, PSAPI_WORKING_SET_EX_INFORMATION},
};

use super::{advice, check, error, file, flags, page_size, this_process};
use crate::{
    flags::Protection,
    sys::{
        pages::{FlushMode, Pages},
        request::MapRequest,
    },
};

impl Pages<'_> {
    /// Whether the pages have the protection of the request when they are committed after `renew`.
    pub(crate) const RENEWING_RESETS_PROTECTION: bool = true;

    /// Writes changed pages to the file. If the map keeps the file, also waits until they are on
    /// the device.
    pub(crate) fn flush(self, mode: FlushMode, file: Option<BorrowedHandle<'_>>) -> io::Result<()> {
        self.flush_with(0)?;
        match file {
            Some(file) if mode == FlushMode::Wait => file::sync(file),
            _ => Ok(()),
        }
    }

    /// Writes changed pages to the file. Windows has no flags for it.
    pub(crate) fn flush_with(self, _flags: i32) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { FlushViewOfFile(self.start(), self.len()) })
    }

    pub(crate) fn advise(self, number: i32) -> io::Result<()> {
        match number {
            advice::WILL_NEED => self.prefetch(),
            advice::FREE => self.reset(),
            advice::PAGE_OUT => self.page_out(),
            _ => Err(error(super::INVALID as u32)),
        }
    }

    fn prefetch(self) -> io::Result<()> {
        let range =
            WIN32_MEMORY_RANGE_ENTRY { VirtualAddress: self.start(), NumberOfBytes: self.len() };
        // SAFETY: one range, which is valid during the call.
        check(unsafe { PrefetchVirtualMemory(this_process(), 1, &raw const range, 0) })
    }

    /// Lets the system discard the pages of private memory. The protection is required and ignored.
    fn reset(self) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages), and no reference exists whose bytes could change.
        let done = unsafe { VirtualAlloc(self.start(), self.len(), MEM_RESET, PAGE_READWRITE) };
        if done.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Unlocking pages that are not locked removes them from the working set and reports an error.
    fn page_out(self) -> io::Result<()> {
        match self.unlock() {
            Err(error) if error.raw_os_error() == Some(ERROR_NOT_LOCKED as i32) => Ok(()),
            done => done,
        }
    }

    /// Releases the memory of these pages of private memory. They are zeros when they are committed
    /// again, which is required before the next access.
    pub(crate) fn renew(self, _: &MapRequest) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages), and no reference exists whose bytes could change.
        check(unsafe { VirtualFree(self.start(), self.len(), MEM_DECOMMIT) })
    }

    pub(crate) fn lock(self) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { VirtualLock(self.start(), self.len()) })
    }

    pub(crate) fn unlock(self) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { VirtualUnlock(self.start(), self.len()) })
    }

    pub(crate) fn protect(self, protection: Protection) -> io::Result<()> {
        let copy = state(self.start().cast())?.copy;
        // SAFETY: the pages are mapped (Pages). Only accessors access them, which can take a fault.
        unsafe { protect(self.start(), self.len(), flags::of_pages(protection, copy)) }
    }

    /// Returns for each page whether it is in the working set of this process.
    pub(crate) fn resident(self) -> io::Result<Vec<bool>> {
        let page = page_size();
        let mut statuses = Vec::new();
        statuses.try_reserve_exact(self.len() / page)?;
        let mut queries: Vec<_> =
            (0..self.len()).step_by(page).take(BATCH).map(|_| query(self.start())).collect();
        for from in (0..self.len()).step_by(BATCH * page) {
            queries.truncate((self.len() - from) / page);
            for (index, query) in queries.iter_mut().enumerate() {
                query.VirtualAddress = self.start().wrapping_byte_add(from + index * page);
            }
            let size = size_of_val(queries.as_slice()) as u32;
            // SAFETY: `size` is the size of `queries`, which the call fills in.
            check(unsafe {
                K32QueryWorkingSetEx(this_process(), queries.as_mut_ptr().cast(), size)
            })?;
            // SAFETY: all fields of the union are views of one number, whose first bit says that
            // the page is in the working set.
            statuses.extend(
                queries.iter().map(|query| unsafe { query.VirtualAttributes.Flags } & 1 == 1),
            );
        }
        Ok(statuses)
    }

    pub(crate) fn name(self, _: &CStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Pages per system call.
const BATCH: usize = 512;

fn query(page: *mut c_void) -> PSAPI_WORKING_SET_EX_INFORMATION {
    PSAPI_WORKING_SET_EX_INFORMATION {
        VirtualAddress: page,
        ..PSAPI_WORKING_SET_EX_INFORMATION::default()
    }
}

/// Changes the protection of pages.
///
/// # Safety
///
/// `len` bytes at `start` are mapped pages. All code that accesses them can take a fault.
pub(super) unsafe fn protect(start: *mut c_void, len: usize, protection: u32) -> io::Result<()> {
    let mut old = 0;
    // SAFETY: the pages are mapped and faults are handled (the caller). `old` is a local variable.
    check(unsafe { VirtualProtect(start, len, protection, &raw mut old) })
}

/// Adjacent pages with the same state.
pub(super) struct Run {
    /// In bytes.
    pub(super) len: usize,
    pub(super) committed: bool,
    /// Whether a write makes a copy of the page.
    pub(super) copy: bool,
}

/// Returns the state of the pages from `at` on.
pub(super) fn state(at: *const u8) -> io::Result<Run> {
    let mut info = MaybeUninit::<MEMORY_BASIC_INFORMATION>::uninit();
    // SAFETY: `info` has the size that is passed. The memory at `at` is not accessed.
    let filled = unsafe {
        VirtualQuery(at.cast(), info.as_mut_ptr(), size_of::<MEMORY_BASIC_INFORMATION>())
    };
    if filled == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: VirtualQuery succeeded and so filled it.
    let info = unsafe { info.assume_init() };
    Ok(Run {
        len: info.RegionSize,
        committed: info.State == MEM_COMMIT,
        copy: matches!(info.AllocationProtect, PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY),
    })
}
