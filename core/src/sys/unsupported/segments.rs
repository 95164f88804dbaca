//! Shared memory with a name, which does not exist.

use std::{
    ffi::{OsStr, OsString},
    io,
};

use super::unsupported;
use crate::sys::segment::{Segment, SegmentRequest, SegmentSpace};

pub(crate) const ALLOCATES: bool = false;

pub(crate) fn open(_: &OsStr, _: &SegmentRequest) -> io::Result<Segment> {
    unsupported()
}

pub(crate) fn remove(_: &OsStr) -> io::Result<()> {
    unsupported()
}

pub(crate) fn names() -> io::Result<Vec<OsString>> {
    unsupported()
}

pub(crate) fn space() -> Option<SegmentSpace> {
    None
}
