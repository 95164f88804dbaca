//! The numbers of each advice. Windows has calls instead of numbers, so these are those of Linux.

use crate::Advice;

/// `PrefetchVirtualMemory`.
pub(super) const WILL_NEED: i32 = 3;
/// `VirtualAlloc` with `MEM_RESET`.
pub(super) const FREE: i32 = 8;
/// `VirtualUnlock` of pages that are not locked.
pub(super) const PAGE_OUT: i32 = 21;

/// Each advice and its number. Advice that is not listed does not exist on this platform.
pub(crate) const TABLE: &[(Advice, i32)] =
    &[(Advice::WillNeed, WILL_NEED), (Advice::Free, FREE), (Advice::PageOut, PAGE_OUT)];

/// Returns whether the table has the number.
pub(crate) fn is_known(number: i32) -> bool {
    TABLE.iter().any(|&(_, known)| known == number)
}
