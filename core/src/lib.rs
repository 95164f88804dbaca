//! Memory-mapped files without `unsafe`, where a truncated file is an error and not a SIGBUS.
//!
//! A [`Map`] is a file, a part of a file, or anonymous memory. It is read and written by copying
//! bytes, as [`File`](std::fs::File) is, through `&self` and from any thread. No reference into the
//! mapped memory exists, so other processes may change or truncate the file at any time.
//!
//! ```
//! use safemap::{Access, Error, Map, Options};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("access.log");
//! # std::fs::write(&path, "GET /\nERROR 500\nGET /\n")?;
//! let log = Map::open(&path)?;                                   // read-only, the whole file
//! assert_eq!(log.find(b"ERROR", ..)?, Some(6));
//! assert_eq!(log.lines().count(), 3);
//!
//! let map = Options::new().access(Access::Write).open(&path)?;   // shared with other maps
//! map.write_at(b"INFO!", 6)?;
//! assert_eq!(log.to_vec(6..11)?, b"INFO!");
//! map.resize(1 << 20)?;                                          // extends the file
//! map.flush()?;
//!
//! # if cfg!(windows) { return Ok(()); } // Windows refuses to truncate a mapped file.
//! std::fs::write(&path, "")?;                                    // truncates the mapped file
//! assert!(matches!(log.get(6), Err(Error::Fault { offset: 6 })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Options`] creates maps: access, offset, length, sharing, reserve, huge pages.
//! - [`Map`] reads, writes, searches, resizes and flushes.
//! - [`FileBytes`] and [`Snapshot`] are slices of files that do not change: of all bytes, or of the
//!   parts that are needed.
//! - [`View`] reads and writes a few bytes at a time, as fast as a slice.
//! - [`Cursor`] implements [`Read`](std::io::Read), [`BufRead`](std::io::BufRead),
//!   [`Write`](std::io::Write) and [`Seek`](std::io::Seek) for a map; [`Lines`] iterates over
//!   lines.
//! - [`Options::transactional`] and [`Map::transaction`] make changes of a file that are all there
//!   or not at all, also after a crash or a power failure.
//! - [`ipc`] has channels, journals, mutexes, atomic words and shared memory between processes.
//! - [`Advice`], [`Protection`] and [`Flags`] correspond to the arguments of `madvise`, `mprotect`
//!   and `mmap`.
//!
//! # What is guaranteed
//!
//! These guarantees hold for all code that uses no `unsafe`, in every thread.
//!
//! - **Soundness.** Mapped memory is accessed only by *accessors*: assembly routines that are
//!   opaque to the compiler, or system calls on processors without such routines. Concurrent writes
//!   by other threads or processes are not undefined behaviour. A read that runs during a write
//!   returns a mixture of old and new bytes.
//! - **Faults are errors.** If the file was truncated, the disk is full, the device failed, or the
//!   protection forbids the access, the method returns [`Error::Fault`] with the offset of the
//!   first byte that cannot be accessed. The bytes before it were transferred. The map stays
//!   usable, and works again when the file does.
//! - **Aligned integers are not torn** on x86-64 and aarch64: [`Map::load`] and [`Map::store`], if
//!   the offset in the file is a multiple of the integer's size.
//! - **[`Map::resize`] runs concurrently** with readers and writers on other threads. If it fails,
//!   the file and the map are unchanged; the method documents one exception on Windows.
//! - **[`Map::append`] shows no zeros** to processes that follow the file, and changes nothing if
//!   the disk is full.
//! - **No panics.** An invalid argument is an error that contains the numbers.
//!
//! # What is not guaranteed
//!
//! - **Direct access to the memory.** A fault in a slice from [`Map::as_slice`], or through
//!   [`Map::as_ptr`], terminates the process as in any other crate. [`Options::repair`] maps zeros
//!   instead and reports the damage.
//! - **Atomicity.** A copy of several bytes is not atomic; [`ipc`] has atomic words.
//! - **Detection of every truncation.** The operating system detects it per page. Bytes between the
//!   end of the file and the end of its last page read as zeros, and stores there are lost.
//!   [`Map::verify`] compares the lengths.
//! - **Durability before a flush.** Bytes are on the storage device when [`Map::flush`] has
//!   returned without an error; see there for the differences between platforms. [`Map::commit`]
//!   makes several changes durable together.
//! - **Faults while the signal is blocked.** If a thread blocks SIGBUS or SIGSEGV after it has used
//!   a map, a fault in this thread terminates the process.
//!
//! # What the crate does to the process
//!
//! Nothing happens before the first map is created or [`copy_of`] is called. On Unix:
//!
//! - **Signal handlers.** Creating the first map installs a handler for SIGBUS and SIGSEGV
//!   (`sigaction` with `SA_SIGINFO`, `SA_ONSTACK` and `SA_NODEFER`). It is never removed. While it
//!   runs, it blocks all signals that no instruction causes, except SIGABRT, so that their handlers
//!   do not run on its signal stack. The handler compares the program counter with a table of the
//!   accessors' instructions. If the fault is one of theirs, the accessor continues at its fixup
//!   address and returns an error. The handler takes no lock and allocates nothing. On processors
//!   without assembly accessors only [`Options::repair`] installs it.
//! - **Chaining.** Every other SIGBUS or SIGSEGV goes to the handler that was installed before,
//!   with the signal mask that it asked for. A signal that is sent interrupts system calls unless
//!   that handler has `SA_RESTART`. `SA_RESETHAND` and `SA_NODEFER` have their effect too. Without
//!   `SA_ONSTACK` the handler still runs on the thread's alternate signal stack, if there is one:
//!   the kernel chooses the stack before the crate's handler runs. So does the handler of another
//!   signal that interrupts it. The alternate stacks of Rust's threads have 8 KiB or little more; a
//!   program with such a handler can install a larger one (`sigaltstack`) in its threads. If there
//!   was no handler, the default action is taken: the process is terminated, as it would be without
//!   the crate.
//! - **Handlers installed later** should call the previous handler. If one does not, it receives
//!   the faults in maps, until the crate puts its handler first again: when a map is created, and
//!   when a thread first uses a map. On Linux a new map checks SIGSEGV only if
//!   [`Options::protection`] forbids access; so do [`Map::protect`], [`Map::advise`] and a resize
//!   that make pages inaccessible. This works for at least 64 different handlers of each signal.
//!   Each handler of a chain is a nested call on the signal stack, of which the crate's uses about
//!   0.3 KiB.
//! - **Several copies of the crate**, such as two versions of it or those of two extension modules,
//!   find each other, up to 65 of them. The first handler resolves the faults of all copies, and
//!   forwards other signals to the handlers of other libraries. Copies in another namespace of the
//!   loader (`dlmopen`) count as other libraries.
//! - **A shared library that contains the crate is never unloaded** after it has created a map: the
//!   crate opens it again with `dlopen` and `RTLD_NODELETE`. The loader is locked while it runs the
//!   constructors of a library. So a constructor must not wait for a thread that creates the first
//!   map.
//! - **Signal mask.** The first use of a map in a thread unblocks SIGBUS and SIGSEGV in that thread
//!   (`pthread_sigmask`): the kernel terminates a process that faults while the signal is blocked.
//! - **Fork handlers.** Creating the first map registers handlers with `pthread_atfork`: they count
//!   forks, and children learn that they are one. On Linux it also maps a page that the kernel
//!   clears in a child; see [below](#threads-and-fork).
//! - **Descriptors.** A map of a file keeps a duplicate of its descriptor, close-on-exec, until it
//!   is dropped. It counts towards `RLIMIT_NOFILE`. Closing it releases the locks that the process
//!   has on the file (fcntl(2), `F_SETLK`). [`Options::untracked`] makes maps that keep none. Each
//!   [`ipc::RangeGuard`] has one more, which a forked child closes.
//! - **Spare mappings.** The first map with [`Options::repair`] also maps four inaccessible pages.
//!   The handler unmaps them when the process has reached its limit of mappings
//!   (`vm.max_map_count`), because Linux then refuses even to replace pages.
//!   [`Advice::DontFork`] maps two such pages for each range, and one more, for the same reason.
//!
//! On Windows creating a map adds a vectored exception handler and removes the one that the
//! previous map added, so that it is called first (`AddVectoredExceptionHandler`). It handles
//! access violations and in-page errors of the accessors, and passes everything else on. A fault
//! overwrites the thread's last error code; `fault_status` returns it. A DLL that contains the
//! crate is never unloaded after it has created a map (`GetModuleHandleEx` with
//! `GET_MODULE_HANDLE_EX_FLAG_PIN`).
//!
//! # Threads and fork
//!
//! `Map` is `Send` and `Sync`. Reads, writes and searches take no lock. `resize`, `protect`,
//! `advise` and similar methods exclude each other for the same map; `append` waits only for those
//! that change the length.
//!
//! A read, write or search waits for another thread in one case only: it has faulted, and a
//! `resize` beyond the capacity moves private memory at that moment. It waits until the bytes are
//! copied. So a signal handler that interrupts `resize` of private memory must not use the same
//! map. On Windows a call that has faulted waits for `resize`, `protect` and `advise`, and every
//! call for a `resize` that maps the file again.
//!
//! On Unix, `fork` waits for no call. A child finds every map in a consistent state: with the
//! length before a concurrent resize or the one after it, the bytes, and no lock held. The first
//! call that changes a map there completes or undoes what a thread of the parent had begun.
//! Children may use and drop the maps of their parent. Shared maps show the same memory in both
//! processes; private maps are copied on write. A child made by another call than the C library's
//! `fork`, such as `_Fork`, notices that by itself: on Linux 4.14 by a word that the kernel clears,
//! elsewhere by its process id.
//!
//! # Errors
//!
//! All fallible methods return [`Error`], the same type on every platform. Variants hold the
//! numbers: offset, range, length. [`Error::Os`] holds the operating system's error and, where a
//! resource limit may be the cause, names the limit. `?` converts an `Error` into
//! [`std::io::Error`].
//!
//! # Cost
//!
//! A call costs 1 to 3 ns more than a `memcpy` of the same length: a bounds check, and a check that
//! the thread can take a fault. On Linux, accesses of up to 128 bytes call no function, and those
//! of a [`View`] cost about as much as those of a slice. No system call is made. Creating a map
//! makes one system call more than `mmap` needs, to check the signal handler (0.2 to 0.3 µs, of 4
//! to 15 µs for the map). On Windows a call costs 2 ns more if the map can be resized, to count the
//! calls that use the map. `docs/performance.md` in the repository has the measurements and the
//! commands that made them.
//!
//! # Platforms
//!
//! | platform | accessors | state |
//! |---|---|---|
//! | Linux on x86-64 (glibc and musl) | assembly | tested |
//! | Linux on aarch64, any page size | assembly | tested in emulators |
//! | Linux on i686 and s390x | system calls | tested in emulators |
//! | Windows on x86-64 | assembly | tested under Wine |
//! | Windows on aarch64, Android, macOS, FreeBSD, NetBSD, OpenBSD | assembly | compiled, not run |
//!
//! Accessors that use system calls serve all other processors. `--cfg safemap_portable` selects
//! them everywhere; NetBSD on aarch64 requires it. They are slower (two calls for each 4 KiB), and
//! aligned integers may be torn. On 32-bit processors a map has at most 2 GiB.
//!
//! Windows refuses to truncate a file while it is mapped, and has no [`Options::repair`]. There
//! [`Map::resize`] of a file waits for calls on other threads that are using the map, and they wait
//! for it. The documentation of each method lists further differences under *Platforms*.
//! `docs/platforms.md` in the repository has the test results of each target.
//!
//! # Slices
//!
//! A parser, a hash or a C library needs `&[u8]`. A slice of mapped memory is sound only as long as
//! no process changes the file, which no process can guarantee ([`Map::as_slice`] is `unsafe`).
//! These slices are sound, because their bytes do not change:
//!
//! | to get | use | cost |
//! |---|---|---|
//! | all bytes of a file | [`FileBytes::open`] | a copy, up to the end of the file |
//! | some parts of a large file | [`Snapshot::get`] | a copy of each piece of 64 KiB, at first use |
//! | bytes that this program writes first | [`Options::memfd`], then [`Map::seal`] | no copy (Linux, FreeBSD) |
//! | a private mapping (`MAP_PRIVATE`) | none: pages that were not written show later changes of the file | |
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("file");
//! std::fs::write(&path, "some text")?;
//! let bytes = safemap::FileBytes::open(&path)?;
//! std::fs::write(&path, "")?;
//! assert_eq!(std::str::from_utf8(&bytes)?, "some text");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! None of them needs a signal handler. A [`Snapshot`] registers the fork handler.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `zerocopy` | `Map::read` and `Map::write` for types that implement the traits of the crate `zerocopy` |
//! | `stable-deref` | `StableDeref` for [`FileBytes`], for crates that keep it beside what borrows from it |
//! | `python-internals` | hidden items that the Python package uses; *exempt from semantic versioning* |
//!
//! # When to use something else
//!
//! - **Small files that are read once.** [`std::fs::read`] is simpler, and creating a map takes 4
//!   to 15 µs.
//! - **The process must not have handlers for SIGBUS and SIGSEGV**, or has some that call no
//!   previous handler.
//! - **Async tasks on slow or remote storage.** A page fault blocks the thread until the page has
//!   been read.
//! - **Targets other than Unix and Windows**, such as wasm32. There the crate compiles, and each
//!   call that would make a map returns an error of the kind [`Unsupported`](std::io::ErrorKind).
//!
//! # Coming from memmap2
//!
//! A map keeps a descriptor of its file, for [`Map::resize`] and others; memmap2's keep none.
//! Programs with thousands of maps set [`Options::untracked`].
//!
//! The crate in `compat/` has memmap2's interface, for programs that are to stay as they are. In
//! new code:
//!
//! | memmap2 | safemap |
//! |---|---|
//! | `unsafe { Mmap::map(&file)? }` | [`Options::new().map(&file)?`](Options::map), [`Map::open(path)?`](Map::open) |
//! | `unsafe { MmapMut::map_mut(&file)? }` | `Options::new().access(Access::Write).map(&file)?` |
//! | `MmapOptions::map_copy` | `access(`[`Access::Copy`]`)` |
//! | `MmapOptions::map_copy_read_only` | `sharing(`[`Sharing::Private`]`)` |
//! | `MmapMut::map_anon(len)?` | [`Options::new().len(len).anonymous()?`](Options::anonymous) |
//! | `MmapOptions::{offset, len}` | [`Options::offset`], [`Options::len`] |
//! | `MmapOptions::{populate, stack, no_reserve_swap}` | [`Options::populate`], [`Options::flags`] |
//! | `MmapOptions::huge(bits)` | [`Options::huge_pages`] |
//! | `map[i]`, `map[i] = byte` | [`Map::get`], [`Map::set`] |
//! | `map[a..b].to_vec()` | [`Map::to_vec`] |
//! | `buffer.copy_from_slice(&map[a..b])` | [`Map::read_exact_at`] |
//! | `map[a..b].copy_from_slice(bytes)` | [`Map::write_at`] |
//! | `map[a..b].fill(byte)`, `map.copy_within(a..b, to)` | [`Map::fill`], [`Map::copy_within`] |
//! | `u64::from_ne_bytes(map[a..a + 8].try_into()?)` | [`Map::load::<u64>(a)`](Map::load), [`Map::load_le`], [`Map::load_be`], [`View::load`] |
//! | `parse(&map[a..b])` | [`Map::with_slice(a..b, parse)`](Map::with_slice), over a copy |
//! | `memchr::memmem::find(&map, needle)` | [`Map::find`] |
//! | `flush`, `flush_range(offset, len)`, `flush_async` | [`Map::flush`], [`Map::flush_range`], [`Map::flush_async`] |
//! | `advise`, `unsafe { unchecked_advise }` | [`Map::advise`] |
//! | `lock`, `unlock` | [`Map::lock`], [`Map::unlock`] |
//! | `make_read_only`, `make_mut` | [`Map::into_access`] |
//! | `make_exec` | [`Map::protect`] |
//! | `unsafe { map.remap(len, …)? }` (Linux) | `Map::remap`; [`Map::refresh`] after the file has changed its length; [`Map::resize`] changes both (all platforms) |
//! | `&map[..]` | [`FileBytes`] (all bytes), [`Snapshot`] (parts); `unsafe { map.as_slice() }` |

