//! Features that only Linux has: flags, advice, names of memory, `/dev/zero`.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    io::Read,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use safemap::{Access, Advice, Error, Flags, Map, Options, Protection, Sharing, page_size};
use safemap_testing::{
    PAGE, Stalled, Stop, TempFile,
    memfd::memory_file,
    output_of_child, pattern,
    process::{drop_root_rights, limit_file_size_with_signal},
    succeeds_in_child,
};

#[test]
fn flags_are_added_to_the_implied_ones() {
    let file = TempFile::new(b"abc");
    let more = Options::new().flags(Flags::POPULATE | Flags::NORESERVE).open(file.path()).unwrap();
    assert_eq!(more.get(2).unwrap(), b'c');
    let stack = Options::new().len(PAGE).flags(Flags::STACK | Flags::LOCKED).anonymous().unwrap();
    stack.set(1, 0).unwrap();
}

/// Advice that waits for storage holds the lock of the regions.
#[test]
fn a_call_that_faults_does_not_wait_for_advice_on_another_thread() {
    succeeds_in_child(|| {
        let map = Options::new().len(8 * PAGE).anonymous().unwrap();
        map.set(5, 0).unwrap();
        map.protect(Protection::NONE, PAGE..2 * PAGE).unwrap();
        let Ok(stalled) = Stalled::new(map.as_ptr().wrapping_add(2 * PAGE), 6 * PAGE) else {
            return println!("skipped: this process may not use userfaultfd");
        };
        thread::scope(|scope| {
            scope.spawn(|| map.advise(Advice::PopulateRead, 2 * PAGE..).unwrap());
            stalled.wait_for_call();
            let (returned, has_returned) = mpsc::channel();
            scope.spawn(move || {
                // Ends the advice, and thereby a call that waits for it.
                let in_time = has_returned.recv_timeout(Duration::from_secs(5));
                drop(stalled);
                in_time.expect("the call waited for the advice");
            });
            assert!(matches!(map.get(PAGE), Err(Error::Fault { offset: PAGE })));
            let _ = returned.send(());
        });
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_map_can_be_requested_in_the_lowest_two_gibibytes() {
    let map = Options::new().len(PAGE).flags(Flags::LOW_32BIT).anonymous().unwrap();
    assert!(map.as_ptr().addr() < 1 << 31);
}

#[test]
fn a_device_of_zeros_is_mapped_with_the_given_length() {
    let zero = File::options().read(true).write(true).open("/dev/zero").unwrap();
    let map = Options::new().access(Access::Copy).len(PAGE).map(&zero).unwrap();
    assert_eq!(map.get(0).unwrap(), 0);
    assert!(matches!(map.verify(), Err(Error::Unsupported(_))));
}

#[test]
fn advice_of_linux_is_accepted_and_changes_no_bytes() {
    let bytes = pattern(3 * PAGE + 5);
    let file = TempFile::new(&bytes);
    let map = file.map();
    for range in [0..bytes.len(), 17..5000, 17..17] {
        for advice in [Advice::DontDump, Advice::DoDump, Advice::DontFork, Advice::DoFork] {
            map.advise(advice, range.clone()).unwrap();
        }
    }
    for advice in [Advice::PopulateRead, Advice::PopulateWrite, Advice::Cold, Advice::PageOut] {
        // Older kernels do not have it.
        if let Err(error) = map.advise(advice, ..) {
            assert!(matches!(error, Error::Os { call: "advise", .. }), "{error}");
        }
    }
    assert_eq!(map.to_vec(..).unwrap(), bytes);
}

#[test]
fn advice_that_discards_bytes_keeps_those_around_the_range() {
    let page = page_size();
    let map = Options::new().len(4 * page).anonymous().unwrap();
    map.fill(7, ..).unwrap();
    map.advise(Advice::DontNeed, 1..2 * page + 1).unwrap();
    let kept: Vec<usize> = (0..4 * page).filter(|&at| map.get(at).unwrap() == 7).collect();
    let expected: Vec<usize> = (0..page).chain(2 * page..4 * page).collect();
    assert_eq!(kept, expected);
    map.advise(Advice::DontNeed, 2 * page..).unwrap();
    assert_eq!(map.get(4 * page - 1).unwrap(), 0);
}

#[test]
fn a_hole_in_the_file_reads_as_zeros() {
    let file = TempFile::new(&pattern(4 * PAGE));
    let map = file.map();
    match map.advise(Advice::Remove, PAGE..2 * PAGE) {
        Ok(()) => assert_eq!(file.read()[PAGE..2 * PAGE], [0; PAGE]),
        // Some file systems cannot punch holes.
        Err(error) => assert!(matches!(error, Error::Os { .. }), "{error}"),
    }
}

/// Offset and length of a map of the four pages of a file, and the range in it that is removed.
const REMOVED: [(usize, usize, std::ops::Range<usize>); 7] = [
    (0, 100, 0..100),
    (0, 100, 20..50),
    (0, 2 * PAGE + 100, 50..2 * PAGE + 100),
    (0, 4 * PAGE, PAGE - 1..PAGE + 1),
    (0, 4 * PAGE, 10..4 * PAGE - 10),
    (300, 3 * PAGE, 5..2 * PAGE),
    (300, 100, 0..100),
];

#[test]
fn removing_a_range_sets_exactly_its_bytes_to_zero() {
    for (offset, len, range) in REMOVED {
        let mut bytes = vec![7; 4 * PAGE];
        let file = TempFile::new(&bytes);
        let mut options = Options::new();
        options.access(Access::Write).offset(offset as u64).len(len);
        let map = options.open(file.path()).unwrap();
        match map.advise(Advice::Remove, range.clone()) {
            Ok(()) => bytes[offset + range.start..offset + range.end].fill(0),
            // Some file systems cannot punch holes.
            Err(error) => assert!(matches!(error, Error::Os { .. }), "{error}"),
        }
        assert!(file.read() == bytes, "{offset} {len} {range:?}");
    }
}

#[test]
fn bytes_of_maps_that_cannot_change_their_file_are_not_removed() {
    let file = TempFile::new(&[7; 2 * PAGE]);
    for range in [0..2 * PAGE, 0..100, PAGE..2 * PAGE, 0..0] {
        // The descriptor is open for writing, so that the kernel would free the pages.
        let map = Options::new().map(file.open()).unwrap();
        for advice in [Advice::Remove, Advice::Other(9)] {
            let refused = map.advise(advice, range.clone()).unwrap_err();
            assert!(matches!(refused, Error::ReadOnly { call: "advise" }), "{refused}");
        }
        assert_eq!(file.read(), [7; 2 * PAGE]);
    }
    for range in [0..2 * PAGE, 0..100] {
        let map = Options::new().access(Access::Copy).map(file.open()).unwrap();
        let refused = map.advise(Advice::Remove, range).unwrap_err();
        assert!(matches!(refused, Error::Os { call: "advise", .. }), "{refused}");
        assert_eq!(map.to_vec(..).unwrap(), [7; 2 * PAGE]);
    }
    assert_eq!(file.read(), [7; 2 * PAGE]);
}

/// Expects that no byte is removed from ranges with bytes of the third page.
fn assert_third_page_is_kept(map: &Map, file: &TempFile) {
    for range in [0..4 * PAGE, 10..4 * PAGE, PAGE..3 * PAGE, 2 * PAGE + 5..2 * PAGE + 9] {
        let refused = map.advise(Advice::Remove, range.clone()).unwrap_err();
        let first = range.start.max(2 * PAGE);
        assert!(matches!(refused, Error::Fault { offset } if offset == first), "{refused}");
        assert_eq!(file.read(), [7; 4 * PAGE]);
    }
}

#[test]
fn bytes_of_pages_that_forbid_writing_are_not_removed() {
    let file = TempFile::new(&[7; 4 * PAGE]);
    let map = file.map();
    let all = Protection::READ | Protection::WRITE;
    for protection in [Protection::READ, Protection::NONE] {
        map.protect(protection, 2 * PAGE..3 * PAGE).unwrap();
        assert_third_page_is_kept(&map, &file);
        map.protect(all, ..).unwrap();
    }
    let mut options = Options::new();
    options.access(Access::Write).protection(Protection::READ);
    let protected = options.map(file.open()).unwrap();
    protected.protect(all, ..2 * PAGE).unwrap();
    assert_third_page_is_kept(&protected, &file);
    map.advise(Advice::Remove, PAGE..).unwrap();
    assert_eq!(file.read()[PAGE..], [0; 3 * PAGE]);
}

#[test]
fn bytes_of_guard_pages_are_not_removed() {
    let file = TempFile::new(&[7; 4 * PAGE]);
    let map = file.map();
    if map.advise(Advice::GuardInstall, 2 * PAGE..3 * PAGE).is_err() {
        return println!("skipped: before Linux 6.15 files have no guards");
    }
    assert_third_page_is_kept(&map, &file);
    map.advise(Advice::GuardRemove, 2 * PAGE..3 * PAGE).unwrap();
    map.advise(Advice::Remove, PAGE..).unwrap();
    assert_eq!(file.read()[PAGE..], [0; 3 * PAGE]);
}

#[test]
fn a_map_that_moves_can_remove_bytes_that_were_protected() {
    let file = TempFile::new(&[7; 4 * PAGE]);
    let map = file.map();
    map.protect(Protection::READ, ..).unwrap();
    while map.advise(Advice::Remove, 2 * PAGE..3 * PAGE).is_err() {
        map.resize(2 * map.len()).unwrap();
        assert!((map.len() as u64) < 1 << 32, "the map did not move");
    }
    assert_eq!(file.read()[2 * PAGE..3 * PAGE], [0; PAGE]);
}

#[test]
fn advice_has_the_numbers_of_the_kernel() {
    for number in 0..200 {
        let advice = Advice::from_raw(number);
        assert_eq!(advice.to_raw(), Some(number));
    }
    assert_eq!(Advice::from_raw(4), Advice::DontNeed);
    assert_eq!(Advice::from_raw(23), Advice::PopulateWrite);
    assert_eq!(Advice::from_raw(199), Advice::Other(199));
}

#[test]
fn anonymous_memory_can_have_a_name() {
    let map = Options::new().len(PAGE).sharing(Sharing::Private).anonymous().unwrap();
    match map.set_name("safemap test") {
        Ok(()) => assert!(
            std::fs::read_to_string("/proc/self/maps").unwrap().contains("[anon:safemap test]")
        ),
        // A kernel may be built without CONFIG_ANON_VMA_NAME.
        Err(error) => assert!(matches!(error, Error::Os { call: "set_name", .. }), "{error}"),
    }
    assert!(matches!(map.set_name("zero\0byte"), Err(Error::Unsupported(_))));
    let file = TempFile::new(b"abc");
    assert!(matches!(Map::open(file.path()).unwrap().set_name("x"), Err(Error::Unsupported(_))));
}

#[test]
fn residency_is_an_error_if_the_kernel_does_not_report_it() {
    succeeds_in_child(|| {
        let file = TempFile::sparse(1 << 20);
        let (map, untracked) =
            (file.map(), Options::new().untracked(true).open(file.path()).unwrap());
        // No page of a new sparse file is in memory.
        assert!(map.residency(..).unwrap().iter().all(|&is_resident| !is_resident));
        untracked.residency(..).unwrap();
        map.to_vec(..).unwrap();
        // The control: all pages are in memory, and the kernel says so.
        assert!(map.residency(..).unwrap().iter().all(|&is_resident| is_resident));
        assert_eq!(map.residency(7..7).unwrap(), []);
        map.advise(Advice::DontNeed, ..).unwrap();
        assert!(matches!(untracked.residency(..), Err(Error::NoFile { call: "residency" })));
        if !drop_root_rights() {
            return println!("skipped: the test needs root, to give up its rights");
        }
        assert!(
            matches!(map.residency(..), Err(Error::Unsupported(_))),
            "the file of another user"
        );
        assert!(matches!(map.residency(5..6), Err(Error::Unsupported(_))));
        assert_eq!(map.residency(7..7).unwrap(), []);
        let own = TempFile::sparse(page_size() as u64);
        assert_eq!(own.map().residency(..).unwrap(), [false]);
        let memory = Options::new().len(page_size()).anonymous().unwrap();
        memory.set(1, 0).unwrap();
        assert_eq!(memory.residency(..).unwrap(), [true]);
    });
}

/// Rust programs do not ignore SIGXFSZ, unlike Python.
#[test]
fn a_resize_beyond_the_limit_of_file_sizes_is_an_error() {
    succeeds_in_child(|| {
        limit_file_size_with_signal(1 << 20);
        let file = TempFile::new(b"0123456789");
        let allocating =
            Options::new().access(Access::Write).allocate(true).open(file.path()).unwrap();
        for map in [file.map(), allocating] {
            let refused = map.resize(1 << 30).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(27), "{refused}"); // EFBIG
            assert_eq!((map.len(), file.file_len()), (10, 10));
        }
    });
}

#[test]
fn after_a_refused_resize_calls_of_the_program_raise_the_signal_of_the_limit() {
    let output = output_of_child(|| {
        limit_file_size_with_signal(1 << 20);
        let file = TempFile::new(b"0123456789");
        file.map().resize(1 << 30).unwrap_err();
        let _ = File::options().write(true).open(file.path()).unwrap().set_len(1 << 30);
    });
    assert_eq!(output.status.signal(), Some(25)); // SIGXFSZ
}

/// The journal of the commit would be too long.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_commit_beyond_the_limit_of_file_sizes_raises_no_signal() {
    let output = output_of_child(|| {
        limit_file_size_with_signal(140_000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        // Whole pages of any size: qemu's user-mode emulator rolls no part of one back.
        fs::write(&path, [0; 1 << 17]).unwrap();
        let map = Options::new().access(Access::Write).transactional(true).open(&path).unwrap();
        map.write_at(&[1; 1 << 17], 0).unwrap();
        let refused = map.commit().unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(27), "{refused}"); // EFBIG
        map.rollback().unwrap();
        map.set(1, 9).unwrap();
        map.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap().iter().sum::<u8>(), 1);
        eprintln!("committed");
        let _ = File::options().write(true).open(&path).unwrap().set_len(1 << 30);
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("committed"), "{error}");
    assert_eq!(output.status.signal(), Some(25), "{error}"); // SIGXFSZ
}

/// The block device that shows a file. It is detached on drop.
struct LoopDevice(String);

impl LoopDevice {
    /// Returns `None` if this process may not attach one.
    fn new(file: &Path) -> Option<LoopDevice> {
        let output = Command::new("losetup").args(["--find", "--show"]).arg(file).output().ok()?;
        let name = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        output.status.success().then_some(LoopDevice(name))
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
fn mapping_a_block_device_does_not_move_its_file_position() {
    const COUNT: u64 = 1 << 19;
    let numbers: Vec<u8> = (0..COUNT).flat_map(u64::to_le_bytes).collect();
    let file = TempFile::new(&numbers);
    let Some(device) = LoopDevice::new(file.path()) else {
        return println!("skipped: no loop device can be attached here");
    };
    let device = File::open(&device.0).unwrap();
    let stop = Stop::default();
    let wrong = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                assert_eq!(Options::new().map(&device).unwrap().len(), numbers.len());
            }
        });
        let mut bytes = [0; 8];
        let wrong = (0..COUNT).find(|&number| {
            let read = (&device).read(&mut bytes).unwrap();
            (read, u64::from_le_bytes(bytes)) != (8, number)
        });
        stop.set();
        wrong
    });
    assert_eq!(wrong, None);
}

