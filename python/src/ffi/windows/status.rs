//! Error codes for statuses of the Windows kernel.

#![allow(unsafe_code)]

#[link(name = "ntdll", kind = "raw-dylib")]
unsafe extern "system" {
    fn RtlNtStatusToDosError(status: i32) -> u32;
}

/// Returns the error code for an `NTSTATUS`, as CPython reports it.
pub(crate) fn error_of_status(status: i32) -> i32 {
    // SAFETY: looks the number up in a table; every value is allowed.
    (unsafe { RtlNtStatusToDosError(status) }) as i32
}
