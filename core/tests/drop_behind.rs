//! `Options::drop_behind`: forward reads of files that are larger than memory.
//!
//! With `SAFEMAP_LARGE=1` the files are larger than that of an ordinary run.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::{
    env, fs,
    io::Read,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use safemap::{Access, Cursor, Error, Map, Options};
use safemap_testing::{PAGE, Stop, TempFile, pattern, succeeds_in_child};

const MIB: usize = 1 << 20;

/// Lengths of the sparse file and of the file of lines, the distance, and the limit.
fn sizes() -> [usize; 4] {
    match env::var_os("SAFEMAP_LARGE") {
        Some(_) => [8192, 2048, 64, 200].map(|size| size * MIB),
        None => [256, 96, 16, 48].map(|size| size * MIB),
    }
}

/// Bytes of files that this process has mapped and present.
fn present() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    // Files of tmpfs count as shared memory.
    ["RssFile:", "RssShmem:"].map(|name| kilobytes(&status, name)).iter().sum::<usize>() * 1024
}

fn kilobytes(status: &str, name: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Returns by how much the bytes that are present increase at most during `work`.
fn most_present(work: impl FnOnce()) -> usize {
    let (start, most, stop) = (present(), AtomicUsize::new(0), Stop::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                most.fetch_max(present(), Relaxed);
            }
        });
        let _stop = stop.set_on_drop();
        work();
        most.fetch_max(present(), Relaxed);
    });
    most.into_inner().saturating_sub(start)
}

/// Runs `read` on a map with the setting, and on one without.
fn compare(name: &str, file: &TempFile, read: impl Fn(&Map)) {
    let [_, _, distance, limit] = sizes();
    let dropping = Options::new().drop_behind(distance).open(file.path()).unwrap();
    let most = most_present(|| read(&dropping));
    drop(dropping);
    // Mapped until its pages were counted, also if the thread that counts them does not run.
    let map = file.map();
    let control = most_present(|| read(&map));
    drop(map);
    println!("{name}: {} MiB, without the setting {} MiB", most / MIB, control / MIB);
    assert!(most < limit && control > limit, "{name}: {most} {control}");
}

#[test]
fn a_scan_of_a_sparse_file_occupies_little_memory() {
    succeeds_in_child(|| {
        let [len, ..] = sizes();
        let file = TempFile::sparse(len as u64);
        compare("find", &file, |map| assert_eq!(map.find(b"needle", ..).unwrap(), None));
        compare("find a byte", &file, |map| assert_eq!(map.find(b"x", ..).unwrap(), None));
        compare("count", &file, |map| assert_eq!(map.count(b"x", ..).unwrap(), 0));
        compare("chunks", &file, |map| {
            let mut chunks = map.chunks(MIB + 1);
            while chunks.next_chunk().unwrap().is_some() {}
        });
        compare("cursor", &file, |map| {
            let mut cursor = Cursor::range(map, 100..).unwrap();
            let mut buffer = vec![0; 100_000];
            while cursor.read(&mut buffer).unwrap() > 0 {}
        });
    });
}

#[test]
fn reading_lines_occupies_little_memory() {
    succeeds_in_child(|| {
        let [_, len, ..] = sizes();
        // Pieces end with a line.
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let block = [line.repeat(15), vec![b'y'; 1013], b"the needle\n".to_vec()].concat();
        let file = TempFile::repeated(&block, len);
        compare("lines", &file, |map| {
            let (mut lines, mut line) = (map.lines(), Vec::new());
            while lines.read_into(&mut line).unwrap() {}
        });
        compare("lines with a needle", &file, |map| {
            assert!(map.lines().containing(&[b"needle"]).numbered().count() > 1000);
        });
        compare("next_line", &file, |map| {
            let mut cursor = map.cursor();
            while !cursor.next_line().unwrap().is_empty() {}
        });
        // Each search begins behind a match, and ends with one.
        compare("find, again and again", &file, |map| {
            let mut at = 0;
            while let Some(found) = map.find(b"\n", at..).unwrap() {
                at = found + 1;
            }
        });
        compare("find_iter", &file, |map| {
            assert!(map.find_iter(b"needle", ..).count() > 1000);
        });
    });
}

#[test]
fn released_pages_keep_what_was_written() {
    let file = TempFile::new(&vec![1; 20 * MIB]);
    let map =
        Options::new().access(Access::Write).offset(7).drop_behind(0).open(file.path()).unwrap();
    let expected = pattern(20 * MIB - 7);
    map.write_at(&expected, 0).unwrap();
    let mut read = Vec::new();
    map.cursor().read_to_end(&mut read).unwrap();
    assert!(read == expected && map.to_vec(..).unwrap() == expected);
    assert!(file.read()[7..] == expected);
}

/// Matches at the borders of the parts into which a search is divided.
#[test]
fn searches_find_the_same_with_and_without_the_setting() {
    let file = TempFile::sparse(20 * MIB as u64);
    // Without zeros, as the file has.
    let needle: Vec<u8> = pattern(3 * PAGE).iter().map(|byte| byte + 1).collect();
    let map = file.map();
    let dropping = Options::new().drop_behind(MIB).open(file.path()).unwrap();
    let finds = |map: &Map, at: usize, to: usize| {
        let needle = &needle[..to];
        let found = map.find(needle, ..).unwrap() == Some(at);
        found
            && map.find(needle, at + 1..).unwrap().is_none()
            && map.count(needle, ..).unwrap() == 1
    };
    for part in [8 * MIB, 16 * MIB] {
        for len in [1, 2, 100, 3 * PAGE] {
            for at in [part - len - 1, part - len, part - len / 2, part - 1, part, 20 * MIB - len] {
                map.write_at(&needle[..len], at).unwrap();
                assert!(finds(&map, at, len) && finds(&dropping, at, len), "{len} bytes at {at}");
                map.fill(0, at..at + len).unwrap();
            }
        }
    }
}

#[test]
fn maps_that_would_lose_bytes_refuse() {
    let file = TempFile::new(b"abc");
    let mut options = Options::new();
    options.len(3).drop_behind(0);
    assert!(matches!(options.anonymous(), Err(Error::Unsupported(_))));
    assert!(matches!(
        options.clone().access(Access::Copy).open(file.path()),
        Err(Error::Unsupported(_))
    ));
    let locked = options.clone().lock(true).open(file.path()).unwrap_err();
    assert_eq!(locked.raw_os_error(), Some(libc::EINVAL));
    options.open(file.path()).unwrap();
}
