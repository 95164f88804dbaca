//! Maps whose file is cut, in child processes, which SIGBUS would terminate without the repair.
#![cfg(unix)]
#![allow(unsafe_code)] // The constructors of maps are unsafe.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use safemap_memmap2::{Mmap, MmapMut, MmapOptions, MmapRaw, safemap::on_damage};
use safemap_testing::{PAGE, TempFile, output_of_child, pattern, succeeds_in_child};

fn sum(bytes: &[u8]) -> usize {
    bytes.iter().map(|&byte| usize::from(byte)).sum()
}

/// Maps the file for writing.
fn writable(file: &TempFile) -> MmapMut {
    // SAFETY: no slice exists while the file changes.
    unsafe { MmapMut::map_mut(&file.open()).unwrap() }
}

#[test]
fn a_cut_file_reads_as_zeros_and_is_reported_once_on_standard_error() {
    let output = output_of_child(|| {
        let file = TempFile::new(&pattern(4 * PAGE));
        // SAFETY: as in `writable`.
        let map = unsafe { Mmap::map(&file.open()).unwrap() };
        file.open().set_len(PAGE as u64).unwrap();
        assert_eq!(sum(&map), sum(&pattern(PAGE)));
        assert_eq!(sum(&map), sum(&pattern(PAGE)));
    });
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches(&format!("is damaged: byte {PAGE} could not be read")).count(), 1);
}

#[test]
fn the_first_damage_of_each_map_is_reported_to_a_hook() {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    static MAP: AtomicUsize = AtomicUsize::new(0);
    let output = output_of_child(|| {
        // SAFETY: atomics are safe in a signal handler.
        let is_set = unsafe {
            on_damage(|damage| {
                REPORTS.fetch_add(1, SeqCst);
                MAP.store(damage.map, SeqCst);
            })
        };
        assert!(is_set);
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = MmapOptions::new().offset(1).map_raw(&file.open()).unwrap();
        let other = writable(&file);
        file.open().set_len(0).unwrap();
        assert_eq!(sum(&other), 0);
        assert_eq!((REPORTS.load(SeqCst), MAP.load(SeqCst)), (1, other.as_ptr().addr()));
        for at in [PAGE, 0] {
            // SAFETY: `at` is in the map.
            unsafe { map.as_mut_ptr().wrapping_add(at).write_volatile(1) };
        }
        assert_eq!((REPORTS.load(SeqCst), MAP.load(SeqCst)), (2, map.as_ptr().addr()));
    });
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("is damaged"), "{text}");
}

#[test]
fn every_flush_of_a_damaged_map_is_an_error() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = writable(&file);
        map.flush().unwrap();
        file.open().set_len(0).unwrap();
        map.flush_range(0, 1).unwrap();
        assert_eq!(map[PAGE], 0);
        let check = |map: &MmapMut| {
            for flushed in [
                map.flush(),
                map.flush_async(),
                map.flush_range(0, 1),
                map.flush_async_range(PAGE, 1),
            ] {
                assert!(flushed.unwrap_err().to_string().contains("was replaced with zero"));
            }
        };
        check(&map);
        let mut map = map.make_read_only().unwrap().make_mut().unwrap();
        map[PAGE] = 1;
        check(&map);
        MmapRaw::from(map).flush().unwrap_err();
    });
}

#[test]
fn a_map_that_became_writable_is_written_to_after_its_file_was_cut() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let open = file.open();
        // SAFETY: as in `writable`.
        let map = unsafe { MmapOptions::new().offset(3).map(&open).unwrap() };
        let mut map = map.make_mut().unwrap();
        map[0] = 77;
        map.flush().unwrap();
        assert_eq!(file.read()[3], 77);
        open.set_len(0).unwrap();
        map[PAGE] = 1;
        assert_eq!((map[PAGE - 1], map[PAGE]), (0, 1));
    });
}
