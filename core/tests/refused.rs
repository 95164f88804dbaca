//! Resizes that the system refuses leave everything unchanged.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::{fs, thread};

use safemap::{Access, Advice, Error, Flags, Options, Protection};
use safemap_testing::{
    PAGE, Stop,
    memfd::{forbid_shrinking, memory_file},
};

#[test]
fn a_refused_shrink_disturbs_no_reader() {
    let file = memory_file(false).unwrap();
    file.set_len(4 * PAGE as u64).unwrap();
    forbid_shrinking(&file).unwrap();
    let map = Options::new().access(Access::Write).map(&file).unwrap();
    let stop = Stop::default();
    let failed = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                assert!(matches!(map.resize(PAGE), Err(Error::Os { call: "resize", .. })));
            }
        });
        let failed = (0..200_000).find_map(|_| map.get(4 * PAGE - 1).err());
        stop.set();
        failed
    });
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(map.len(), 4 * PAGE);
}

#[test]
fn a_refused_resize_of_private_memory_keeps_the_protections() {
    let map = Options::new().len(8 * PAGE).anonymous().unwrap();
    map.fill(7, ..).unwrap();
    map.protect(Protection::READ, PAGE..2 * PAGE).unwrap();
    map.protect(Protection::NONE, 2 * PAGE..3 * PAGE).unwrap();
    let guarded = map.advise(Advice::GuardInstall, 5 * PAGE..6 * PAGE);
    if guarded.is_err() {
        return println!("skipped: Linux before 6.13 has no guard pages");
    }
    let refused = map.resize(map.capacity() + 1).unwrap_err();
    assert!(matches!(refused, Error::Os { call: "resize", .. }), "{refused}");
    let writable: Vec<bool> = (0..8).map(|page| map.set(7, page * PAGE).is_ok()).collect();
    assert_eq!(writable, [true, false, false, true, true, false, true, true]);
    let readable: Vec<bool> = (0..8).map(|page| map.get(page * PAGE).is_ok()).collect();
    assert_eq!(readable, [true, true, false, true, true, false, true, true]);
}

#[test]
fn a_refused_resize_of_huge_pages_keeps_the_length_of_the_file() {
    let (Ok(file), Some(huge)) = (memory_file(true), huge_page_size()) else {
        return println!("skipped: no huge pages here");
    };
    file.set_len(huge as u64).unwrap();
    let mut options = Options::new();
    // The pool may be empty. No page of it is touched.
    options.access(Access::Write).flags(Flags::NORESERVE);
    let Ok(map) = options.map(&file) else { return println!("skipped: qemu maps none") };
    // The length is no multiple of the page size.
    map.resize(huge + 4096).unwrap_err();
    assert_eq!((map.len(), file.metadata().unwrap().len()), (huge, huge as u64));
    map.resize(2 * huge).unwrap();
    assert_eq!((map.len(), file.metadata().unwrap().len()), (2 * huge, 2 * huge as u64));
}

/// Returns the size of the default huge pages in bytes. It depends on the size of other pages.
fn huge_page_size() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let size = text.lines().find_map(|line| line.strip_prefix("Hugepagesize:"))?;
    let kib: usize = size.trim().strip_suffix(" kB")?.parse().unwrap();
    Some(kib << 10)
}