/// The table of new bytes in `Map::resize`: tmpfs does not clear the rest of the last page.
#[test]
fn a_file_on_tmpfs_grows_by_bytes_that_another_map_stored_behind_its_end() {
    let (file, page) = (memory_file(false).unwrap(), page_size());
    file.set_len(page as u64).unwrap();
    let [map, other] = [(); 2].map(|()| Options::new().access(Access::Write).map(&file).unwrap());
    map.fill(1, ..).unwrap();
    map.resize(100).unwrap();
    assert_eq!(other.to_vec(100..).unwrap(), vec![0; page - 100]);
    other.write_at(b"stored behind the end", 200).unwrap();
    map.resize(page).unwrap();
    let found = map.to_vec(200..221).unwrap();
    if found == [0; 21] {
        return println!("skipped: this version of Linux clears the rest of the page");
    }
    assert_eq!(found, b"stored behind the end");
    assert_eq!(map.get(100).unwrap(), 0);
    // Pages that end before the map are cut with their bytes.
    map.resize(0).unwrap();
    map.resize(page).unwrap();
    assert_eq!(map.to_vec(..).unwrap(), vec![0; page]);
}

#[test]
fn remapping_changes_the_length_of_a_map_and_not_of_its_file() {
    let bytes = pattern(8 * PAGE);
    let file = TempFile::new(&bytes);
    for is_tracked in [true, false] {
        let mut options = Options::new();
        let mut map = options.offset(7).len(100).untracked(!is_tracked).open(file.path()).unwrap();
        for len in [3 * PAGE, 8 * PAGE - 7, 5, PAGE] {
            map.remap(len, true).unwrap();
            assert_eq!(map.to_vec(..).unwrap(), &bytes[7..][..len]);
        }
        map.remap(9 * PAGE, true).unwrap();
        assert!(matches!(map.get(8 * PAGE), Err(Error::Fault { .. })));
        assert_eq!(file.file_len(), 8 * PAGE as u64);
    }
}

