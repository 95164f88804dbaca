//! The questions, one file for each subject. The files import what this module imports.

/// The work of an optional crate, if it is built.
macro_rules! optional {
    ($feature:literal, $work:expr) => {{
        #[cfg(feature = $feature)]
        let work = Some($work);
        #[cfg(not(feature = $feature))]
        let work = None;
        work
    }};
}

mod channels;
mod cold;
mod commit;
mod copy;
mod find;
mod flush;
mod grow;
mod idle;
pub(crate) mod instructions;
mod journal;
mod locks;
mod maps;
pub(crate) mod open;
pub(crate) mod recovery;
mod resident;
mod sequential;
mod short;
mod sizes;
mod slices;
mod threads;
mod transactional;
mod written;

use std::{
    env, fs,
    hint::black_box,
    path::Path,
    process::{Command, Stdio},
};

use memchr::{memchr, memmem, memrchr};
use safemap::{Access, Advice, Map, Options};
use safemap_testing::TempFile;

use crate::{
    data::{ABSENT, Data, Maps, Offsets},
    measure::{Work, after, many, since},
    peers,
    row::{Row, skip},
    run::{GIB, KIB, MIB, Outcome, Run, sized},
};

/// A question of a user.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How it is measured, and where that is unfair.
    pub(crate) how: &'static str,
    pub(crate) answer: fn(&Run) -> Outcome,
}

macro_rules! questions {
    ($($name:ident: $answer:path, $title:literal, $how:literal;)+) => {
        /// The questions, in the order of the page.
        pub(crate) const ALL: &[Question] = &[$(Question {
            name: stringify!($name), title: $title, how: $how, answer: $answer,
        }),+];
    };
}

