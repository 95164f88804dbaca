//! Which number each advice has here. Windows has calls instead of numbers; these are Linux's.

use crate::Advice;

/// `PrefetchVirtualMemory`.
pub(super) const WILL_NEED: i32 = 3;
/// `VirtualAlloc` with `MEM_RESET`.
pub(super) const FREE: i32 = 8;
/// `VirtualUnlock` of what is not locked.
pub(super) const PAGE_OUT: i32 = 21;

/// Advice and its number; what is not listed does not exist on this platform.
pub(crate) const TABLE: &[(Advice, i32)] =
    &[(Advice::WillNeed, WILL_NEED), (Advice::Free, FREE), (Advice::PageOut, PAGE_OUT)];
