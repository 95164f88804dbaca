//! The scenarios: names, functions and what `--control` removes. Their files import what this
//! module imports.
#![forbid(unsafe_code)]

mod accounts;
mod allocated;
mod channel;
mod copies;
mod failed_device;
mod forked;
mod full_disk;
mod handlers;
mod hostile_channel;
mod huge_pages;
mod journal;
pub(crate) mod killed;
mod limits;
mod lost_write;
mod mutex;
mod opened_closed;
mod parallel_search;
mod protected;
mod range_lock;
mod repaired;
pub(crate) mod slices;
pub(crate) mod stack_overflow;
mod stage;
mod threads;
mod transaction;
mod truncated;

use std::{
    fs,
    ops::Range,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use libc::{SIG_DFL, SIG_IGN, SIGABRT, SIGBUS, SIGSEGV};
use safemap::{Access, Advice, Error, Flags, HugePage, Map, Options, Protection, Sharing, damages};
use safemap_testing::{
    LibraryCopy, PAGE, SWEEPS, Stalled, Stop, Sweep, TempFile, noise, pattern,
    process::{Fork, at_fork},
    restore_beside_cuts, signal,
};

use crate::{
    device::Device,
    disk::Disk,
    process::{run_or_skip, this_program},
    raw::*,
    report::{Report, Result, Settings, Skipped, require_mounts},
};

/// A scenario.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    /// What `--control` removes or changes. The scenario has to fail then.
    pub(crate) control: &'static str,
}

type Run = fn(&Settings) -> Result;

const fn scenario(name: &'static str, run: Run, control: &'static str) -> Scenario {
    Scenario { name, run, control }
}

const DIRECT: &str = "direct access to memory";
const MESSAGE: &str = "the message of the system";
const SLOW_FORK: &str = "a fork handler that waits";

/// All scenarios.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("truncated", truncated::run, DIRECT),
    scenario("full tmpfs", full_disk::tmpfs, DIRECT),
    scenario("full ext4", full_disk::ext4, DIRECT),
    scenario("allocated", allocated::run, "resize without allocation"),
    scenario("appended", allocated::appended, "resize, and stores after it"),
    scenario("failed file system", failed_device::file_system, DIRECT),
    scenario("ended block device", failed_device::block_device, DIRECT),
    scenario("device of errors", failed_device::error_target, DIRECT),
    scenario("protected", protected::run, DIRECT),
    scenario("huge pages", huge_pages::run, DIRECT),
    scenario("lost write, full disk", lost_write::full_disk, "no flush"),
    scenario("lost write, failed device", lost_write::failed_device, "no flush"),
    scenario("threads, one map", threads::one_map, DIRECT),
    scenario("threads, private memory", threads::private_memory, DIRECT),
    scenario("threads, many maps", threads::many_maps, DIRECT),
    scenario("parallel search", parallel_search::run, "a lock around each search"),
    scenario("slices", slices::run, "slices of mapped memory"),
    scenario("forked", forked::run, DIRECT),
    scenario("forked beside threads", forked::beside_threads, DIRECT),
    scenario("forked beside slow storage", forked::beside_slow_storage, SLOW_FORK),
    scenario("killed", killed::run, "resize by way of length 0"),
    scenario("mutex, killed owners", mutex::killed, "owners count as crashed"),
    scenario("mutex, stopped owner", mutex::stopped, "owners count as crashed"),
    scenario("channel, killed senders", channel::killed_senders, "owners count as crashed"),
    scenario("channel, killed receivers", channel::killed_receivers, "owners count as crashed"),
    scenario(
        "channel, killed creators",
        channel::killed_creators,
        "files that are written in place",
    ),
    scenario("channel, stopped owner", channel::stopped, "owners count as crashed"),
    scenario("channel, hostile words", hostile_channel::run, "lengths that are trusted"),
    scenario("journal, killed writers", journal::killed, "owners count as crashed"),
    scenario("journal, stopped writer", journal::stopped, "owners count as crashed"),
    scenario("transaction, killed writers", transaction::killed, "maps without transactions"),
    scenario("range locks, killed owners", range_lock::killed, "no locks"),
    scenario("opened and closed", opened_closed::run, "one map in a hundred is leaked"),
    scenario("limit of descriptors", limits::descriptors, MESSAGE),
    scenario("limit of mappings", limits::mappings, MESSAGE),
    scenario("limit of address space", limits::address_space, MESSAGE),
    scenario("limit of file size", limits::file_size, MESSAGE),
    scenario("limit of locked memory", limits::locked_memory, MESSAGE),
    scenario("handler that chains", handlers::chaining, DIRECT),
    scenario("handler that does not chain", handlers::not_chaining, "no map created after it"),
    scenario("copies of the crate", copies::run, "copies that do not find each other"),
    scenario("alternate stacks", handlers::alternate_stacks, DIRECT),
    scenario("signals sent", handlers::sent, "the signal is ignored"),
    scenario("stack overflow", stack_overflow::run, "a handler that does not chain"),
    scenario("repaired", repaired::run, "maps without repair"),
    scenario("repaired, scattered", repaired::scattered, "maps without repair"),
    scenario("restored", repaired::restored, "damage after a restoration is ignored"),
];

/// Returns a map of `pages` pages, and its file.
fn file_and_map(pages: usize) -> (TempFile, Map) {
    let file = TempFile::new(&pattern(pages * PAGE));
    let map = file.map();
    (file, map)
}

/// Kills workers at random instants from 0 to 3 ms, and starts others in their place. `start` gets
/// the number of the worker, from 1 on.
fn kill_at_random(
    kills: usize,
    workers: usize,
    start: impl Fn(usize) -> std::io::Result<Fork>,
) -> Result<()> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut alive = (1..=workers).map(&start).collect::<std::io::Result<Vec<_>>>()?;
    for kill in 1..=kills {
        thread::sleep(Duration::from_micros(rng.u64(..3000)));
        let killed = alive.swap_remove(rng.usize(..workers));
        assert!(killed.try_wait()?.is_none(), "a worker ended before it was killed");
        killed.kill()?;
        alive.push(start(workers + kill)?);
    }
    Ok(alive.into_iter().try_for_each(Fork::kill)?)
}

/// Reads a byte of a file.
fn byte_of(file: &TempFile, at: usize) -> std::io::Result<u8> {
    let mut byte = [0];
    file.open().read_exact_at(&mut byte, at as u64).map(|()| byte[0])
}
