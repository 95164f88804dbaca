//! What the system's kernel says, in the numbers that programs know.

#![allow(unsafe_code)]

#[link(name = "ntdll", kind = "raw-dylib")]
unsafe extern "system" {
    fn RtlNtStatusToDosError(status: i32) -> u32;
}

/// The number of the error that a status stands for: what CPython shows.
pub(crate) fn error_of_status(status: i32) -> i32 {
    // SAFETY: a table that is looked into.
    unsafe { RtlNtStatusToDosError(status) }.cast_signed()
}
