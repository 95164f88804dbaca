//! Files that the kernel makes when they are read: they have no length, or cannot be mapped.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::{
    fs::File,
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use safemap::{Access, Error, FileBytes, Flags, Map, Options, Snapshot};
use safemap_testing::TempFile;

/// It reports 4096 bytes, as all files of `/sys`.
const SYS: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

#[test]
fn a_file_that_hides_its_length_is_refused_with_advice() {
    let version = File::open("/proc/version").unwrap();
    let refused = [
        Map::open("/proc/version"),
        Options::new().map(&version),
        Options::new().len(5).map(&version),
        Options::new().offset(5).map(&version),
        Options::new().access(Access::Copy).map(&version),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
        assert!(error.to_string().contains("FileBytes::open"), "{error}");
    }
    assert!(!FileBytes::open("/proc/version").unwrap().is_empty());
}

#[test]
fn a_file_that_cannot_be_mapped_is_refused_with_advice() {
    let Ok(content) = std::fs::read(SYS) else { return println!("skipped: there is no {SYS}") };
    let error = Map::open(SYS).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{error}");
    assert!(error.to_string().contains("FileBytes::open"), "{error}");
    assert_eq!(FileBytes::open(SYS).unwrap()[..], content);
}

#[test]
fn an_ordinary_empty_file_is_an_empty_map() {
    let file = TempFile::new(b"");
    assert!(Map::open(file.path()).unwrap().is_empty());
    assert!(Options::new().len(0).open("/proc/version").unwrap().is_empty());
    // The file's own length counts, as for `mmap`.
    assert!(Options::new().exact_flags(Flags::SHARED).open("/proc/version").unwrap().is_empty());
    let one = Options::new().len(1).open(file.path());
    assert!(matches!(one, Err(Error::BeyondFile { file_len: 0, .. })), "{one:?}");
}

/// `mmap` itself reports ENODEV or EINVAL.
#[test]
fn a_directory_is_refused_as_such() {
    let refused = [
        Map::open("/").err(),
        Options::new().len(5).open("/").err(),
        Snapshot::open("/").err(),
        FileBytes::open("/").err(),
    ];
    for error in refused {
        assert_eq!(io::Error::from(error.unwrap()).kind(), io::ErrorKind::IsADirectory);
    }
}

#[test]
fn a_file_that_is_truncated_again_and_again_does_not_hide_its_length() {
    let file = TempFile::new(b"");
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Relaxed) {
                file.set_len(4096);
                file.set_len(0);
            }
        });
        let mut opened = (0..20_000).map(|_| Map::open(file.path()));
        let hidden = opened.find(|map| matches!(map, Err(Error::Unsupported(_))));
        is_done.store(true, Relaxed);
        assert!(hidden.is_none(), "{hidden:?}");
    });
}
