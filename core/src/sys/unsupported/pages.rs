//! The calls on a range of mapped pages, of which there is none.

use std::{ffi::CStr, io};

use super::{BorrowedFile, unsupported};
use crate::{
    flags::Protection,
    sys::{
        pages::{FlushMode, Pages},
        request::MapRequest,
    },
};

impl Pages<'_> {
    pub(crate) const RENEWING_RESETS_PROTECTION: bool = false;

    pub(crate) fn flush(self, _: FlushMode, _: Option<BorrowedFile<'_>>) -> io::Result<()> {
        unsupported()
    }

    pub(crate) fn flush_with(self, _: i32) -> io::Result<()> {
        unsupported()
    }

    pub(crate) fn advise(self, _: i32) -> io::Result<()> {
        unsupported()
    }

    pub(crate) fn renew(self, _: &MapRequest) -> io::Result<()> {
        unsupported()
    }

    pub(crate) fn lock(self) -> io::Result<()> {
        unsupported()
    }

    pub(crate) fn unlock(self) -> io::Result<()> {
        unsupported()
    }

    pub(crate) fn protect(self, _: Protection) -> io::Result<()> {
        unsupported()
    }

    pub(crate) fn resident(self) -> io::Result<Vec<bool>> {
        unsupported()
    }

    pub(crate) fn name(self, _: &CStr) -> io::Result<()> {
        unsupported()
    }
}
