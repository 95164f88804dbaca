//! The scenarios: a name, what is asked, and what control takes away.

mod allocated;
mod failed_device;
mod forked;
mod full_disk;
mod handlers;
mod huge_pages;
pub(crate) mod killed;
mod limits;
mod lost_write;
mod opened_closed;
mod parallel_search;
mod protected;
mod repaired;
pub(crate) mod stack_overflow;
mod threads;
mod truncated;

use crate::run::{Outcome, Run};

/// One thing that the world does to maps.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What `--control` does, so that the scenario has to fail.
    pub(crate) control: &'static str,
    pub(crate) run: fn(&Run) -> Outcome,
}

macro_rules! scenarios {
    ($($name:literal: $run:path, $control:literal;)+) => {
        pub(crate) const ALL: &[Scenario] = &[$(Scenario { name: $name, control: $control, run: $run }),+];
    };
}

scenarios! {
    "truncated": truncated::run, "plain access to memory";
    "full tmpfs": full_disk::tmpfs, "plain access to memory";
    "full ext4": full_disk::ext4, "plain access to memory";
    "allocated": allocated::run, "resize without allocation";
    "failed file system": failed_device::file_system, "plain access to memory";
    "ended block device": failed_device::block_device, "plain access to memory";
    "device of errors": failed_device::error_target, "plain access to memory";
    "protected": protected::run, "plain access to memory";
    "huge pages": huge_pages::run, "plain access to memory";
    "lost write, full disk": lost_write::full_disk, "no flush";
    "lost write, failed device": lost_write::failed_device, "no flush";
    "threads, one map": threads::one_map, "plain access to memory";
    "threads, private memory": threads::private_memory, "plain access to memory";
    "threads, many maps": threads::many_maps, "plain access to memory";
    "parallel search": parallel_search::run, "a lock around each search";
    "forked": forked::run, "plain access to memory";
    "forked beside threads": forked::beside_threads, "plain access to memory";
    "killed": killed::run, "resize by way of length 0";
    "opened and closed": opened_closed::run, "one map of a hundred is forgotten";
    "limit of descriptors": limits::descriptors, "the system's own text";
    "limit of mappings": limits::mappings, "the system's own text";
    "limit of address space": limits::address_space, "the system's own text";
    "limit of file size": limits::file_size, "the system's own text";
    "limit of locked memory": limits::locked_memory, "the system's own text";
    "handler that chains": handlers::chaining, "plain access to memory";
    "handler that does not": handlers::not_chaining, "no map made after it";
    "alternate stacks": handlers::alternate_stacks, "plain access to memory";
    "signals sent": handlers::sent, "the signal ignored";
    "stack overflow": stack_overflow::run, "a handler that does not chain";
    "repaired": repaired::run, "maps without repair";
    "repaired, scattered": repaired::scattered, "maps without repair";
}
