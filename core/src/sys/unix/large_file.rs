//! The `libc` calls and types with 64-bit file offsets. On 32-bit Linux the plain names have 32-bit
//! offsets; elsewhere the plain names are the only ones.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use libc::{fstat, fstatat, ftruncate, lseek, mmap, off_t, openat, pread, pwrite, stat};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use libc::{
    fstat64 as fstat, fstatat64 as fstatat, ftruncate64 as ftruncate, lseek64 as lseek,
    mmap64 as mmap, off64_t as off_t, openat64 as openat, pread64 as pread, pwrite64 as pwrite,
    stat64 as stat,
};
