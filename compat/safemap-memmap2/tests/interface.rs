//! What the tests of memmap2 do not examine.
#![allow(unsafe_code)] // The constructors of maps are unsafe.

use std::{
    fs::File,
    panic::{RefUnwindSafe, UnwindSafe},
};

use safemap_memmap2::{Mmap, MmapMut, MmapOptions, MmapRaw};

fn has_the_traits_of_memmap2<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

#[test]
fn maps_have_the_automatic_traits_of_those_of_memmap2() {
    has_the_traits_of_memmap2::<Mmap>();
    has_the_traits_of_memmap2::<MmapMut>();
    has_the_traits_of_memmap2::<MmapRaw>();
}

#[test]
fn errors_have_the_code_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("file")).unwrap();
    file.set_len(10).unwrap();
    // SAFETY: the map cannot be made.
    let refused = unsafe { Mmap::map(&file) };
    assert!(refused.unwrap_err().raw_os_error().is_some());
}

#[test]
fn ranges_that_overflow_are_errors() {
    let map = MmapMut::map_anon(10).unwrap();
    map.flush_range(5, 5).unwrap();
    map.flush_range(5, 6).unwrap_err();
    map.flush_range(5, usize::MAX).unwrap_err();
    MmapOptions::new().len(isize::MAX as usize + 1).map_anon().unwrap_err();
}

#[test]
#[cfg(unix)]
fn numbers_that_are_no_descriptors_are_errors() {
    MmapOptions::new().map_raw(-1).unwrap_err();
    MmapOptions::new().map_raw(i32::MAX).unwrap_err();
    assert!(!Mmap::map_if_safe(i32::MAX).unwrap_err().map_failed());
}

#[test]
#[cfg(target_os = "linux")]
fn maps_keep_no_descriptor() {
    let file = File::open("Cargo.toml").unwrap();
    let links = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let paths = links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
        paths.filter(|path| path.ends_with("safemap-memmap2/Cargo.toml")).count()
    };
    let before = links();
    // SAFETY: no process changes the manifest while this test runs.
    let map = unsafe { Mmap::map(&file).unwrap() };
    assert_eq!((links(), &map[..9]), (before, &b"[package]"[..]));
}
