//! Transactional maps: files that other programs cut, forked children, large files, refusals.
#![cfg(all(any(target_os = "linux", target_os = "macos"), target_pointer_width = "64"))]
#![allow(clippy::single_range_in_vec_init)] // The ranges are compared.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use safemap::{Access, Advice, Error, HugePage, Map, Options, Protection, Result, ipc::LockKind};
use safemap_testing::{HAS_WORDS, PAGE, noise, succeeds_in_child};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn with(bytes: &[u8]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::write(folder.path(), bytes).unwrap();
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("file")
    }

    fn read(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// As another program does that does not know this library.
    fn set_len(&self, len: usize) {
        File::options().write(true).open(self.path()).unwrap().set_len(len as u64).unwrap();
    }

    fn map(&self) -> Map {
        writing().open(self.path()).unwrap()
    }
}

fn writing() -> Options {
    let mut options = Options::new();
    options.access(Access::Write).transactional(true);
    options
}

#[test]
fn after_a_cut_nothing_is_committed_and_nothing_written() {
    let old = noise(1, 10 * PAGE);
    for cut in [0, 1, PAGE, 5 * PAGE + 7, 9 * PAGE, 10 * PAGE - 1] {
        for (grows_back, stores_again) in [(false, false), (true, false), (true, true)] {
            let folder = Folder::with(&old);
            let map = folder.map();
            map.write_at(&[1; 100], 6 * PAGE).unwrap();
            map.write_at(&[2; 100], 0).unwrap();
            folder.set_len(cut);
            if grows_back {
                folder.set_len(old.len());
            }
            if stores_again {
                map.write_at(&[3], 6 * PAGE + 1).unwrap();
            }
            // A cut inside the last page drops no page.
            let is_lost = cut <= 9 * PAGE || !grows_back;
            let before = folder.read();
            let committed = map.commit();
            if is_lost {
                assert!(matches!(committed, Err(Error::Fault { .. })), "{cut} {committed:?}");
                assert!(matches!(map.changed(), Err(Error::Fault { .. })));
                assert!(folder.read() == before, "a part of the transaction was written");
                map.rollback().unwrap();
                map.refresh().unwrap();
                assert!(map.to_vec(..).unwrap() == before);
            } else {
                committed.unwrap();
                assert_eq!(folder.read()[6 * PAGE..][..2], [1, if stores_again { 3 } else { 1 }]);
            }
            map.write_growing(b"after", 3).unwrap();
            map.commit().unwrap();
            assert_eq!(folder.read()[3..8], *b"after");
        }
    }
}

#[test]
fn a_cut_between_transactions_is_noticed_too() {
    let folder = Folder::with(&noise(2, 10 * PAGE));
    let map = folder.map();
    map.set(1, 0).unwrap();
    map.commit().unwrap();
    folder.set_len(3);
    assert!(matches!(map.verify(), Err(Error::Fault { .. })));
    map.set(2, 0).unwrap();
    assert!(matches!(map.commit(), Err(Error::Fault { .. })));
    assert_eq!(folder.read().len(), 3);
}

#[test]
fn a_failed_commit_ends_its_block_and_a_bare_one_keeps_the_changes() {
    let folder = Folder::with(&[0; 10 * PAGE]);
    let map = folder.map();
    let block = map.transaction().unwrap();
    map.set(1, 7 * PAGE).unwrap();
    folder.set_len(PAGE);
    folder.set_len(10 * PAGE);
    assert!(matches!(block.commit(), Err(Error::Fault { .. })));
    assert_eq!(map.changed().unwrap(), []);
    map.set(1, 3).unwrap();
    let reading = map.reading().unwrap();
    assert!(matches!(map.commit(), Err(Error::WouldDeadlock { call: "commit" })));
    drop(reading);
    assert_eq!(map.changed().unwrap(), [3..4]);
    map.commit().unwrap();
}

/// Whether each kind of call fails with `Error::Forked`.
fn is_closed(map: &Map) -> bool {
    let is = |result: Result<()>| matches!(result, Err(Error::Forked));
    is(map.get(0).map(drop))
        && is(map.to_vec(..).map(drop))
        && is(map.find(b"x", ..).map(drop))
        && is(map.view(..).unwrap().get(0).map(drop))
        && is(map.reading().map(drop))
        && is(map.advise(Advice::Sequential, ..))
        && is(map.residency(..).map(drop))
        && (map.access() == Access::Read
            || is(map.set(1, 0))
                && is(map.fill(1, ..))
                && is(map.append(b"x").map(drop))
                && is(map.view(..).unwrap().set(1, 0))
                && is(map.resize(3))
                && is(map.commit())
                && is(map.rollback())
                && is(map.changed().map(drop))
                && is(map.checkpoint())
                && is(map.transaction().map(drop))
                && is(map.flush()))
}

