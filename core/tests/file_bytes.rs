//! `FileBytes`: the bytes of a file as a slice that does not change.
#![forbid(unsafe_code)]

use std::{
    borrow::Borrow,
    collections::HashSet,
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    sync::Arc,
    thread,
};

use safemap::{Backing, Error, FileBytes, Options};
use safemap_testing::{PAGE, Stop, TempFile, pattern};

/// More than a copy on the heap may have.
const LARGE: usize = (32 << 20) + 5;

#[test]
fn the_bytes_are_those_of_the_file() {
    for len in [0, 1, PAGE, 3 * PAGE + 7, 1 << 20, LARGE] {
        let expected = pattern(len);
        let file = TempFile::new(&expected);
        let bytes = FileBytes::open(file.path()).unwrap();
        let backing = if len == LARGE { Backing::Pages } else { Backing::Heap };
        assert!(*bytes == *expected);
        assert_eq!((bytes.len(), bytes.backing()), (len, backing));
    }
}

#[test]
fn a_part_of_a_file_can_be_selected() {
    let expected = pattern(3 * PAGE);
    let file = TempFile::new(&expected);
    let part = |offset, len| Options::new().offset(offset).len(len).bytes(file.path());
    assert_eq!(part(5, PAGE).unwrap()[..], expected[5..5 + PAGE]);
    assert_eq!(part(3 * PAGE as u64, 0).unwrap()[..], []);
    let rest = Options::new().offset(PAGE as u64 + 1).bytes(file.path()).unwrap();
    assert_eq!(rest[..], expected[PAGE + 1..]);
    let beyond = part(1, 3 * PAGE).unwrap_err();
    assert!(matches!(beyond, Error::BeyondFile { offset: 1, .. }), "{beyond}");
    assert!(matches!(part(u64::MAX, 1), Err(Error::BeyondFile { .. })));
}

#[test]
fn an_open_file_is_read_from_its_start_and_its_position_stays() {
    let file = TempFile::new(b"abcdef");
    let mut open = file.open();
    open.seek(SeekFrom::Start(3)).unwrap();
    assert_eq!(&FileBytes::from_file(&open).unwrap()[..], b"abcdef");
    if cfg!(unix) {
        assert_eq!(open.stream_position().unwrap(), 3);
    }
}

#[test]
fn the_bytes_stay_when_the_file_changes() {
    for len in [3 * PAGE, LARGE] {
        let expected = pattern(len);
        let file = TempFile::new(&expected);
        let bytes = FileBytes::open(file.path()).unwrap();
        fs::write(file.path(), "shorter").unwrap();
        assert!(*bytes == *expected);
    }
}

#[test]
fn a_file_that_is_cut_during_the_copy_gives_fewer_bytes_and_no_zeros() {
    let file = TempFile::new(&vec![b'x'; LARGE]);
    let stop = Stop::default();
    thread::scope(|scope| {
        let _stop = stop.set_on_drop();
        scope.spawn(|| {
            let mut open = file.open();
            while !stop.is_set() {
                open.set_len(PAGE as u64).unwrap();
                open.seek(SeekFrom::Start(PAGE as u64)).unwrap();
                open.write_all(&vec![b'x'; LARGE - PAGE]).unwrap();
            }
        });
        for _ in 0..20 {
            let bytes = FileBytes::open(file.path()).unwrap();
            assert!(bytes.iter().all(|&byte| byte == b'x'));
        }
    });
}

#[test]
fn parts_share_the_bytes_and_keep_them_alive() {
    let file = TempFile::new(b"key=value");
    let bytes = FileBytes::open(file.path()).unwrap();
    let value = bytes.slice(4..).unwrap();
    let clone = bytes.clone();
    assert_eq!(value.as_ptr(), bytes[4..].as_ptr());
    assert_eq!(clone.as_ptr(), bytes.as_ptr());
    drop((bytes, clone));
    assert_eq!(&value[..], b"value");
    assert_eq!(&value.slice(1..=2).unwrap()[..], b"al");
    let outside = value.slice(2..6).unwrap_err();
    assert_eq!(outside.to_string(), "slice: range 2..6 out of bounds for a map of 5 bytes");
}

#[test]
fn bytes_go_where_owners_of_bytes_go() {
    fn shared(bytes: FileBytes) -> Arc<dyn AsRef<[u8]> + Send + Sync> {
        Arc::new(bytes)
    }
    let file = TempFile::new(b"abcdef");
    let bytes = FileBytes::open(file.path()).unwrap();
    let from_owner = bytes::Bytes::from_owner(bytes.clone());
    assert_eq!(&from_owner.slice(2..)[..], b"cdef");
    let shared = shared(bytes.clone());
    let on_a_thread = thread::spawn(move || (*shared).as_ref().to_vec()).join().unwrap();
    assert_eq!(on_a_thread, b"abcdef");
    let borrowed: &[u8] = bytes.borrow();
    assert!(HashSet::from([borrowed]).contains(&b"abcdef"[..]));
}

