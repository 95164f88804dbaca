//! The recipe for a last value: crashes of writers, and readers that are stopped beside them.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    io, iter,
    sync::atomic::fence,
    thread,
    time::{Duration, Instant},
};

use safemap::{
    Access, Map, Options,
    ipc::{Mutex, MutexGuard},
};
use safemap_testing::{TempFile, process::Fork, succeeds_in_child};

#[path = "../examples/last_value/recipe.rs"]
mod recipe;
#[path = "last_value/simulated.rs"]
mod simulated;

use recipe::{Writer, read};

fn new_file() -> TempFile {
    TempFile::new(&vec![0; recipe::LEN])
}

fn writable(file: &TempFile) -> Map {
    Options::new().access(Access::Write).open(file.path()).unwrap()
}

/// A value of its number, in as many bytes as the number says.
fn value(number: u64) -> Vec<u8> {
    iter::repeat_n(number.to_le_bytes(), number as usize % 128).flatten().collect()
}

/// Publishes values without end, each with the version for its number.
fn publish_all(map: &Map) -> io::Result<()> {
    let mut writer = Writer::new(map)?;
    let mut next = read(map, &mut vec![])? + 1;
    loop {
        assert_eq!(writer.publish(&value(next))?, next);
        next += 1;
    }
}

#[test]
fn writers_are_killed_beside_a_reader() {
    succeeds_in_child(|| {
        let file = new_file();
        let (map, mut bytes, mut last, mut published) = (file.map(), vec![], 0, 0);
        for round in 0..60 {
            let child = Fork::run(|| publish_all(&writable(&file)).is_err().into()).unwrap();
            let end = Instant::now() + Duration::from_micros(100 * (round % 20));
            let start = last;
            while Instant::now() < end || (last == start && round % 4 == 0) {
                assert!(end.elapsed() < Duration::from_secs(30), "nothing is published");
                let version = read(&map, &mut bytes).unwrap();
                assert!(version >= last && bytes == value(version));
                last = version;
            }
            child.kill().unwrap();
            published += u64::from(last > start);
        }
        assert!(published >= 15, "{published} writers have published");
    });
}

#[test]
fn a_writer_waits_for_the_one_before_it() {
    let file = new_file();
    let (map, other) = (writable(&file), writable(&file));
    let first = Writer::new(&map).unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| Writer::new(&other).unwrap().publish(b"second").unwrap());
        thread::sleep(Duration::from_millis(20));
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(second.join().unwrap(), 1);
    });
}

#[test]
fn what_cannot_be_published_or_read_is_an_error() {
    let file = new_file();
    let map = writable(&file);
    let mut value = vec![1];
    assert_eq!((read(&map, &mut value).unwrap(), &value[..]), (0, &b""[..]));
    let mut writer = Writer::new(&map).unwrap();
    let error = writer.publish(&[0; 1017]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(writer.publish(&[7; 1016]).unwrap(), 1);
    assert_eq!((read(&map, &mut value).unwrap(), &value[..]), (1, &[7; 1016][..]));
    // Each bit of the value, its length and its checksum.
    for at in 256 + 1024..256 + 2048 {
        map.set(map.get(at).unwrap() ^ 1 << (at % 8), at).unwrap();
        let error = read(&map, &mut value).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        map.set(map.get(at).unwrap() ^ 1 << (at % 8), at).unwrap();
    }
    assert_eq!(read(&map, &mut value).unwrap(), 1);
    file.set_len(0);
    assert!(read(&map, &mut value).is_err());
}