// Without the feature, and on targets without maps, some items are not used.
#![cfg_attr(
    not(all(feature = "python-internals", any(unix, windows))),
    allow(dead_code, unreachable_pub, unused_macros)
)]

#[macro_use]
mod symbol;

mod access;
mod advice;

mod accessor;
mod damage;
mod error;
mod flags;
mod format_error;
mod rlimit;

pub mod ipc;
mod manage;
mod map;
mod mode;
mod options;
mod polling;
mod repair;

mod resize;
mod search;

mod slices;

mod stream;
mod sys;
#[cfg(test)]
mod test_children;
mod transaction;

mod values;
mod view;
mod word;

#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use access::copy_to_buffer;
pub use access::{View, copy_of};
pub use advice::Advice;
pub use damage::Damage;
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use error::UNKNOWN_LENGTH;
pub use error::{Error, Result};
pub use flags::{Flags, HugePage, Protection};
pub use format_error::FormatError;
pub use map::Map;
pub use mode::{Access, Sharing};
pub use options::Options;
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use polling::PATIENCE;
pub use repair::damages;
pub use resize::InPlace;
pub use search::FindIter;
pub use slices::{Backing, FileBytes, Snapshot, SnapshotSlice};
pub use stream::{Chunks, Cursor, Line, Lines, NumberedLines};
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use stream::{LineCount, LineSearch};
#[cfg(windows)]
pub use sys::fault::fault_status;
#[cfg(all(unix, feature = "python-internals"))]
#[doc(hidden)]
pub use transaction::open_hostile_journal;
pub use transaction::{Reading, Transaction};
pub use view::{ViewChunks, ViewIter};
pub use word::{Integer, Word};

