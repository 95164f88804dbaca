//! Private and shared maps of files.
#![forbid(unsafe_code)]

use std::{fs::File, io::Write};

use safemap::{Access, Error, Map, Options, Sharing};
use safemap_testing::TempFile;

#[test]
fn a_private_map_for_reading_shows_the_file() {
    let file = TempFile::new(b"0123456789");
    let read_only = File::open(file.path()).unwrap();
    let map = Options::new().sharing(Sharing::Private).offset(3).map(&read_only).unwrap();
    assert_eq!((map.access(), map.sharing()), (Access::Read, Sharing::Private));
    assert_eq!(map.to_vec(..).unwrap(), b"3456789");
    assert!(matches!(map.set(1, 0), Err(Error::ReadOnly { .. })));
    assert!(matches!(map.resize(3), Err(Error::ReadOnly { .. })));
    map.flush().unwrap();
    map.sync_all().unwrap();
}

#[test]
fn a_private_map_for_reading_follows_its_file() {
    let file = TempFile::new(b"abc");
    let map = Options::new().sharing(Sharing::Private).open(file.path()).unwrap();
    let mut end = File::options().append(true).open(file.path()).unwrap();
    end.write_all(b"def").unwrap();
    assert_eq!(map.refresh().unwrap(), 6);
    assert_eq!(map.to_vec(..).unwrap(), b"abcdef");
}

#[test]
fn a_map_that_would_lose_its_writes_is_refused() {
    let file = TempFile::new(b"abc");
    let mut options = Options::new();
    options.access(Access::Write).sharing(Sharing::Private);
    for refused in [options.map(file.open()), options.open(file.path())] {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
        assert!(error.to_string().contains("Access::Copy"), "{error}");
    }
    // Memory has no file that could miss them.
    options.len(3).anonymous().unwrap().fill(1, ..).unwrap();
    assert_eq!(Map::open(file.path()).unwrap().to_vec(..).unwrap(), b"abc");
}

/// File systems such as FUSE with `direct_io` (`ENODEV`) or 9p without a cache (`EINVAL`).
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_map_for_reading_is_private_where_the_system_refuses_shared_ones() {
    use safemap::{Flags, Protection};
    use safemap_testing::{process::Fork, seccomp::forbid_shared_mappings};
    safemap_testing::succeeds_in_child(|| {
        let file = TempFile::new(b"abc");
        for number in [libc::ENODEV, libc::EINVAL, libc::EACCES] {
            let child = Fork::run(|| {
                if forbid_shared_mappings(number).is_err() {
                    println!("skipped: this system has no filters");
                    return 0;
                }
                let refused = |options: &Options| {
                    let error = options.open(file.path()).unwrap_err();
                    assert_eq!(error.raw_os_error(), Some(number), "{error}");
                };
                if number == libc::EACCES {
                    refused(&Options::new());
                    return 0;
                }
                let map = Map::open(file.path()).unwrap();
                assert_eq!((map.sharing(), map.get(2).unwrap()), (Sharing::Private, b'c'));
                map.refresh().unwrap();
                refused(Options::new().sharing(Sharing::Shared));
                refused(Options::new().exact_flags(Flags::SHARED));
                refused(Options::new().access(Access::Write));
                let protection = Protection::READ | Protection::WRITE;
                refused(Options::new().protection(protection));
                0
            });
            assert!(child.unwrap().wait().unwrap().success());
        }
    });
}
