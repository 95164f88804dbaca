//! A clock that is read in a few nanoseconds.

use windows_sys::Win32::System::SystemInformation::GetTickCount64;

/// Returns the milliseconds since a moment in the past, some of them too few.
pub(crate) fn coarse_millis() -> u64 {
    // SAFETY: no preconditions.
    unsafe { GetTickCount64() }
}
