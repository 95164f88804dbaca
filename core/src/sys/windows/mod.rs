//! Windows: sections and their views, and memory backed by the page file.

pub(crate) mod advice;
pub(crate) mod boot;
pub(crate) mod clock;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod file_lock;
pub(crate) mod flags;
pub(crate) mod fork;
pub(crate) mod in_use;
mod pages;
mod pin;
pub(crate) mod random;
pub(crate) mod region;
pub(crate) mod rlimit;
mod section;
pub(crate) mod segments;
pub(crate) mod token;
pub(crate) mod transfer;
pub(crate) mod wait;

pub(crate) use std::os::windows::io::{
    AsHandle as AsFile, BorrowedHandle as BorrowedFile, OwnedHandle as OwnedFile,
};
use std::{
    io,
    mem::MaybeUninit,
    os::windows::io::AsRawHandle,
    sync::atomic::{AtomicUsize, Ordering},
};

use windows_sys::{
    Win32::{
        Foundation::{
            ERROR_DIRECTORY_NOT_SUPPORTED, ERROR_DISK_FULL, ERROR_INVALID_PARAMETER,
            ERROR_NOACCESS, HANDLE,
        },
        System::{
            SystemInformation::{GetSystemInfo, SYSTEM_INFO},
            Threading::GetCurrentProcess,
        },
    },
    core::BOOL,
};

pub(crate) use crate::sys::unrepaired as repair;

pub(crate) const BAD_ADDRESS: i32 = ERROR_NOACCESS as i32;
pub(crate) const INVALID: i32 = ERROR_INVALID_PARAMETER as i32;
pub(crate) const IS_DIRECTORY: i32 = ERROR_DIRECTORY_NOT_SUPPORTED as i32;
pub(crate) const NO_SPACE: i32 = ERROR_DISK_FULL as i32;

/// Borrows the handle of `file`.
pub(crate) fn borrow(file: &impl AsFile) -> BorrowedFile<'_> {
    file.as_handle()
}

/// Returns the number of the handle, for `Debug`.
pub(crate) fn number(file: BorrowedFile<'_>) -> usize {
    file.as_raw_handle().addr()
}

/// Returns the page size in bytes.
#[inline]
pub(crate) fn page_size() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    cached(&SIZE, |info| info.dwPageSize)
}

/// Returns the number of bytes of which file offsets must be a multiple.
#[inline]
pub(crate) fn granularity() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    cached(&SIZE, |info| info.dwAllocationGranularity)
}

#[inline]
fn cached(size: &AtomicUsize, field: fn(&SYSTEM_INFO) -> u32) -> usize {
    match size.load(Ordering::Relaxed) {
        0 => {
            let value = field(&system_info()) as usize;
            size.store(value, Ordering::Relaxed);
            value
        }
        value => value,
    }
}

#[cold]
fn system_info() -> SYSTEM_INFO {
    let mut info = MaybeUninit::uninit();
    // SAFETY: `info` has the type that GetSystemInfo fills.
    unsafe { GetSystemInfo(info.as_mut_ptr()) };
    // SAFETY: GetSystemInfo always fills it.
    unsafe { info.assume_init() }
}

/// Returns the pseudo handle of this process.
fn this_process() -> HANDLE {
    // SAFETY: GetCurrentProcess has no preconditions.
    unsafe { GetCurrentProcess() }
}

/// Converts the convention of Windows, 0 and GetLastError, to a result.
fn check(status: BOOL) -> io::Result<()> {
    if status == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes an error with a number of Windows.
fn error(number: u32) -> io::Error {
    io::Error::from_raw_os_error(number as i32)
}
