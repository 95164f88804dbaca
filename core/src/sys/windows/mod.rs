//! Windows: sections and views, and memory of the page file.

pub(crate) mod advice;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod fork;
pub(crate) mod in_use;
mod pages;
pub(crate) mod region;
pub(crate) mod repair;
pub(crate) mod rlimit;
mod section;
pub(crate) mod transfer;

pub(crate) use std::os::windows::io::{AsHandle as AsFile, BorrowedHandle as BorrowedFile, OwnedHandle as OwnedFile};
use std::{
    io,
    mem::MaybeUninit,
    sync::atomic::{AtomicUsize, Ordering},
};

use windows_sys::{
    Win32::{
        Foundation::{ERROR_INVALID_PARAMETER, ERROR_NOACCESS, HANDLE},
        System::{
            SystemInformation::{GetSystemInfo, SYSTEM_INFO},
            Threading::GetCurrentProcess,
        },
    },
    core::BOOL,
};

pub(crate) const BAD_ADDRESS: i32 = ERROR_NOACCESS.cast_signed();
pub(crate) const INVALID: i32 = ERROR_INVALID_PARAMETER.cast_signed();

/// Lends the handle that `file` holds.
pub(crate) fn borrow(file: &impl AsFile) -> BorrowedFile<'_> {
    file.as_handle()
}

/// Returns the size of a page in bytes.
#[inline]
pub(crate) fn page_size() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    known(&SIZE, |info| info.dwPageSize)
}

/// Returns what offsets into files must be a multiple of, in bytes.
#[inline]
pub(crate) fn granularity() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    known(&SIZE, |info| info.dwAllocationGranularity)
}

#[inline]
fn known(place: &AtomicUsize, number: fn(&SYSTEM_INFO) -> u32) -> usize {
    match place.load(Ordering::Relaxed) {
        0 => {
            let size = number(&system_info()) as usize;
            place.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

#[cold]
fn system_info() -> SYSTEM_INFO {
    let mut info = MaybeUninit::uninit();
    // SAFETY: `info` is a place of the right type.
    unsafe { GetSystemInfo(info.as_mut_ptr()) };
    // SAFETY: GetSystemInfo always fills it.
    unsafe { info.assume_init() }
}

/// This process, for calls that want to be told which one.
fn this_process() -> HANDLE {
    // SAFETY: no conditions.
    unsafe { GetCurrentProcess() }
}

/// Turns the convention of Windows, 0 and GetLastError, into a result.
fn check(answer: BOOL) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The error that the system has no chance to report.
fn error(number: u32) -> io::Error {
    io::Error::from_raw_os_error(number.cast_signed())
}
