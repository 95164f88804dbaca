//! `Map::refresh`: maps that follow the length of their file.
#![forbid(unsafe_code)]

use std::{fs::File, io::Write, thread};

use safemap::{Access, Error, Flags, Map, Options, Sharing};
use safemap_testing::{PAGE, Stop, TempFile, can_truncate_mapped, pattern};

fn append(file: &TempFile, bytes: &[u8]) {
    let mut open = File::options().append(true).open(file.path()).unwrap();
    open.write_all(bytes).unwrap();
}

#[test]
fn a_read_only_map_follows_a_file_that_grows() {
    let expected = pattern(100 * PAGE);
    let file = TempFile::new(&expected[..5]);
    let map = Map::open(file.path()).unwrap();
    assert_eq!(map.refresh().unwrap(), 5);
    for end in [6, PAGE, PAGE + 1, 20 * PAGE, 100 * PAGE] {
        append(&file, &expected[map.len()..end]);
        assert!(map.len() < end);
        assert_eq!((map.refresh().unwrap(), map.len()), (end, end));
        assert!(map.to_vec(..).unwrap() == expected[..end]);
    }
    assert_eq!(file.read().len(), 100 * PAGE);
}

#[test]
fn a_map_of_an_empty_file_follows_it() {
    let file = TempFile::new(b"");
    let map = Map::open(file.path()).unwrap();
    append(&file, b"abc");
    assert_eq!(map.refresh().unwrap(), 3);
    assert_eq!(map.to_vec(..).unwrap(), b"abc");
}

#[test]
fn a_map_follows_a_file_that_shrinks() {
    if !can_truncate_mapped() {
        return println!("skipped: a mapped file cannot be truncated here");
    }
    let expected = pattern(3 * PAGE);
    let file = TempFile::new(&expected);
    let map = Options::new().offset(10).open(file.path()).unwrap();
    file.set_len(PAGE as u64);
    assert_eq!(map.refresh().unwrap(), PAGE - 10);
    assert_eq!(map.to_vec(..).unwrap(), expected[10..PAGE]);
    assert!(matches!(map.get(PAGE - 10), Err(Error::OutOfBounds { .. })));
    file.set_len(3);
    assert_eq!(map.refresh().unwrap(), 0);
    append(&file, &[7; 10]);
    assert_eq!(map.refresh().unwrap(), 3);
    assert_eq!(map.to_vec(..).unwrap(), [7; 3]);
}

#[test]
fn a_writable_map_follows_too_and_does_not_touch_the_file() {
    let file = TempFile::new(b"abc");
    let map = Options::new().access(Access::Write).open(file.path()).unwrap();
    append(&file, &[b'x'; PAGE]);
    assert_eq!(map.refresh().unwrap(), PAGE + 3);
    map.set(b'y', PAGE + 2).unwrap();
    assert_eq!((file.read().len(), file.read()[PAGE + 2]), (PAGE + 3, b'y'));
}

#[test]
fn a_private_map_for_reading_follows() {
    let file = TempFile::new(b"abc");
    let map = Options::new().exact_flags(Flags::PRIVATE).open(file.path()).unwrap();
    assert_eq!((map.access(), map.sharing()), (Access::Read, Sharing::Private));
    append(&file, &[b'x'; PAGE]);
    assert_eq!(map.refresh().unwrap(), PAGE + 3);
    assert_eq!(map.get(PAGE + 2).unwrap(), b'x');
}

#[test]
fn maps_that_do_not_follow_refuse() {
    let file = TempFile::new(b"abcdef");
    let refused = |options: &Options| options.open(file.path()).unwrap().refresh().unwrap_err();
    let with_len = refused(Options::new().len(3));
    assert!(with_len.to_string().contains("with a length"), "{with_len}");
    let private = refused(Options::new().access(Access::Copy));
    assert!(private.to_string().contains("a private map"), "{private}");
    let untracked = refused(Options::new().untracked(true));
    assert!(matches!(untracked, Error::NoFile { call: "refresh" }));
    let memory = Options::new().len(3).anonymous().unwrap().refresh();
    assert!(matches!(memory, Err(Error::Unsupported(_))));
}

#[test]
fn readers_continue_during_a_refresh() {
    let file = TempFile::new(&[b'x'; 10]);
    let map = Map::open(file.path()).unwrap();
    let stop = Stop::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.is_set() {
                    let len = map.len();
                    assert_eq!(map.get(len - 1).unwrap(), b'x');
                    assert!(map.to_vec(..).unwrap().iter().all(|&byte| byte == b'x'));
                }
            });
        }
        let _stop = stop.set_on_drop();
        for _ in 0..200 {
            append(&file, &[b'x'; 3 * PAGE]);
            map.refresh().unwrap();
        }
    });
    assert_eq!(map.len(), 10 + 600 * PAGE);
}
