//! Random numbers of the system. Those of `std::hash::RandomState` are equal in a forked child.

use std::io;

/// Returns a random number.
pub(crate) fn word() -> io::Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Up to 256 bytes are filled completely.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn fill(bytes: &mut [u8; 8]) -> io::Result<()> {
    // By number: not every C library has the function.
    // SAFETY: the bytes are valid for writes.
    let count = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), 0) };
    if count == 8 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(target_vendor = "apple")]
fn fill(bytes: &mut [u8; 8]) -> io::Result<()> {
    // SAFETY: the bytes are valid for writes.
    super::check(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) })
}

/// The other systems have no tokens.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn fill(_: &mut [u8; 8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