#[test]
fn a_limit_refuses_longer_copies_with_the_reason() {
    let file = TempFile::new(b"abcdef");
    let with_limit = |limit| Options::new().copy_limit(limit).bytes(file.path());
    assert_eq!(&with_limit(6).unwrap()[..], b"abcdef");
    let refused = with_limit(5).unwrap_err();
    assert!(matches!(refused, Error::CopyLimit { len: 6, limit: 5, .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.starts_with("a copy of 6 bytes exceeds the limit of 5: the file "), "{text}");
    assert_eq!(&Options::new().copy_limit(1).len(1).bytes(file.path()).unwrap()[..], b"a");
    let empty = TempFile::new(b"");
    assert!(Options::new().copy_limit(0).bytes(empty.path()).unwrap().is_empty());
}

#[test]
fn a_missing_file_is_an_error() {
    let missing = FileBytes::open("/nowhere/at/all").unwrap_err();
    assert!(matches!(missing, Error::Os { call: "open", .. }), "{missing}");
}

#[cfg(target_os = "linux")]
#[test]
fn files_without_a_length_are_read_to_their_end() {
    for path in ["/proc/version", "/proc/self/status", "/proc/self/maps", "/dev/null"] {
        let bytes = FileBytes::open(path).unwrap();
        assert_eq!(bytes.is_empty(), path == "/dev/null", "{path}");
    }
    let version = fs::read("/proc/version").unwrap();
    assert_eq!(FileBytes::open("/proc/version").unwrap()[..], version);
    let part = Options::new().offset(6).len(7).bytes("/proc/version").unwrap();
    assert_eq!(part[..], version[6..13]);
    let long = Options::new().len(1 << 20).bytes("/proc/version").unwrap_err();
    assert!(matches!(long, Error::BeyondFile { .. }), "{long}");
    let zeros = Options::new().len(3 * PAGE).bytes("/dev/zero").unwrap();
    assert_eq!(zeros[..], [0; 3 * PAGE]);
    let endless = Options::new().copy_limit(100_000).bytes("/dev/zero").unwrap_err();
    assert!(matches!(endless, Error::CopyLimit { limit: 100_000, .. }), "{endless}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_length_that_no_address_space_has_is_too_long() {
    let file = safemap_testing::memfd::memory_file(false).unwrap();
    let len = 1 << 62;
    if let Err(error) = file.set_len(len) {
        return println!("skipped: {error}");
    }
    let long = FileBytes::from_file(&file).unwrap_err();
    let is_too_long = matches!(long, Error::TooLong { len: found, .. } if found == len);
    // The library knows no limit of other processors. On s390x all bits of an address are used, and
    // the system refuses the memory for the copy.
    let has_limit = cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "x86"));
    assert!(is_too_long || !has_limit, "{long}");
}

/// Such files report a length of one page.
#[cfg(target_os = "linux")]
#[test]
fn files_that_report_too_great_a_length_are_read_to_their_end() {
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let Ok(expected) = fs::read(path) else { return println!("skipped: no such file") };
    assert_eq!(FileBytes::open(path).unwrap()[..], expected);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_to_its_end() {
    let (reader, mut writer) = safemap_testing::pipe().unwrap();
    let expected = pattern(300_000);
    let to_write = expected.clone();
    let thread = thread::spawn(move || writer.write_all(&to_write).unwrap());
    let head = Options::new().len(1000).bytes_of(&reader).unwrap();
    let rest = FileBytes::from_file(&reader).unwrap();
    thread.join().unwrap();
    assert_eq!([&head[..], &rest[..]].concat(), expected);
    assert!(FileBytes::from_file(&reader).unwrap().is_empty());
    let with_offset = Options::new().offset(1).bytes_of(&reader).unwrap_err();
    assert!(matches!(with_offset, Error::Os { .. }), "{with_offset}");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let file = TempFile::new(b"abc");
    let writer = File::options().write(true).open(file.path()).unwrap();
    let refused = FileBytes::from_file(&writer).unwrap_err();
    assert!(matches!(refused, Error::Os { call: "bytes", .. }), "{refused}");
}

#[cfg(feature = "stable-deref")]
#[test]
fn the_bytes_have_a_stable_address() {
    fn address(bytes: impl stable_deref_trait::CloneStableDeref<Target = [u8]>) -> usize {
        bytes.as_ptr().addr()
    }
    let bytes = FileBytes::from_file(TempFile::new(b"abc").open()).unwrap();
    assert_eq!(address(bytes.clone()), bytes.as_ptr().addr());
}