#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_has_no_transactional_maps() {
    use safemap_testing::process::Fork;

    succeeds_in_child(|| {
        let folder = Folder::with(&[0; 3 * PAGE]);
        let map = folder.map();
        let reader = Options::new().transactional(true).open(folder.path()).unwrap();
        let block = map.transaction().unwrap();
        map.set(1, 0).unwrap();
        for closes in [false, true] {
            let child = Fork::run(|| {
                let fails = is_closed(&map) && is_closed(&reader);
                if closes {
                    // What drops the maps of a program must not change the parent's.
                    let (map, reader) = (take(&map), take(&reader));
                    map.close().unwrap();
                    drop(reader);
                }
                i32::from(!fails)
            });
            let status = child.unwrap().wait_timeout(Duration::from_secs(20)).unwrap();
            assert!(status.unwrap().success(), "{status:?}");
            assert!(folder.0.path().join("file-commit").exists());
            assert!(matches!(writing().open(folder.path()), Err(Error::HasWriter { .. })));
        }
        block.commit().unwrap();
        assert_eq!(folder.read()[0], 1);
    });
}

/// The map, as the child has it.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn take(map: &Map) -> Map {
    // SAFETY: the child ends without using or dropping the original.
    unsafe { std::ptr::read(map) }
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_without_fork_handlers_neither_commits_nor_waits() {
    use safemap_testing::process::{Fork, fork_without_handlers};

    succeeds_in_child(|| {
        let folder = Folder::with(&[0; PAGE]);
        let map = folder.map();
        map.set(1, 0).unwrap();
        let child = fork_without_handlers();
        if child == 0 {
            let failed = map.commit().is_err() && map.set(1, 1).is_err();
            std::process::exit(i32::from(!failed));
        }
        let status = Fork::of(child).wait_timeout(Duration::from_secs(20)).unwrap();
        assert!(status.unwrap().success(), "{status:?}");
        map.commit().unwrap();
    });
}

#[test]
fn pages_of_large_folios_change_one_by_one() {
    let folder = Folder::with(b"");
    let mut file = File::options().write(true).open(folder.path()).unwrap();
    (0..8).for_each(|seed| file.write_all(&noise(seed, 1 << 20)).unwrap());
    file.sync_all().unwrap();
    let map = folder.map();
    let mut random = fastrand::Rng::with_seed(5);
    let mut expected = folder.read();
    for _ in 0..20 {
        let mut places: Vec<usize> = (0..20).map(|_| random.usize(0..8 << 8) << 12).collect();
        places.sort_unstable();
        places.dedup();
        for &at in &places {
            expected[at] ^= 1;
            map.set(expected[at], at).unwrap();
        }
        let ranges: Vec<_> = places.into_iter().map(|at| at..at + 1).collect();
        assert_eq!(map.changed().unwrap(), ranges);
        map.commit().unwrap();
        assert!(folder.read() == expected && map.to_vec(..).unwrap() == expected);
    }
}

#[test]
fn a_sparse_file_of_eight_gigabytes_takes_no_memory() {
    const LEN: usize = 8 << 30;
    let folder = Folder::with(b"");
    folder.set_len(LEN);
    let map = folder.map();
    for at in [0, LEN / 2 + 5, LEN - 3] {
        map.write_at(b"abc", at).unwrap();
    }
    assert_eq!(map.changed().unwrap(), [0..3, LEN / 2 + 5..LEN / 2 + 8, LEN - 3..LEN]);
    assert_eq!(map.append(b"def").unwrap(), LEN);
    map.commit().unwrap();
    map.fill(1, 5..9).unwrap();
    map.rollback().unwrap();
    let reader = Map::open(folder.path()).unwrap();
    assert_eq!(reader.to_vec(LEN - 3..).unwrap(), b"abcdef");
    assert_eq!(reader.to_vec(..10).unwrap(), b"abc\0\0\0\0\0\0\0");
    map.close().unwrap();
    let allocated = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(folder.path()).unwrap());
    assert!(allocated < 2000, "{allocated} blocks");
}

