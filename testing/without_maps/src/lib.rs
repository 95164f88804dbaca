//! Calls that would make a map. `run.js` runs each in Node: it must return `Unsupported`.

use std::io::{Error, ErrorKind};

use memmap2::MmapMut;
use safemap::{FileBytes, Map, Options, Snapshot, copy_of, ipc};

/// Whether the call with a number works as on a target without maps. 0 if not, -1 if there is no
/// such call.
#[unsafe(no_mangle)]
pub extern "C" fn works(number: u32) -> i32 {
    let mut options = Options::new();
    let refused = match number {
        0 => is_refused(options.len(10).anonymous()),
        1 => is_refused(options.anonymous()),
        2 => is_refused(options.len(10).memfd("name")),
        3 => is_refused(options.len(10).shared_memory("name")),
        4 => is_refused(options.create(true).open("name")),
        5 => is_refused(Map::open("name")),
        6 => is_refused(FileBytes::open("name")),
        7 => is_refused(Snapshot::open("name")),
        8 => is_refused(ipc::Channel::anonymous()),
        9 => is_refused(ipc::Channel::open("name")),
        10 => is_refused(ipc::remove_shared_memory("name")),
        11 => is_refused(ipc::shared_memory_names()),
        12 => is_refused(MmapMut::map_anon(5)),
        13 => copy_of(b"bytes").is_ok_and(|bytes| bytes == b"bytes"),
        _ => return -1,
    };
    refused.into()
}

fn is_refused<T, E: Into<Error>>(result: Result<T, E>) -> bool {
    result.is_err_and(|error| error.into().kind() == ErrorKind::Unsupported)
}