/// Returns the size of a page in bytes.
///
/// # Examples
///
/// ```
/// assert!(safemap::page_size().is_power_of_two());
/// ```
#[must_use]
pub fn page_size() -> usize {
    sys::page_size()
}

/// Returns the number of bytes to which the operating system aligns the offsets of maps in files.
///
/// This is the page size; on Windows it is the allocation granularity, 64 KiB. [`Options::offset`]
/// accepts any offset, unless [`Options::exact_offset`] is set.
///
/// # Examples
///
/// ```
/// assert_eq!(safemap::granularity() % safemap::page_size(), 0);
/// ```
#[must_use]
pub fn granularity() -> usize {
    sys::granularity()
}

/// Returns how many times this process and its ancestors have forked since the first map was made.
/// Threads do not survive a fork.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
#[must_use]
#[inline]
pub fn forks() -> u64 {
    sys::fork::current()
}

/// Fast path of [`forks`]: misses a fork that has not run the library's fork handler, until `forks`
/// or a slow path has noticed it.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
#[must_use]
#[inline]
pub fn try_forks() -> u64 {
    sys::fork::count()
}

/// The examples of the README, as tests. They truncate a mapped file, which Windows refuses.
#[cfg(all(doctest, not(windows)))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The example for a start, as a test. The feature is on in the repository, which has the page.
#[cfg(all(doctest, feature = "python-internals"))]
#[doc = include_str!("../../docs/getting-started.md")]
struct GettingStarted;

/// The page of the cookbook with an example in Rust, as a test.
#[cfg(all(
    doctest,
    feature = "python-internals",
    target_os = "linux",
    target_arch = "x86_64",
    not(safemap_portable)
))]
#[doc = include_str!("../../docs/cookbook/grep-crate.md")]
struct GrepCrate;

/// The recipes in Rust, as tests. They need mutexes and atomic words, and the repository.
#[cfg(all(
    doctest,
    feature = "python-internals",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
#[doc = include_str!("../../docs/ipc-recipes.md")]
struct Recipes;
