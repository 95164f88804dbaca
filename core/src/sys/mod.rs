//! The operating system: the only module that calls it.
//!
//! The types that both systems share are defined here. `unix/` and `windows/` contain the same
//! files and provide the same names, and so does `unsupported/` for targets that are neither:
//!
//! | name | is |
//! |---|---|
//! | `request::MapRequest` | protection, flags and page size of a mapping |
//! | `size` | arithmetic on the sizes of regions |
//! | `region::Region` | mapped or reserved address space, until dropped |
//! | `pages::{Pages, FlushMode}` | a range of whole pages in a region: flush, advise, lock, protect, name |
//! | `file`, `file_state::FileState` | file descriptors: opening, state, length, reading, duplicate, close |
//! | `private_pages::PrivatePages`, `canary::Canary` | which pages of a private mapping were changed; whether some were dropped (Unix) |
//! | `own_maps::OwnMap` | a map that a forked child must not use (Unix) |
//! | `barrier::Barrier`, `this_thread::number` | a barrier that is free for one of two threads; the number of a thread (Unix) |
//! | `zeroed::bytes` | zeros, of which the system allocates what is used (Unix) |
//! | `folder::Folder` | an open directory, and its files by their names (Unix) |
//! | `file_lock::FileLock` | locks of byte ranges, which end with their process |
//! | `PrivateFile` | a descriptor that forked children do not keep (Unix) |
//! | `token::Token`, `token_id` | liveness tokens; their ids, and the bytes that they lock |
//! | `random::word` | a random number |
//! | `boot::boot_id` | which start of the system this is |
//! | `clock::coarse_millis` | a clock that is read in a few nanoseconds |
//! | `read::read_full` | reads all bytes by calls that may read a part |
//! | `write::write_all` | writes all bytes by calls that may write a part |
//! | `segments`, `segment::Segment` | shared memory with a name: open, create, remove, list |
//! | `seals::Seals` | whether the content of a file can change |
//! | `repair::{Mark, Reaction, damages}` | the damage of a map, what happens then, and the number of all faults (Unix; `unrepaired` elsewhere) |
//! | `in_use::InUseCount` | in-use count: calls inside a map whose views move when it is resized (Windows; `uncounted` elsewhere) |
//! | `fork::{count, current}` | the number of forks of this process and its ancestors |
//! | `lock::Lock` | a lock that a fork releases in the child |
//! | `per_process::PerProcess` | a value that each process makes for itself |
//! | `fault` | continues an accessor that faulted at its fixup address |
//! | `advice` | conversion between [`Advice`](crate::Advice) and the numbers of the system |
//! | `wait::{Sleeper, wake}`, `sleep::Sleep`, `place::Place` | sleeping until a word is changed, between processes; `polled` for systems that cannot |
//! | `rlimit::{ResourceLimit, remedy}` | what an error code suggests: a resource limit, and its name; what to do |
//! | `flags` | the constants of `Flags` and `Protection` |
//! | `transfer::piece` | copies bytes by system calls, for the portable accessors |
//! | `page_size`, `granularity` | of pages and of file offsets, in bytes |
//! | `AsFile`, `BorrowedFile`, `OwnedFile`, `borrow`, `number` | the system's file descriptors |
//! | `BAD_ADDRESS`, `INVALID`, `IS_DIRECTORY`, `NO_SPACE` | error codes: inaccessible memory, invalid argument, a directory, a full file system |

#![allow(unsafe_code)]

mod advice;
pub(crate) mod file_state;
pub(crate) mod inaccessible;
pub(crate) mod lock;
pub(crate) mod pages;
pub(crate) mod per_process;
pub(crate) mod place;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "openbsd"
)))]
mod polled;
pub(crate) mod protections;
pub(crate) mod read;
pub(crate) mod request;
pub(crate) mod seals;
pub(crate) mod segment;
pub(crate) mod size;
pub(crate) mod sleep;
pub(crate) mod token_id;
#[cfg(not(windows))]
pub(crate) mod uncounted;
#[cfg(not(unix))]
pub(crate) mod unrepaired;
mod write;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as os;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as os;
#[cfg(not(any(unix, windows)))]
mod unsupported;
#[cfg(not(any(unix, windows)))]
use unsupported as os;

#[allow(unused_imports)] // Only the portable accessors use `transfer`.
pub(crate) use os::{
    AsFile, BAD_ADDRESS, BorrowedFile, INVALID, IS_DIRECTORY, NO_SPACE, OwnedFile, boot, borrow,
    clock, fault, file, file_lock, flags, fork, granularity, in_use, number, page_size, random,
    region, repair, rlimit, segments, token, transfer, wait,
};
#[cfg(unix)]
pub(crate) use os::{
    barrier, canary, folder, own_maps, private_file::PrivateFile, private_pages, this_thread,
    zeroed,
};
