//! Slices of a mapped file that is truncated. The tests run in child processes, which would be
//! terminated by SIGBUS without the repair.
#![cfg(unix)]
#![allow(unsafe_code)] // The tests access mapped memory directly.

use std::{
    os::unix::{fs::FileExt, process::ExitStatusExt},
    ptr,
    sync::{
        Barrier,
        atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use safemap::{Access, Error, Map, Options, Protection};
use safemap_testing::{
    PAGE, Stop, TempFile, output_of_child, pattern,
    process::Fork,
    restore_beside_cuts,
    signal::{alternate_stack, install_plain, set_timer},
    succeeds_in_child,
};

/// The signals for a missing page of a file, and for a forbidden access. Only on Linux they differ
/// in every case.
const MISSING: &[i32] =
    if cfg!(target_os = "linux") { &[libc::SIGBUS] } else { &[libc::SIGBUS, libc::SIGSEGV] };
const FORBIDDEN: &[i32] = if cfg!(target_os = "linux") { &[libc::SIGSEGV] } else { MISSING };

fn repaired(file: &TempFile) -> Map {
    Options::new().access(Access::Write).repair(true).open(file.path()).unwrap()
}

/// Reads a byte without the library's accessors, as code outside the library does.
fn read_directly(map: &Map, at: usize) -> u8 {
    let byte = map.as_ptr().wrapping_add(at);
    // SAFETY: `at` is in the map, which outlives the call. The test is about a missing page there.
    unsafe { byte.read_volatile() }
}

/// Returns the offset that is reported for damage at `at`. On s390x the kernel reports the page
/// only.
const fn reported(at: usize) -> usize {
    if cfg!(target_arch = "s390x") { at - at % PAGE } else { at }
}

#[test]
fn external_code_reads_zeros_and_the_next_call_reports_the_offset() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(4 * PAGE));
        let map = repaired(&file);
        let other = file.open();
        other.set_len(PAGE as u64).unwrap();
        assert_eq!(map.damage(), None);
        assert_eq!(read_directly(&map, 3 * PAGE + 5), 0);
        assert_eq!(read_directly(&map, 2 * PAGE + 7), 0);
        assert_eq!(read_directly(&map, 10), 10);
        assert_eq!(map.damage(), Some(reported(2 * PAGE + 7)));
        let expected = reported(2 * PAGE + 7);
        for refused in [
            map.get(0).map(drop),
            map.set(1, 0),
            map.find(b"xy", ..).map(drop),
            map.flush(),
            map.resize(10),
        ] {
            assert!(
                matches!(refused, Err(Error::Damaged { offset }) if offset == expected),
                "{refused:?}"
            );
        }
        assert_eq!(map.len(), 4 * PAGE);
        map.close().unwrap();
    });
}

#[test]
fn a_view_reports_damage_as_its_map_does() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(4 * PAGE));
        let map = repaired(&file);
        let view = map.view(1..).unwrap();
        assert_eq!(view.get(0).unwrap(), 1);
        file.open().set_len(PAGE as u64).unwrap();
        read_directly(&map, 3 * PAGE);
        for refused in [
            view.get(0).map(drop),
            view.set(1, 0),
            view.load::<u64>(8).map(drop),
            view.copy_to(&mut [0; 20], 0),
            view.copy_from(&[0; 200], 0),
        ] {
            let expected = reported(3 * PAGE);
            assert!(
                matches!(refused, Err(Error::Damaged { offset }) if offset == expected),
                "{refused:?}"
            );
        }
        file.open().set_len(4 * PAGE as u64).unwrap();
        map.restore().unwrap();
        assert_eq!(view.get(0).unwrap(), 1);
    });
}

#[test]
fn external_code_writes_to_missing_pages_of_a_map_that_became_writable() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(3 * PAGE));
        let mut options = Options::new();
        options.access(Access::Write).protection(Protection::READ).offset(5).repair(true);
        let map = options.map(file.open()).unwrap();
        file.open().set_len(0).unwrap();
        assert_eq!(read_directly(&map, 0), 0);
        map.protect(Protection::READ | Protection::WRITE, ..).unwrap();
        for at in [0, PAGE, 2 * PAGE] {
            // SAFETY: `at` is in the map. The test is about a missing page there.
            unsafe { map.as_mut_ptr().wrapping_add(at).write_volatile(1) };
            assert_eq!(read_directly(&map, at), 1);
        }
    });
}

