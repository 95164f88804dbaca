//! What can be mapped: files, and their descriptors or handles.

use std::io;
#[cfg(unix)]
use std::os::fd::{AsRawFd as AsRaw, BorrowedFd as Borrowed, OwnedFd as Owned, RawFd as Raw};
#[cfg(windows)]
use std::os::windows::io::{
    AsRawHandle as AsRaw, BorrowedHandle as Borrowed, OwnedHandle as Owned, RawHandle as Raw,
};

/// The descriptor of a file to map, on Windows its handle.
#[derive(Debug)]
pub struct MmapRawDescriptor(Raw);

/// A file, or its descriptor.
pub trait MmapAsRawDesc {
    /// Returns the descriptor.
    fn as_raw_desc(&self) -> MmapRawDescriptor;
}

impl MmapAsRawDesc for Raw {
    fn as_raw_desc(&self) -> MmapRawDescriptor {
        MmapRawDescriptor(*self)
    }
}

impl<T: AsRaw> MmapAsRawDesc for &T {
    fn as_raw_desc(&self) -> MmapRawDescriptor {
        #[cfg(unix)]
        let raw = self.as_raw_fd();
        #[cfg(windows)]
        let raw = self.as_raw_handle();
        MmapRawDescriptor(raw)
    }
}

/// Borrows the descriptor for the call that maps the file.
pub(crate) fn borrow(file: &impl MmapAsRawDesc) -> io::Result<Borrowed<'_>> {
    let MmapRawDescriptor(raw) = file.as_raw_desc();
    // A borrowed descriptor cannot be -1.
    #[cfg(unix)]
    if raw < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the map keeps no descriptor, so it is used during this call only. A number that is no
    // descriptor makes the system calls fail: the trait has room for one in safe calls as well.
    Ok(unsafe { Borrowed::borrow_raw(raw) })
}

/// Duplicates the descriptor.
pub(crate) fn duplicate(file: &impl MmapAsRawDesc) -> io::Result<Owned> {
    borrow(file)?.try_clone_to_owned()
}
