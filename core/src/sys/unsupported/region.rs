//! Regions, of which there is none.

use std::{ffi::OsStr, io, ops::Range, ptr::NonNull, sync::Arc};

use super::{BorrowedFile, page_size, repair::Mark, unsupported};
use crate::{
    flags::{Flags, Protection},
    sys::{pages::Pages, request::MapRequest},
};

pub(crate) const OUTGROWS_FILES: bool = false;
pub(crate) const HAS_NAMES: bool = false;

impl MapRequest {
    pub(crate) fn spacious(&self) -> Option<MapRequest> {
        None
    }
}

#[derive(Debug)]
pub(crate) enum Region {}

impl Region {
    pub(crate) fn new(
        _: &MapRequest,
        _: usize,
        _: Option<(BorrowedFile<'_>, u64)>,
    ) -> io::Result<Region> {
        unsupported()
    }

    pub(crate) fn named(
        _: &MapRequest,
        _: usize,
        _: Option<(BorrowedFile<'_>, u64)>,
        _: &OsStr,
    ) -> io::Result<Region> {
        unsupported()
    }

    pub(crate) fn leave_name(&mut self, _: &OsStr) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn commit(&self, _: &MapRequest, _: usize) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn commit_range(&self, _: &MapRequest, _: Range<usize>) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn show_for_reading(&mut self, _: BorrowedFile<'_>, _: u64) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn show_again(&mut self, _: BorrowedFile<'_>, _: u64) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn elsewhere(self, _: BorrowedFile<'_>, _: u64) -> Option<Region> {
        match self {}
    }

    pub(crate) fn advise_large_pages(&self, _: bool) {
        match *self {}
    }

    pub(crate) fn watch(&mut self, _: &MapRequest, _: usize, _: Arc<Mark>) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn restore(&self, _: BorrowedFile<'_>, _: u64) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn protect_repairs(&self, _: Protection) {
        match *self {}
    }

    pub(crate) fn is_missing_pages(&self) -> bool {
        match *self {}
    }

    pub(crate) fn first_replaced(&self, _: Range<usize>) -> Option<usize> {
        match *self {}
    }

    pub(crate) fn is_intact(&self) -> bool {
        match *self {}
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        match *self {}
    }

    pub(crate) fn size(&self) -> usize {
        match *self {}
    }

    pub(crate) fn unmap(self) -> io::Result<()> {
        match self {}
    }

    pub(crate) fn take_over(
        &self,
        _: &Region,
        _: &[Range<usize>],
        _: &MapRequest,
    ) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn allow_access(&self) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn record_protection(
        &self,
        _: Range<usize>,
        _: Protection,
        _: &MapRequest,
    ) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn record_guards(&self, _: Pages<'_>, _: bool) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn first_unwritable(&self, _: Range<usize>, _: &MapRequest) -> Option<usize> {
        match *self {}
    }

    pub(crate) fn set_base_protection(&mut self, _: usize, _: Protection) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn protect_part(&self, _: Range<usize>, _: Protection) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn forget_pages(&self) {
        match *self {}
    }
}

pub(crate) fn may_refuse_sharing(_: &io::Error) -> bool {
    false
}

pub(crate) fn page_of(_: Flags) -> usize {
    page_size()
}
