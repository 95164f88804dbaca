//! Sections. A section is an object of Windows, made of a file or of a part of the page file, of
//! which views can be mapped.

use std::{
    ffi::OsStr,
    io,
    os::windows::{
        ffi::OsStrExt,
        io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle},
    },
    ptr::{self, NonNull},
};

use windows_sys::Win32::{
    Foundation::{ERROR_ALREADY_EXISTS, ERROR_INVALID_NAME, INVALID_HANDLE_VALUE},
    System::Memory::{
        CreateFileMappingW, FILE_MAP_READ, MapViewOfFile, OpenFileMappingW, SEC_COMMIT, SEC_RESERVE,
    },
};

use super::{error, flags};
use crate::{flags::Flags, sys::request::MapRequest};

/// The bytes of a section.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bytes<'a> {
    /// All bytes of a file.
    File(BorrowedHandle<'a>),
    /// New memory of this length.
    New(usize),
}

/// The name of a section: UTF-16 with a terminating zero.
#[derive(Debug)]
pub(super) struct Name(Vec<u16>);

impl Name {
    pub(super) fn new(name: &OsStr) -> io::Result<Name> {
        let mut units: Vec<u16> = name.encode_wide().collect();
        if units.is_empty() || units.contains(&0) {
            return Err(error(ERROR_INVALID_NAME));
        }
        units.push(0);
        Ok(Name(units))
    }

    pub(super) fn as_ptr(&self) -> *const u16 {
        self.0.as_ptr()
    }
}

/// Makes a section, or opens the one that has the name.
pub(super) fn create(
    request: &MapRequest,
    bytes: Bytes<'_>,
    name: Option<&Name>,
) -> io::Result<OwnedHandle> {
    let (handle, size) = match bytes {
        // 0 means the length of the file.
        Bytes::File(file) => (file.as_raw_handle(), 0),
        Bytes::New(size) => (INVALID_HANDLE_VALUE, size as u64),
    };
    let kind = match bytes {
        Bytes::New(_) if request.flags.contains(Flags::NORESERVE) => SEC_RESERVE,
        _ => SEC_COMMIT,
    };
    let protection = flags::of_section(request.protection, request.flags);
    open(handle, protection | kind, size, name).map(|(section, _)| section)
}

/// Makes a section of the page file. Returns false with one that has the name already.
pub(super) fn create_named(
    request: &MapRequest,
    size: usize,
    name: &Name,
) -> io::Result<(OwnedHandle, bool)> {
    let protection = flags::of_section(request.protection, request.flags);
    open(INVALID_HANDLE_VALUE, protection | SEC_COMMIT, size as u64, Some(name))
}

/// Makes the file at least `len` bytes long. A section that is longer than its file extends the
/// file, and a shorter one does not cut it.
pub(super) fn extend(file: BorrowedHandle<'_>, len: u64) -> io::Result<()> {
    let protection = flags::of_section(crate::Protection::WRITE, Flags::SHARED);
    open(file.as_raw_handle(), protection, len, None).map(drop)
}

/// Makes a section, or opens the one that has the name. Returns whether it is new.
fn open(
    file: std::os::windows::io::RawHandle,
    protection: u32,
    size: u64,
    name: Option<&Name>,
) -> io::Result<(OwnedHandle, bool)> {
    let name = name.map_or(ptr::null(), Name::as_ptr);
    let (high, low) = halves(size);
    // SAFETY: the name ends with a zero (Name) and is valid during the call.
    let section = unsafe { CreateFileMappingW(file, ptr::null(), protection, high, low, name) };
    // CreateFileMapping sets it also if it succeeds.
    let error = io::Error::last_os_error();
    if section.is_null() {
        return Err(error);
    }
    let is_new = error.raw_os_error() != Some(ERROR_ALREADY_EXISTS as i32);
    // SAFETY: the handle is new and has no other owner.
    Ok((unsafe { OwnedHandle::from_raw_handle(section) }, is_new))
}

/// Opens the section with this name, if it exists.
pub(super) fn find(name: &Name) -> Option<OwnedHandle> {
    // SAFETY: the name ends with a zero (Name) and is valid during the call.
    let section = unsafe { OpenFileMappingW(FILE_MAP_READ, 0, name.as_ptr()) };
    // SAFETY: the handle is new and has no other owner.
    (!section.is_null()).then(|| unsafe { OwnedHandle::from_raw_handle(section) })
}

/// Maps `len` bytes of the section from `offset` on.
pub(super) fn view(
    request: &MapRequest,
    section: &OwnedHandle,
    offset: u64,
    len: usize,
) -> io::Result<NonNull<u8>> {
    let access = flags::of_view(request.protection, request.flags);
    let (high, low) = halves(offset);
    // SAFETY: the kernel chooses a free address range.
    let view = unsafe { MapViewOfFile(section.as_raw_handle(), access, high, low, len) };
    NonNull::new(view.Value.cast()).ok_or_else(io::Error::last_os_error)
}

fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}
