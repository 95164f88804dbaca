//! The forms on other systems and processors: calls of accessors.
//!
//! Inlining needs the linker to collect the exception table. On Windows it does so for section
//! names with a `$`, which inline assembly cannot contain: LLVM leaves that character out of
//! assembly with Intel's syntax. On Apple's systems, the BSDs and Android it has not been tried.

use std::ops::RangeInclusive;

use crate::accessor;

/// Whether this code may run accessors without calling the crate.
#[inline]
pub(crate) fn is_home() -> bool {
    true
}

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
pub(in crate::accessor) fn table() -> &'static [accessor::entry::Entry] {
    &[]
}

macro_rules! words {
    ($($load:ident $store:ident;)+) => {$(
        /// Returns `None` after a fault.
        ///
        /// # Safety
        ///
        /// See the module above.
        #[inline]
        pub(crate) unsafe fn $load(base: *const u8, at: usize) -> Option<u64> {
            // SAFETY: the caller's obligation.
            let loaded = unsafe { accessor::$load(base.wrapping_add(at)) };
            (loaded.fault == 0).then_some(loaded.value)
        }

        /// Returns `false` after a fault.
        ///
        /// # Safety
        ///
        /// See the module above.
        #[inline]
        pub(crate) unsafe fn $store(base: *mut u8, at: usize, value: u64) -> bool {
            // SAFETY: the caller's obligation.
            unsafe { accessor::$store(base.wrapping_add(at), value) == 0 }
        }
    )+};
}

words! {
    load8 store8;
    load16 store16;
    load32 store32;
    load64 store64;
}

/// Copies are not inlined, unless there is nothing to copy.
pub(crate) const COPIED: RangeInclusive<usize> = 0..=0;

/// Never called with bytes to copy.
///
/// # Safety
///
/// None.
#[inline]
pub(crate) unsafe fn copy(_dst: *mut u8, _src: *const u8, n: usize) -> bool {
    n == 0
}

/// Searches are not inlined.
#[allow(clippy::reversed_empty_ranges)]
pub(crate) const SEARCHED: RangeInclusive<usize> = 1..=0;

/// Never called.
///
/// # Safety
///
/// None.
#[inline]
pub(crate) unsafe fn find(_at: *const u8, _n: usize, _byte: u8) -> Option<usize> {
    None
}
