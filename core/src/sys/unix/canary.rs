//! A private page that disappears if the file is cut.
//!
//! If a file is cut, the kernel drops the private copies of pages behind the new end, without a
//! trace: after the file has grown again, they show the file (Linux, `truncate_pagecache`). A
//! canary is one more private copy of the last page of the file, with a random number in it. No
//! other code knows it. If the number is still there, no private page was dropped since.
//!
//! A cut inside the last page drops none.

#![allow(unsafe_code)]

use std::{io, os::fd::BorrowedFd};

use super::{fault, page_size, random, region::Region};
use crate::{
    accessor,
    flags::{Flags, Protection},
    sys::request::MapRequest,
};

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Canary {
    page: Region,
    /// The offset of the page in the file.
    offset: u64,
    number: u64,
}

impl Canary {
    /// Makes a canary for a file of `len` bytes, more than 0. Fails if the file is shorter.
    pub(crate) fn new(file: BorrowedFd<'_>, len: u64) -> io::Result<Canary> {
        let request = MapRequest {
            protection: Protection::READ | Protection::WRITE,
            flags: Flags::PRIVATE,
            page: page_size(),
        };
        let offset = last_page(len).ok_or(io::ErrorKind::InvalidInput)?;
        let page = Region::new(&request, page_size(), Some((file, offset)))?;
        let number = random::word()?;
        fault::ensure_ready();
        // SAFETY: the page belongs to the region. A fault ends the accessor.
        match unsafe { accessor::store64(page.base().as_ptr(), number) } {
            0 => Ok(Canary { page, offset, number }),
            _ => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        }
    }

    /// Returns whether the canary is in the last page of a file of `len` bytes.
    pub(crate) fn is_for(&self, len: u64) -> bool {
        last_page(len) == Some(self.offset)
    }

    /// Returns whether the kernel has dropped no private page of the file since the canary was
    /// made.
    pub(crate) fn lives(&self) -> bool {
        fault::ensure_ready();
        // SAFETY: the page belongs to the region. A fault ends the accessor.
        let loaded = unsafe { accessor::load64(self.page.base().as_ptr()) };
        loaded.fault == 0 && loaded.value == self.number
    }
}

/// The offset of the last page of a file of `len` bytes; `None` if it is empty.
fn last_page(len: u64) -> Option<u64> {
    let size = page_size() as u64;
    Some(len.checked_sub(1)? / size * size)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs::File, os::fd::AsFd};

    use super::*;

    fn file(len: u64) -> (File, Canary) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(len).unwrap();
        let canary = Canary::new(file.as_fd(), len).unwrap();
        assert!(canary.lives());
        (file, canary)
    }

    #[test]
    fn a_cut_that_drops_a_page_is_noticed_also_if_the_file_grows_again() {
        let page = page_size() as u64;
        for (len, cut) in [(1, 0), (page, 0), (5 * page, 4 * page), (5 * page + 1, 5 * page)] {
            let (file, canary) = file(len);
            file.set_len(cut).unwrap();
            assert!(!canary.lives());
            file.set_len(len).unwrap();
            assert!(!canary.lives());
        }
    }

    #[test]
    fn other_changes_of_the_length_are_not() {
        let page = page_size() as u64;
        let (file, canary) = file(3 * page);
        for len in [4 * page, 3 * page, 2 * page + 1, 9 * page] {
            file.set_len(len).unwrap();
            assert!(canary.lives());
        }
    }

    #[test]
    fn a_file_that_is_shorter_has_none() {
        let file = tempfile::tempfile().unwrap();
        assert!(Canary::new(file.as_fd(), 1).is_err());
    }
}