/// Maps a page at an address, if no mapping is there.
#[cfg(target_os = "linux")]
fn occupy(address: *const u8) {
    let (address, flags) = (address.cast_mut().cast(), libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: without MAP_FIXED, no mapping is replaced.
    unsafe { libc::mmap(address, PAGE, libc::PROT_NONE, flags, -1, 0) };
}

#[test]
#[cfg(target_os = "linux")]
fn a_map_that_was_remapped_is_repaired_at_its_new_address() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let mut map =
            Options::new().len(PAGE).repair(true).untracked(true).open(file.path()).unwrap();
        let (old, len) = (map.as_ptr(), 2 * PAGE);
        occupy(old.wrapping_add(PAGE));
        map.remap(len, true).unwrap();
        assert_ne!(map.as_ptr(), old);
        assert_eq!(map.to_vec(..).unwrap(), pattern(len));
        file.open().set_len(0).unwrap();
        assert_eq!(read_directly(&map, len - 1), 0);
        assert_eq!(map.damage(), Some(reported(len - 1)));
        assert!(matches!(map.remap(PAGE, true), Err(Error::Damaged { .. })));
    });
}

#[test]
fn the_hook_is_called_once_for_each_time_a_map_becomes_damaged() {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    static MAP: AtomicUsize = AtomicUsize::new(0);
    static OFFSET: AtomicUsize = AtomicUsize::new(0);
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(4 * PAGE));
        let mut options = Options::new();
        // SAFETY: atomics are safe in a signal handler.
        let options = unsafe {
            options.offset(3).on_damage(|damage| {
                REPORTS.fetch_add(1, SeqCst);
                MAP.store(damage.map, SeqCst);
                OFFSET.store(damage.offset, SeqCst);
            })
        };
        let map = options.open(file.path()).unwrap();
        let other = file.open();
        for reports in 1..3 {
            other.set_len(PAGE as u64).unwrap();
            assert_eq!(read_directly(&map, 3 * PAGE + 5), 0);
            assert_eq!(read_directly(&map, 2 * PAGE + 5), 0);
            assert_eq!(REPORTS.load(SeqCst), reports);
            assert_eq!(MAP.load(SeqCst), map.as_ptr().addr());
            // On s390x the offset is that of the page.
            assert!((3 * PAGE - 3..=3 * PAGE + 5).contains(&OFFSET.load(SeqCst)));
            other.set_len(4 * PAGE as u64).unwrap();
            map.restore().unwrap();
        }
    });
}

#[test]
fn a_map_is_restored_when_the_file_has_grown_back() {
    succeeds_in_child(|| {
        for offset in [0, 100, 5000] {
            let bytes = pattern(4 * PAGE);
            let file = TempFile::new(&bytes);
            let map = Options::new()
                .access(Access::Write)
                .offset(offset as u64)
                .repair(true)
                .open(file.path())
                .unwrap();
            let other = file.open();
            other.set_len(0).unwrap();
            assert_eq!(read_directly(&map, 0), 0);
            assert_eq!(read_directly(&map, 2 * PAGE), 0);
            assert!(matches!(map.restore(), Err(Error::Fault { offset: 0 })));
            assert_eq!(map.damage(), Some(0));
            file.open().write_all_at(&bytes, 0).unwrap();
            map.restore().unwrap();
            assert_eq!(map.damage(), None);
            assert_eq!(map.to_vec(..).unwrap(), bytes[offset..]);
            map.set(1, 0).unwrap();
            assert_eq!(file.read()[offset], 1, "the page is the page of the file again");
        }
    });
}

#[test]
fn a_private_map_keeps_its_changed_pages_when_it_is_restored() {
    succeeds_in_child(|| {
        let bytes = pattern(3 * PAGE);
        let file = TempFile::new(&bytes);
        let map = Options::new().access(Access::Copy).repair(true).open(file.path()).unwrap();
        map.set(99, 0).unwrap();
        let other = file.open();
        other.set_len(PAGE as u64).unwrap();
        assert_eq!(read_directly(&map, PAGE), 0);
        // Truncating to 0 would discard the private pages as well.
        other.set_len(3 * PAGE as u64).unwrap();
        other.write_all_at(&bytes[PAGE..], PAGE as u64).unwrap();
        map.restore().unwrap();
        assert_eq!((map.get(0).unwrap(), map.get(PAGE).unwrap()), (99, bytes[PAGE]));
    });
}

/// The control: without the repair the child is terminated.
#[test]
fn without_repair_external_code_is_terminated() {
    let child = output_of_child(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = file.map();
        file.set_len(0);
        read_directly(&map, 0);
    });
    assert!(
        child.status.signal().is_some_and(|signal| MISSING.contains(&signal)),
        "{}",
        child.status
    );
}

