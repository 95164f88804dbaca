//! Transactional maps whose device fails when a record may be durable. Every call but `close` is an
//! error then, and the next opening decides.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]
#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::Ordering::SeqCst,
    time::Duration,
};

use libc::{EIO, SYS_fdatasync, SYS_pwrite64, c_int, c_long};
use safemap::{Access, Advice, Error, Map, Options, Result};
use safemap_testing::{
    HAS_WORDS, PAGE,
    process::Fork,
    seccomp::{Forbidden, filters_exist, forbid, forbid_for},
    succeeds_in_child,
};
use tempfile::TempDir;

const OLD: [u8; 3 * PAGE] = [1; 3 * PAGE];

/// How a map comes to be in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The record may be on the disk, or not: neither it nor a new header can be synced.
    Sync,
    /// The record is on the disk, but not in the file.
    Application,
    /// The record is on the disk and in the page cache of the file, which cannot be synced.
    Checkpoint,
}

use Failure::{Application, Checkpoint, Sync};

struct Folder(TempDir);

impl Folder {
    fn path(&self) -> PathBuf {
        self.0.path().join("file")
    }

    fn read(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }
}

fn open(path: &Path) -> Result<Map> {
    Options::new().access(Access::Write).transactional(true).open(path)
}

/// What the file has after the commit.
fn new() -> Vec<u8> {
    let mut new = OLD.to_vec();
    new[5..8].copy_from_slice(b"abc");
    new[2 * PAGE] = 7;
    new.extend(b"more");
    new
}

fn change(map: &Map) {
    map.write_at(b"abc", 5).unwrap();
    map.set(7, 2 * PAGE).unwrap();
    map.append(b"more").unwrap();
}

/// The descriptors of this process that refer to the file.
fn descriptors_of(path: &Path) -> Vec<c_int> {
    let all = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let of_file = all.filter(|it| fs::read_link(it).is_ok_and(|target| target == path));
    of_file.map(|it| it.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

/// Commits while the system fails. Returns what the call that fails returns.
fn fail(map: &Map, failure: Failure, path: &Path, in_block: bool) -> Result<()> {
    let on_file = |call: c_long| forbid_for(call, &descriptors_of(path), EIO).unwrap();
    let block = in_block.then(|| map.transaction().unwrap());
    change(map);
    match failure {
        Sync => forbid(&[SYS_fdatasync], Forbidden::Fails(EIO)).unwrap(),
        Application => on_file(SYS_pwrite64),
        Checkpoint => on_file(SYS_fdatasync),
    }
    let committed = block.map_or_else(|| map.commit(), safemap::Transaction::commit);
    if failure == Checkpoint {
        committed.unwrap();
        return map.checkpoint();
    }
    committed
}

fn is_in_doubt<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::InDoubt))
}

/// The numbers of the calls that do something else than to report the doubt.
fn other_calls(map: &Map) -> Vec<usize> {
    let mut buffer = [0; 9];
    let results = [
        is_in_doubt(map.commit()),
        is_in_doubt(map.rollback()),
        is_in_doubt(map.changed()),
        is_in_doubt(map.checkpoint()),
        is_in_doubt(map.transaction()),
        is_in_doubt(map.reading()),
        is_in_doubt(map.flush()),
        is_in_doubt(map.sync_all()),
        is_in_doubt(map.append(b"x")),
        is_in_doubt(map.write_growing(b"x", 5 * PAGE)),
        is_in_doubt(map.resize(9)),
        is_in_doubt(map.grow(9 * PAGE)),
        is_in_doubt(map.refresh()),
        is_in_doubt(map.in_place().resize(9)),
        is_in_doubt(map.get(0)),
        is_in_doubt(map.to_vec(..)),
        is_in_doubt(map.read_at(&mut buffer, 0)),
        is_in_doubt(map.find(b"x", ..)),
        is_in_doubt(map.rfind(b"x", ..)),
        is_in_doubt(map.compare(b"x", 0)),
        is_in_doubt(map.load::<u64>(0)),
        is_in_doubt(map.set(1, 0)),
        is_in_doubt(map.write_at(b"x", 0)),
        is_in_doubt(map.fill(1, ..)),
        is_in_doubt(map.copy_within(0..5, 9)),
        is_in_doubt(map.scatter(b"xy", 0, 2)),
        is_in_doubt(map.store(1_u64, 0)),
        is_in_doubt(map.view(..).and_then(|view| view.get(0))),
        is_in_doubt(map.view(..).and_then(|view| view.set(1, 0))),
        is_in_doubt(map.verify()),
        is_in_doubt(map.advise(Advice::Sequential, ..)),
        is_in_doubt(map.residency(..)),
        !HAS_WORDS || is_in_doubt(map.atomic::<u64>(0).and_then(|word| word.load(SeqCst))),
    ];
    (0..results.len()).filter(|&number| !results[number]).collect()
}

fn doubt(failure: Failure, in_block: bool, closes: bool, folder: &Folder) {
    let path = folder.path();
    let child = Fork::run(|| {
        let map = open(&path).unwrap();
        let reader = Options::new().transactional(true).open(&path).unwrap();
        let view = map.view(..).unwrap();
        let failed = fail(&map, failure, &path, in_block);
        assert!(is_in_doubt(failed));
        assert_eq!(other_calls(&map), [0; 0]);
        assert!(is_in_doubt(view.get(0)) && is_in_doubt(view.set(9, 0)));
        // Other maps wait for the writer to end.
        assert!(matches!(open(&path), Err(Error::HasWriter { .. })));
        if failure == Application {
            assert!(matches!(reader.reading(), Err(Error::HasWriter { .. })));
        }
        if closes {
            map.close().unwrap()
        } else {
            drop(map)
        }
        0
    });
    let status = child.unwrap().wait_timeout(Duration::from_secs(30)).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

#[test]
fn a_map_in_doubt_can_only_be_closed_and_the_next_opening_decides() {
    succeeds_in_child(|| {
        if !filters_exist() {
            return println!("skipped: this system has no filters");
        }
        for failure in [Sync, Application, Checkpoint] {
            for (in_block, closes) in [(false, false), (false, true), (true, false), (true, true)] {
                println!("{failure:?}, in a block: {in_block}, closed: {closes}");
                let folder = Folder(tempfile::tempdir().unwrap());
                fs::write(folder.path(), OLD).unwrap();
                doubt(failure, in_block, closes, &folder);
                let left = folder.read();
                assert_eq!(left == new(), failure == Checkpoint, "the control");
                let map = open(&folder.path()).unwrap();
                let found = map.to_vec(..).unwrap();
                assert!(found == folder.read());
                // What a sync has returned for is there.
                assert!(found == new() || (failure == Sync && found == OLD));
                map.set(9, 0).unwrap();
                map.close().unwrap();
                assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1);
            }
        }
    });
}