#[test]
fn what_private_memory_cannot_do_is_refused() {
    let folder = Folder::with(&[0; 3 * PAGE]);
    let mut map = folder.map();
    map.set(1, 0).unwrap();
    let is =
        |result: Result<()>| assert!(matches!(result, Err(Error::Unsupported(_))), "{result:?}");
    is(map.lock(..));
    is(map.populate(..));
    is(map.protect(Protection::READ, ..));
    is(map.flush_range(..5));
    is(map.flush_async());
    is(map.flush_with(0, ..));
    for advice in [
        Advice::DontNeed,
        Advice::Free,
        Advice::Remove,
        Advice::DontNeedLocked,
        Advice::GuardInstall,
        Advice::PopulateWrite,
        Advice::WipeOnFork,
        Advice::DontFork,
        Advice::Mergeable,
    ] {
        is(map.advise(advice, ..));
    }
    map.advise(Advice::Sequential, ..).unwrap();
    is(map.wait(0, 0, None).map(drop));
    is(map.notify(0, 1));
    is(map
        .atomic::<u64>(0)
        .and_then(|word| word.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
        .map(drop));
    is(safemap::ipc::Mutex::new(&map, 64).map(drop));
    if HAS_WORDS {
        let error = safemap::ipc::Mutex::new(&map, 64).unwrap_err().to_string();
        assert!(error.ends_with("put the mutex into another file"), "{error}");
    }
    #[cfg(target_os = "linux")]
    is(map.remap(5, true));
    is(map.try_lock_range(..5, LockKind::Exclusive).map(drop));
    let (error, kept) = map.into_access(Access::Read).unwrap_err();
    is(Err(error));
    map = kept;
    assert_eq!(map.changed().unwrap(), [0..1]);
}

#[test]
fn settings_that_do_not_apply_are_refused() {
    let folder = Folder::with(&[0; 3 * PAGE]);
    let is = |name: &str, options: &mut Options| {
        let result = options.open(folder.path());
        let Err(Error::Unsupported(reason)) = result else { panic!("{result:?}") };
        assert!(reason.contains(name), "{reason}");
    };
    is("Access::Copy", writing().access(Access::Copy));
    is("offset", writing().offset(PAGE as u64));
    is("all of its file", writing().len(PAGE));
    is("repair", writing().repair(true));
    is("untracked", writing().untracked(true));
    is("name", writing().name("a name"));
    is("lock", writing().lock(true));
    is("populate", writing().populate(true));
    is("advise", writing().advise(Advice::Random));
    is("drop_behind", writing().drop_behind(1 << 20));
    is("huge_pages", writing().huge_pages(HugePage::Default));
    is("exact_flags", writing().exact_flags(safemap::Flags::SHARED));
    is("sharing", writing().sharing(safemap::Sharing::Private));
    is("protection", writing().protection(Protection::READ));
    assert!(matches!(writing().len(5).anonymous(), Err(Error::Unsupported(_))));
    let beyond = writing().len(4 * PAGE).open(folder.path());
    assert!(matches!(beyond, Err(Error::BeyondFile { .. })), "{beyond:?}");
    let map = writing().len(4 * PAGE).extend(true).open(folder.path()).unwrap();
    assert_eq!(map.len(), 4 * PAGE);
    assert_eq!(folder.read().len(), 4 * PAGE);
    drop(map);
    // Only a new file would have the length.
    assert_eq!(writing().len(PAGE).create(true).open(folder.path()).unwrap().len(), 4 * PAGE);
}

#[test]
fn pending_changes_and_blocks_say_what_to_do() {
    let folder = Folder::with(&[0; 10]);
    let map = folder.map();
    map.set(1, 0).unwrap();
    let text = map.resize(5).unwrap_err().to_string();
    assert!(text.ends_with("end the block, or commit or roll back first"), "{text}");
    map.commit().unwrap();
    let _block = map.transaction().unwrap();
    for result in [map.commit(), map.rollback(), map.flush(), map.sync_all()] {
        let text = result.unwrap_err().to_string();
        assert!(text.ends_with("is in a transaction, whose end commits or rolls back"), "{text}");
    }
    let text = map.resize(5).unwrap_err().to_string();
    assert!(text.contains("is in a transaction, or"), "{text}");
}

#[test]
fn other_maps_have_no_transactions() {
    let folder = Folder::with(&[0; 10]);
    let plain = Options::new().access(Access::Write).open(folder.path()).unwrap();
    assert!(!plain.is_transactional());
    assert!(matches!(plain.commit(), Err(Error::Unsupported(_))));
    assert!(matches!(plain.reading(), Err(Error::Unsupported(_))));
    let reader = Options::new().transactional(true).open(folder.path()).unwrap();
    assert!(reader.is_transactional());
    assert!(matches!(reader.commit(), Err(Error::ReadOnly { call: "commit" })));
    assert!(matches!(reader.transaction(), Err(Error::ReadOnly { call: "transaction" })));
    assert!(matches!(reader.set(1, 0), Err(Error::ReadOnly { call: "set" })));
}

fn reading() -> Options {
    let mut options = Options::new();
    options.transactional(true);
    options
}

/// By moves, and within a reserve.
#[test]
fn a_reading_has_the_length_of_the_last_commit() {
    for reserve in [0, 1 << 20] {
        let folder = Folder::with(b"");
        let writer = folder.map();
        let reader = reading().reserve(reserve).open(folder.path()).unwrap();
        let mut random = fastrand::Rng::with_seed(8);
        let mut expected = Vec::new();
        for round in 0..50_u8 {
            let bytes = vec![round; random.usize(0..3 * PAGE)];
            writer.append(&bytes).unwrap();
            drop(reader.reading().unwrap());
            assert_eq!(reader.len(), expected.len());
            writer.commit().unwrap();
            expected.extend(bytes);
            if random.u8(0..4) == 0 {
                expected.truncate(random.usize(0..=expected.len()));
                writer.resize(expected.len()).unwrap();
            }
            let outer = reader.reading().unwrap();
            assert!(reader.to_vec(..).unwrap() == expected);
            drop(reader.reading().unwrap());
            drop(outer);
            assert!(reader.to_vec(..).unwrap() == expected);
        }
    }
}

#[test]
fn a_pointer_of_a_reader_remains_valid_when_a_reading_moves_the_map() {
    let folder = Folder::with(&[1; PAGE]);
    let (writer, reader) = (folder.map(), reading().open(folder.path()).unwrap());
    let pointer = reader.as_ptr();
    writer.append(&vec![2; 1 << 20]).unwrap();
    writer.set(3, 5).unwrap();
    writer.commit().unwrap();
    let _reading = reader.reading().unwrap();
    assert!(reader.as_ptr() != pointer, "the control: it has moved");
    assert_eq!((reader.len(), byte(pointer.wrapping_add(5))), (PAGE + (1 << 20), 3));
}

#[allow(unsafe_code)]
fn byte(pointer: *const u8) -> u8 {
    // SAFETY: `reading` says that it remains valid.
    unsafe { pointer.read_volatile() }
}

#[test]
fn a_reading_does_not_change_a_length_that_was_given() {
    let folder = Folder::with(&[0; 100]);
    let (writer, reader) = (folder.map(), reading().len(50).open(folder.path()).unwrap());
    writer.append(b"more").unwrap();
    // Nor that of the writer, which has it already.
    drop(writer.reading().unwrap());
    assert_eq!(writer.len(), 104);
    writer.commit().unwrap();
    let _reading = reader.reading().unwrap();
    assert_eq!(reader.len(), 50);
}

/// The reading recovers the file, which then is longer.
#[cfg(target_os = "linux")]
#[test]
fn a_reading_has_the_length_that_a_killed_writer_has_committed() {
    use safemap_testing::process::Fork;

    succeeds_in_child(|| {
        let folder = Folder::with(&[0; 100]);
        let reader = reading().open(folder.path()).unwrap();
        let child = Fork::run(|| {
            let writer = folder.map();
            writer.append(b"more").unwrap();
            writer.commit().unwrap();
            std::process::abort()
        });
        child.unwrap().wait_timeout(Duration::from_secs(20)).unwrap();
        let _reading = reader.reading().unwrap();
        assert_eq!(reader.to_vec(100..).unwrap(), b"more");
    });
}

#[test]
fn a_file_is_found_by_its_descriptor_too() {
    let folder = Folder::with(b"abc");
    let file = File::options().read(true).write(true).open(folder.path()).unwrap();
    let map = writing().map(&file).unwrap();
    map.set(b'x', 0).unwrap();
    map.commit().unwrap();
    assert_eq!(folder.read(), b"xbc");
    fs::remove_file(folder.path()).unwrap();
    drop(map);
    assert!(matches!(writing().map(&file), Err(Error::Unsupported(_))));
}