#[test]
fn a_write_to_a_read_only_map_is_not_repaired() {
    let child = output_of_child(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = Options::new().repair(true).open(file.path()).unwrap();
        // SAFETY: the page is read-only. The child is meant to be terminated here.
        unsafe { map.as_mut_ptr().write_volatile(1) };
    });
    assert!(
        child.status.signal().is_some_and(|signal| FORBIDDEN.contains(&signal)),
        "{}",
        child.status
    );
}

/// A wrong alignment is a SIGBUS, too, but its page is not missing. If the handler replaced it,
/// good bytes would be lost, and the instruction would fail again.
#[test]
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn a_wrong_alignment_is_not_repaired() {
    let child = output_of_child(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = repaired(&file);
        // In place of an endless loop.
        // SAFETY: `alarm` has no preconditions.
        unsafe { libc::alarm(5) };
        // Across a boundary of 16 bytes: within them some processors allow it.
        let at = map.as_ptr().wrapping_add(13);
        // SAFETY: eight bytes there are in the map. The child is meant to be terminated here.
        unsafe {
            std::arch::asm!("ldxr {value}, [{at}]", at = in(reg) at, value = out(reg) _);
        }
    });
    assert_eq!(child.status.signal(), Some(libc::SIGBUS), "{}", child.status);
}

#[test]
fn methods_of_the_map_report_faults_and_no_damage() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = repaired(&file);
        file.set_len(PAGE as u64);
        assert!(matches!(map.get(PAGE), Err(Error::Fault { offset: PAGE })));
        assert_eq!(map.damage(), None);
        assert_eq!(map.get(7).unwrap(), 7);
    });
}

#[test]
fn repair_follows_a_map_that_moves() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(PAGE));
        let map = repaired(&file);
        map.resize(100 * PAGE).unwrap();
        file.set_len(0);
        assert_eq!(read_directly(&map, 99 * PAGE), 0);
        assert_eq!(map.damage(), Some(99 * PAGE));
    });
}

#[test]
fn memory_without_a_file_is_not_repaired() {
    assert!(matches!(
        Options::new().len(PAGE).repair(true).anonymous(),
        Err(Error::Unsupported(_))
    ));
}

/// A cut was lost while a restoration cleared its record of the pages, so there are many pages.
#[test]
fn a_cut_during_a_restoration_is_recorded() {
    const PAGES: usize = 1 << 14;
    const LAST: usize = (PAGES - 1) * PAGE;
    succeeds_in_child(|| {
        let file = TempFile::sparse((PAGES * PAGE) as u64);
        let map = repaired(&file);
        for round in 1..=8 {
            file.set_len(0);
            assert!((0..PAGES).all(|page| read_directly(&map, page * PAGE) == 0));
            file.set_len((PAGES * PAGE) as u64);
            restore_beside_cuts(&map, &file, LAST, || read_directly(&map, LAST)).unwrap();
            if map.damage().is_some() {
                map.restore().unwrap();
            }
            map.set(round, LAST).unwrap();
            assert_eq!(file.read()[LAST], round, "a store does not reach the file");
        }
    });
}

