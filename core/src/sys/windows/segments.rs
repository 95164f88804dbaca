//! Shared memory with a name: sections of the page file.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::windows::io::OwnedHandle,
};

use windows_sys::Win32::Foundation::{
    ERROR_ALREADY_EXISTS, ERROR_FILE_NOT_FOUND, ERROR_INVALID_PARAMETER,
};

use super::{error, page_size, region::Region, section};
use crate::{
    flags::{Flags, Protection},
    sys::{
        request::MapRequest,
        segment::{Creation, Segment, SegmentRequest, SegmentSpace},
    },
};

/// Whether the memory of a segment is allocated as that of a file.
pub(crate) const ALLOCATES: bool = false;

/// Opens or creates a section. It has memory when it is created.
pub(crate) fn open(name: &OsStr, request: &SegmentRequest) -> io::Result<Segment> {
    let name = section::Name::new(name)?;
    match (section::find(&name), request.creation) {
        (Some(_), Creation::Always) => Err(error(ERROR_ALREADY_EXISTS)),
        (Some(section), _) => opened(section),
        (None, Creation::Never) => Err(error(ERROR_FILE_NOT_FOUND)),
        (None, creation) => create(&name, request, creation),
    }
}

fn create(
    name: &section::Name,
    request: &SegmentRequest,
    creation: Creation,
) -> io::Result<Segment> {
    let end = request.len.and_then(|len| request.offset.checked_add(len as u64));
    let end = end.filter(|&end| end > 0).ok_or_else(|| error(ERROR_INVALID_PARAMETER))?;
    let size = usize::try_from(end).map_err(|_| error(ERROR_INVALID_PARAMETER))?;
    let page = page_size();
    let shared = MapRequest { protection: Protection::WRITE, flags: Flags::SHARED, page };
    let (section, is_new) = section::create_named(&shared, size, name)?;
    match (is_new, creation) {
        (true, _) => Ok(Segment::Section(section, end)),
        (false, Creation::Always) => Err(error(ERROR_ALREADY_EXISTS)),
        (false, _) => opened(section),
    }
}

fn opened(section: OwnedHandle) -> io::Result<Segment> {
    let len = Region::len_of(&section)? as u64;
    Ok(Segment::Section(section, len))
}

/// Does nothing: the section exists as long as one of its handles.
pub(crate) fn remove(_: &OsStr) -> io::Result<()> {
    Ok(())
}

pub(crate) fn names() -> io::Result<Vec<OsString>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn space() -> Option<SegmentSpace> {
    None
}
