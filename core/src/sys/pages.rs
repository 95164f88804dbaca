//! A range of whole pages in a region. The calls on it are in `unix/pages.rs` and
//! `windows/pages.rs`.

use std::{ffi::c_void, marker::PhantomData, ptr::NonNull};

/// Whether a flush waits until the bytes are on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlushMode {
    /// Wait for the device.
    Wait,
    /// Only start writing.
    Later,
}

/// Whole pages inside a region that outlives `'a`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages<'a> {
    start: NonNull<u8>,
    len: usize,
    region: PhantomData<&'a ()>,
}

impl Pages<'_> {
    /// # Safety
    ///
    /// - `start` is the start of a page, and the `len` bytes from there lie in one region. On Unix
    ///   they may lie in several adjacent regions.
    /// - The region stays mapped for `'a`.
    pub(crate) unsafe fn new(start: NonNull<u8>, len: usize) -> Self {
        Pages { start, len, region: PhantomData }
    }

    /// Address of the first page.
    pub(super) fn start(self) -> *mut c_void {
        self.start.as_ptr().cast()
    }

    /// Length in bytes.
    pub(super) fn len(self) -> usize {
        self.len
    }
}