/// The handler of another signal faults in the same map, on the thread that repairs or restores it.
/// If that thread did not block the signal, the handler would fault for ever.
///
/// The timer's signal interrupts any thread. On another thread the fault of its handler may be
/// resolved after the file has grown back, which `restore` reports. A forked child has one thread.
#[test]
fn a_signal_handler_faults_during_a_repair_on_its_thread() {
    const PAGES: usize = 64;
    const ENOUGH: usize = 5000;
    static BASE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn read_a_page(_: libc::c_int) {
        let page = CALLS.load(SeqCst) % PAGES;
        // SAFETY: the map outlives the timer. The test is about a missing page there.
        unsafe { BASE.load(SeqCst).wrapping_add(page * PAGE).read_volatile() };
        // The last call leaves the timer stopped. If the loop below stopped it, a call at that
        // instant could start it again.
        if CALLS.fetch_add(1, SeqCst) + 1 < ENOUGH {
            set_timer(100, 0);
        }
    }
    let child = Fork::run(|| {
        let file = TempFile::new(&pattern(PAGES * PAGE));
        let map = repaired(&file);
        BASE.store(map.as_mut_ptr(), SeqCst);
        // Three signal frames do not fit on the one that Rust gives to a thread.
        alternate_stack(Some(1 << 18));
        install_plain(libc::SIGALRM, read_a_page, libc::SA_RESTART);
        set_timer(100, 0);
        while CALLS.load(SeqCst) < ENOUGH {
            file.set_len(0);
            (0..PAGES).for_each(|page| assert_eq!(read_directly(&map, page * PAGE), 0));
            file.set_len((PAGES * PAGE) as u64);
            map.restore().unwrap();
        }
        0
    });
    // An emulated computer takes more than a minute.
    let status = child.unwrap().wait_timeout(Duration::from_secs(300)).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

/// Threads fault in some maps while others are created and dropped. The handler must not find a
/// dropped map in the list of maps.
#[test]
fn maps_are_created_and_dropped_while_threads_fault() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(8 * PAGE));
        let (stop, start) = (Stop::default(), Barrier::new(4));
        let fault = || {
            let own = TempFile::new(&pattern(4 * PAGE));
            let map = repaired(&own);
            own.set_len(0);
            assert!((0..4).all(|page| read_directly(&map, page * PAGE) == 0));
            assert_eq!(map.damage(), Some(0));
        };
        let create_and_drop = || {
            let maps: Vec<Map> = (0..200).map(|_| repaired(&file)).collect();
            assert!(maps.iter().all(|map| map.get(5).unwrap() == 5));
        };
        std::thread::scope(|scope| {
            for work in [&fault, &fault, &create_and_drop] as [&(dyn Fn() + Sync); 3] {
                scope.spawn(|| {
                    let _stop = stop.set_on_panic();
                    start.wait();
                    while !stop.is_set() {
                        work();
                    }
                });
            }
            start.wait();
            std::thread::sleep(Duration::from_millis(300));
            stop.set();
        });
    });
}

/// An anonymous page beside a map. The kernel merges it with zero pages that the repair maps there.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
struct Neighbour(*mut libc::c_void);

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
impl Neighbour {
    /// Maps the page at `at`, or returns `None` if something is mapped there.
    fn at(at: *const u8) -> Option<Neighbour> {
        let at = at.cast_mut().cast();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: `MAP_FIXED_NOREPLACE` replaces no mapping.
        let got = unsafe { libc::mmap(at, PAGE, protection, flags, -1, 0) };
        (got == at).then_some(Neighbour(at))
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
impl Drop for Neighbour {
    fn drop(&mut self) {
        // SAFETY: `at` mapped the page, and nothing refers to it.
        unsafe { libc::munmap(self.0, PAGE) };
    }
}

/// Damages every page of a map of more pages than the process may have mappings.
///
/// `more` mappings exist besides, because it matters whether one mapping is left at the end or
/// none.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn exhaust_mappings(pages: usize, more: usize) {
    let _more: Vec<Map> =
        (0..more).map(|_| Options::new().len(PAGE).anonymous().unwrap()).collect();
    let file = TempFile::new(b"");
    let other = file.open();
    other.set_len((pages * PAGE) as u64).unwrap();
    let map = repaired(&file);
    let ends = [map.as_ptr().wrapping_sub(PAGE), map.as_ptr().wrapping_add(pages * PAGE)];
    let neighbours = ends.map(Neighbour::at);
    assert!(neighbours.iter().any(Option::is_some), "no page can be mapped beside the map");
    other.set_len(0).unwrap();
    // The pages at both ends come first.
    let pages_in_order =
        [0, pages - 1].into_iter().chain((2..pages - 2).step_by(2)).chain((1..pages).step_by(2));
    // SAFETY: the function has no preconditions and returns the address of a variable of this
    // thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: `errno` is valid for writes by this thread.
    unsafe { errno.write(libc::EXFULL) };
    assert!(pages_in_order.map(|page| page * PAGE).all(|at| read_directly(&map, at) == 0));
    // SAFETY: `errno` is valid for reads by this thread.
    assert_eq!(unsafe { errno.read() }, libc::EXFULL, "the repair changed errno");
    other.set_len((pages * PAGE) as u64).unwrap();
    map.restore().unwrap();
    map.set(1, 0).unwrap();
    assert_eq!(map.get(0).unwrap(), 1);
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn repair_works_at_the_limit_of_mappings_beside_other_memory() {
    succeeds_in_child(|| {
        let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
        let pages = limit.trim().parse::<usize>().unwrap() + 1000;
        if pages > 200_000 {
            return println!("skipped: a limit of {pages} mappings is out of reach");
        }
        [0, 1].into_iter().for_each(|more| exhaust_mappings(pages, more));
    });
}