questions! {
    reads: copy::reads, "Rust: copy bytes out of a map, at random offsets",
        "`read_at` into a buffer, beside `copy_from_slice` from memmap2's slice, `pread`, and \
         (the limit) `memcpy` from private memory. The offsets are in 256 KiB. No length is known \
         to the compiler: where it is, a short copy from a slice is an instruction or two, as \
         `load` is here.";
    writes: copy::writes, "Rust: copy bytes into a map, at random offsets",
        "`write_at`, beside `copy_from_slice` into memmap2's slice, `pwrite`, and (the limit) \
         `memcpy` into private memory. Otherwise as `reads`.";
    words: copy::words, "Rust: load and store integers at random offsets",
        "`load::<u64>` and `store::<u64>`, beside volatile access to memmap2's slice, which \
         checks bounds as well. The offsets are in 256 KiB.";
    short: short::answer, "Rust: accesses to a few bytes, at random offsets",
        "`View::load`, `Map::load`, `View::store`, and copies whose length is not known to the \
         compiler, beside the same accesses to memmap2's slice, which checks bounds as well. The \
         offsets are in 256 KiB. `find` is beside `memchr` on the slice.";
    rust_instructions: instructions::answer, "Rust: instructions of one call",
        "Counted by valgrind, including a loop and an indirect call. The length of a copy is not \
         known to the compiler. Beside the same access to memmap2's slice.";
    find: find::forwards, "Rust: find a needle that does not occur",
        "`find`, beside `memchr::memmem::find` on memmap2's slice, the C library's `memmem` on it \
         (as in Python's fmmap), and (the limit) `memchr::memmem::find` on private memory. The \
         text is a log, the binary file has records of numbers; the needle is a piece of it with \
         two bytes exchanged.";
    find_byte: find::byte, "Rust: find a byte",
        "`find` and `rfind` of one byte that does not occur, and of the end of a line; beside \
         `memchr` and `memrchr` on memmap2's slice, and (the limit) on private memory.";
    rfind: find::backwards, "Rust: find a needle backwards",
        "`rfind`, beside `memchr::memmem::rfind` on memmap2's slice. Otherwise as `find`.";
    sequential: sequential::answer, "Rust: read a file from its start to its end",
        "64 MiB in the page cache: `Map::cursor` and `Map::lines`, beside `BufReader<File>` and \
         `io::Cursor` over memmap2's slice. The file is mapped before; `BufReader` opens it each \
         time.";
    open: open::time, "Rust: open, map, read a byte, unmap, close",
        "`Map::open`, `get`, drop, beside the same with memmap2, and a descriptor that is opened, \
         read from once (`pread` of 64 bytes) and closed.";
    open_calls: open::system_calls, "Rust: open, map, read a byte, unmap, close, in system calls",
        "Counted by strace: the calls of a process that does it 1100 times, less those of one \
         that does it 100 times. The least possible is five: open, fstat for the length, mmap, \
         munmap, close.";
    grow: grow::answer, "Rust: a file that grows by 4 KiB at a time",
        "From 4 KiB to 1 GiB under a writable map, 262143 steps; the figures are for one step. \
         `resize`, without and with `reserve`; memmap2 by unmapping, `ftruncate` and mapping \
         again, and by its `remap` (`mremap`, Linux only); the limit is `ftruncate` alone. \"And \
         64 bytes stored\" puts them into each new page, for which the file system allocates a \
         block. That costs all contenders the same, and more than the rest.";
    flush: flush::answer, "Rust: write through the map, then flush",
        "512 MiB, a mebibyte at a time: `write_at` and `flush`, the same with memmap2, and \
         `pwrite` and `fsync`. *New*: into holes. *Cached*: over old bytes in the page cache. \
         *Cold*: over old bytes that are on the disk only. There a map reads each page before a \
         part of it can be changed, and `pwrite` of whole pages does not, so that this row has no \
         aim. The disk determines most of the time.";
    cold: cold::answer, "Rust: search a file that is not in the page cache",
        "512 MiB of text from the disk, for 16 bytes that do not occur: `find`, plain and after \
         `advise(Sequential)`; `memchr::memmem` on memmap2's slice and on blocks of 1 MiB that \
         `read` fills (which misses matches across two blocks). Before each search \
         `posix_fadvise` evicts the file from the page cache. A virtual disk may have a further \
         cache.";
    sizes: sizes::answer, "Rust: does a byte cost more in a larger file?",
        "Map, find a byte that does not occur, unmap; the figures are for one mebibyte. *Real* \
         files are in the page cache. *Sparse* files are not, and the system allocates pages of \
         zeros for them. Beside memmap2 and `memchr`, and beside a smaller file of the same kind \
         in the same round.";
    maps: maps::answer, "Rust: does a map cost more if there are many others?",
        "That many maps of 4 KiB are made, a byte of each is accessed, and all are dropped; the \
         figures are for one. *File*: without keeping a descriptor, because the limit of \
         descriptors is lower. *Anonymous*: the system merges neighbours, so that 100 000 of them \
         stay below its limit of mappings (65530 by default). Beside memmap2, and beside 100 maps \
         in the same round.";
    slices: slices::answer, "Rust: slices that do not change",
        "`FileBytes` is opened and all its bytes are added; beside `std::fs::read`. A memory file \
         that is sealed is not copied; beside memmap2's slice, whose bytes may change. \
         `Snapshot::get` copies 64 KiB *first* and nothing *again*. All files are in the page \
         cache.";
    threads: threads::answer, "Rust: do two threads do twice as much?",
        "The same work by one thread, and by two with half of it each, on one map. The limit is \
         two threads that compute without sharing anything: if that row is above 0.56 as well, \
         two processors were not available.";
    channels: channels::answer, "Rust: messages between two processes",
        "`Channel` with a ring of 4 MiB, beside a Unix socket and a pipe, whose messages follow \
         their length, and beside ipc-channel and iceoryx2 (if they are built). All copy bytes in \
         and out. The other process sends them back, or counts them; both sides check the numbers \
         in them. No process waits in a channel between the batches of a contender. `rtrb` is a \
         ring between two threads, for messages of one length: what no channel between processes \
         can beat. *2 senders* are two processes; with the socket one process sends as many \
         messages. *Processor time* is that of the sender's call and of 63 processes that sleep \
         until one of them gets the message; a reader of the pipe sleeps in `read`.";
    journal: journal::answer, "Rust: records that are appended to a file",
        "`JournalWriter::append`, whose records have a checksum, beside `write` to a file that is \
         open for appending; and both followed by `sync` and `fdatasync`. Both files grow; they \
         are read and compared after the row. *There and back*: two processes append to a journal \
         each, and wait for the records of the other; beside a Unix socket.";
    locks: locks::answer, "Rust: words and locks that processes share",
        "`Atomic::fetch_add` on a map, beside `AtomicU64` in private memory. `ipc::Mutex`, which \
         survives a crash of its owner, beside a robust pthread mutex, which does so too, and one \
         that is not robust; all are shared between processes. In the last row another process \
         locks and unlocks the same mutex all the time.";
    commit: commit::answer, "Rust: durable changes of several pages of a file",
        "3000 bytes in each of so many random pages of 256 MiB. *safemap*: a transaction, with the \
         checkpoints that it needs now and then. *SQLite* (bundled by rusqlite) and *LMDB* (by \
         heed), if they are built: values of 3000 bytes, one for each page, changed by their \
         number in a transaction. *mmap + flush*: the same stores into memmap2's map, which are \
         not atomic. It writes whole folios of the page cache, whose size depends on how the file \
         was written; that of the databases is their business. The slowest of 1000 commits \
         contains a checkpoint. The disk determines most of the time.";
    written: written::answer, "Rust: bytes that reach the disk for a durable change",
        "Counted by the kernel for the whole disk, so that no other process may write. The files \
         have 256 MiB, and their pages are in memory: written in pieces of that length, or *read* \
         through a map after the file was evicted, with and without `Advice::Random`. \
         *safemap*: a transaction and a checkpoint. *mmap + flush*: memmap2.";
    recovery: recovery::answer, "Rust: opening a file whose writer has crashed",
        "The journal has 21 commits of 1000 changes of 3000 bytes. Opening the file applies all, \
         and makes them durable; beside `pwrite` of as many changes to another file, and \
         `fdatasync`. All is in the page cache.";
    transactional: transactional::answer, "Rust: calls on a transactional map",
        "At random offsets in 256 KiB, beside the same call on an ordinary, shared map. All pages \
         have been stored to before.";
    resident: resident::answer, "Rust: the memory of a scan that releases what it has read",
        "A search for a byte that does not occur, through 1 GiB in the page cache. *Bounded*: 16 \
         MiB at a time, each followed by `advise(DontNeed)`; the pages stay in the page cache. \
         The first row is the largest number of resident bytes of files, the second the time.";
}

/// Why an access does not fail.
const IN_BOUNDS: &str = "the range is in bounds and the file is not truncated";

/// memmap2's slice and the `memchr` crate.
const SLICE: &str = "memmap2 + memchr";

/// Maps the file at `path` for reading.
fn open(path: &Path) -> Map {
    Map::open(path).expect("map a file")
}

/// Evicts a file from the page cache. Returns whether that succeeded.
fn evict(file: &TempFile) -> bool {
    peers::evict(&file.open()).unwrap_or(false)
}

/// Whether a program is installed. If not, prints that a row cannot be measured.
fn installed(program: &str, row: &str) -> bool {
    let started =
        Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if started.is_err() {
        skip(row, &format!("{program} is not installed"));
    }
    started.is_ok()
}
