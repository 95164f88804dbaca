//! Semaphores with a name, which hold at most one wake-up.

use std::{
    os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle},
    ptr,
    time::Duration,
};

use windows_sys::Win32::{
    Foundation::{HANDLE, WAIT_OBJECT_0, WAIT_TIMEOUT},
    System::Threading::{
        CreateSemaphoreExW, OpenSemaphoreW, ReleaseSemaphore, SEMAPHORE_MODIFY_STATE,
        SYNCHRONIZATION_SYNCHRONIZE, WaitForSingleObject,
    },
};

use crate::sys::windows::{check, section::Name};

/// A handle of a semaphore. The semaphore exists as long as one of its handles.
pub(super) struct Semaphore(OwnedHandle);

impl Semaphore {
    /// Creates or opens the semaphore to wait for it. Returns `None` if the system refuses, for
    /// example because another object has the name, or that of another user.
    pub(super) fn create(name: &Name) -> Option<Semaphore> {
        let access = SYNCHRONIZATION_SYNCHRONIZE;
        // SAFETY: the name ends with a zero (Name) and is valid during the call.
        let handle = unsafe { CreateSemaphoreExW(ptr::null(), 0, 1, name.as_ptr(), 0, access) };
        Semaphore::own(handle)
    }

    /// Opens the semaphore to release it, if it exists.
    pub(super) fn open(name: &Name) -> Option<Semaphore> {
        // SAFETY: the name ends with a zero (Name) and is valid during the call.
        let handle = unsafe { OpenSemaphoreW(SEMAPHORE_MODIFY_STATE, 0, name.as_ptr()) };
        Semaphore::own(handle)
    }

    fn own(handle: HANDLE) -> Option<Semaphore> {
        // SAFETY: the handle is new and has no other owner.
        (!handle.is_null()).then(|| Semaphore(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// Waits for a wake-up. Returns whether there was one, or `None` if the semaphore cannot be
    /// waited for.
    pub(super) fn wait(&self, timeout: Duration) -> Option<bool> {
        let millis = u32::try_from(timeout.as_nanos().div_ceil(1_000_000)).ok()?;
        // SAFETY: the handle is open.
        match unsafe { WaitForSingleObject(self.0.as_raw_handle(), millis) } {
            WAIT_OBJECT_0 => Some(true),
            WAIT_TIMEOUT => Some(false),
            _ => None,
        }
    }

    /// Wakes a thread, or else the next one that waits. Returns false if there is already a wake-up
    /// that no thread has taken.
    pub(super) fn release(&self) -> bool {
        // SAFETY: the handle is open. The former count is not requested.
        let done = unsafe { ReleaseSemaphore(self.0.as_raw_handle(), 1, ptr::null_mut()) };
        check(done).is_ok()
    }
}
