//! Pages: what the system can do with a range of them while they are mapped.

use std::{
    ffi::{CStr, c_void},
    io,
    mem::MaybeUninit,
    os::windows::io::BorrowedHandle,
};

use windows_sys::Win32::{
    Foundation::ERROR_NOT_LOCKED,
    System::Memory::{
        FlushViewOfFile, MEM_COMMIT, MEM_DECOMMIT, MEM_RESET, MEMORY_BASIC_INFORMATION, PAGE_EXECUTE_WRITECOPY,
        PAGE_READWRITE, PAGE_WRITECOPY, PrefetchVirtualMemory, VirtualAlloc, VirtualFree, VirtualLock, VirtualProtect,
        VirtualQuery, VirtualUnlock, WIN32_MEMORY_RANGE_ENTRY,
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
    /// Writes changed pages to the file, and has the device keep them if the map kept the file.
    pub(crate) fn flush(self, mode: FlushMode, file: Option<BorrowedHandle<'_>>) -> io::Result<()> {
        self.flush_with(0)?;
        match file {
            Some(file) if mode == FlushMode::Wait => file::sync(file),
            _ => Ok(()),
        }
    }

    /// Writes changed pages to the file. There are no flags.
    pub(crate) fn flush_with(self, _flags: i32) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { FlushViewOfFile(self.start(), self.len()) })
    }

    pub(crate) fn advise(self, number: i32) -> io::Result<()> {
        match number {
            advice::WILL_NEED => self.prefetch(),
            advice::FREE => self.offer(),
            advice::PAGE_OUT => self.page_out(),
            _ => Err(error(super::INVALID.cast_unsigned())),
        }
    }

    fn prefetch(self) -> io::Result<()> {
        let range = WIN32_MEMORY_RANGE_ENTRY { VirtualAddress: self.start(), NumberOfBytes: self.len() };
        // SAFETY: one range, which lives as long as the call.
        check(unsafe { PrefetchVirtualMemory(this_process(), 1, &raw const range, 0) })
    }

    /// Private memory alone can be given away in this manner; the protection must be given and is ignored.
    fn offer(self) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages) and no reference into them exists that could see bytes vanish.
        let done = unsafe { VirtualAlloc(self.start(), self.len(), MEM_RESET, PAGE_READWRITE) };
        if done.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// To unlock what is not locked takes it out of the working set, and is told to be an error.
    fn page_out(self) -> io::Result<()> {
        match self.unlock() {
            Err(error) if error.raw_os_error() == Some(ERROR_NOT_LOCKED.cast_signed()) => Ok(()),
            done => done,
        }
    }

    /// Gives back what these pages of private memory took. They must be committed before they are used again, and are zeros then.
    pub(crate) fn renew(self, _: &MapRequest) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages) and no reference into them exists that could see bytes vanish.
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
        // SAFETY: the pages are mapped (Pages) and touched by kernels only, which can take a refusal.
        unsafe { protect(self.start(), self.len(), flags::of_pages(protection, copy)) }
    }

    /// Whether each of the pages is in the working set of this process.
    pub(crate) fn resident(self) -> io::Result<Vec<bool>> {
        let page = page_size();
        let mut answers = Vec::new();
        answers.try_reserve_exact(self.len() / page)?;
        let mut asked: Vec<_> = (0..self.len()).step_by(page).take(QUESTIONS).map(|_| question(self.start())).collect();
        for from in (0..self.len()).step_by(QUESTIONS * page) {
            asked.truncate((self.len() - from) / page);
            for (index, question) in asked.iter_mut().enumerate() {
                question.VirtualAddress = self.start().wrapping_byte_add(from + index * page);
            }
            let size = size_of_val(asked.as_slice()) as u32;
            // SAFETY: so many questions, which are answered in place.
            check(unsafe { K32QueryWorkingSetEx(this_process(), asked.as_mut_ptr().cast(), size) })?;
            // SAFETY: all fields of the union are the same number; its first bit says that the page is there.
            answers.extend(asked.iter().map(|answer| unsafe { answer.VirtualAttributes.Flags } & 1 == 1));
        }
        Ok(answers)
    }

    pub(crate) fn name(self, _: &CStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How many pages the system is asked about at once.
const QUESTIONS: usize = 512;

fn question(page: *mut c_void) -> PSAPI_WORKING_SET_EX_INFORMATION {
    PSAPI_WORKING_SET_EX_INFORMATION { VirtualAddress: page, ..PSAPI_WORKING_SET_EX_INFORMATION::default() }
}

/// Changes the protection of pages.
///
/// # Safety
///
/// `len` bytes at `at` are mapped pages; whoever touches them can take what the protection forbids.
pub(super) unsafe fn protect(start: *mut c_void, len: usize, protection: u32) -> io::Result<()> {
    let mut old = 0;
    // SAFETY: the caller's promise; `old` is there to be filled.
    check(unsafe { VirtualProtect(start, len, protection, &raw mut old) })
}

/// Pages of one kind.
pub(super) struct Run {
    /// In bytes.
    pub(super) len: usize,
    pub(super) committed: bool,
    /// Whether a write makes a copy of the page.
    pub(super) copy: bool,
}

/// What the system knows of the pages from `at` on.
pub(super) fn state(at: *const u8) -> io::Result<Run> {
    let mut info = MaybeUninit::<MEMORY_BASIC_INFORMATION>::uninit();
    // SAFETY: `info` is a place of that size; nothing is done at `at`.
    let filled = unsafe { VirtualQuery(at.cast(), info.as_mut_ptr(), size_of::<MEMORY_BASIC_INFORMATION>()) };
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