#[test]
fn a_remapped_map_records_the_protection_of_its_pages() {
    let file = TempFile::new(&pattern(4 * PAGE));
    let mut map = Options::new().access(Access::Write).len(3 * PAGE).open(file.path()).unwrap();
    let (last, new) = (2 * PAGE..3 * PAGE, 3 * PAGE..4 * PAGE);
    map.protect(Protection::READ, last.clone()).unwrap();
    map.advise(Advice::Remove, last.clone()).unwrap_err();
    map.remap(2 * PAGE, true).unwrap();
    map.remap(4 * PAGE, true).unwrap();
    map.advise(Advice::Remove, last).unwrap();
    map.protect(Protection::READ, ..).unwrap();
    map.remap(3 * PAGE, true).unwrap();
    map.remap(4 * PAGE, true).unwrap();
    map.advise(Advice::Remove, new).unwrap_err();
}

#[test]
fn a_refused_remapping_leaves_the_map() {
    let mut map = Options::new().len(PAGE).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    let large = usize::try_from(1_u64 << 40).unwrap_or(1 << 30);
    let refused = map.remap(large, false);
    assert!(matches!(refused, Err(Error::Os { call: "remap", .. })), "{refused:?}");
    assert!(matches!(map.remap(usize::MAX, true), Err(Error::TooLong { .. })));
    assert_eq!(map.to_vec(..).unwrap(), [1; PAGE]);
    let mut empty = Options::new().len(0).anonymous().unwrap();
    assert!(matches!(empty.remap(PAGE, true), Err(Error::Unsupported(_))));
}

#[test]
fn remapped_private_memory_grows_by_zeros() {
    let mut map = Options::new().len(3 * PAGE).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    map.resize(2 * PAGE).unwrap();
    map.remap(PAGE / 2, true).unwrap();
    map.remap(3 * PAGE, true).unwrap();
    let mut expected = vec![0; 3 * PAGE];
    expected[..PAGE / 2].fill(1);
    assert_eq!(map.to_vec(..).unwrap(), expected);
    map.resize(5 * PAGE).unwrap();
    assert_eq!(map.to_vec(3 * PAGE..).unwrap(), [0; 2 * PAGE]);
}
