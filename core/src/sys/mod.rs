//! The operating system: the only room that speaks to it.
//!
//! Every platform owes the same names:
//!
//! | name | is |
//! |---|---|
//! | `region::{Region, Request}` | pages that are mapped until dropped |
//! | `pages::{Pages, Sync}` | a range of whole pages in a region: flush, advise, lock, protect, name |
//! | `file` | descriptors: state, length, duplicate, close |
//! | `repair::Mark` | where foreign code met pages that had to be replaced |
//! | `in_use::InUseCount` | who is inside a accessor, where a region does not stay mapped until its map is dropped |
//! | `fork::ForkGuard` | leave to change the regions of a map, which no fork comes between |
//! | `fork::count` | how often this process forked, itself and before it was a process of its own |
//! | `fault` | a fault in a kernel goes on at the kernel's recovery address |
//! | `advice::TABLE` | which number an [`Advice`](crate::Advice) has |
//! | `limit::Limit` | which limit an error number speaks of, and its name |
//! | `flags` | `Flags` and `Protection` as constants |
//! | `page_size`, `granularity` | of pages, of offsets, in bytes |
//! | `AsFile`, `BorrowedFile`, `OwnedFile`, `borrow` | the system's descriptors of files |
//! | `BAD_ADDRESS`, `INVALID` | error numbers: memory that cannot be accessed, an argument that makes no sense |

#![allow(unsafe_code)]

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as os;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as os;

#[allow(unused_imports)] // `transfer` serves the portable kernels alone.
pub(crate) use os::{
    AsFile, BAD_ADDRESS, BorrowedFile, INVALID, OwnedFile, advice, borrow, fault, file, flags, fork, granularity,
    in_use, limit, page_size, pages, region, repair, transfer,
};
