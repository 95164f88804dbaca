//! Journals: the calls for the Python package, which end while another thread has a lock.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::time::Duration;

use safemap::{
    Access, Error, Map, Options,
    ipc::{Journal, JournalWriter, Mutex, ReadFrom},
};
use safemap_testing::{process::Fork, succeeds_in_child};
use tempfile::TempDir;

const BRIEFLY: Duration = Duration::from_millis(20);
const WRITERS_MUTEX: usize = 128;
const SYNC_MUTEX: usize = 512;

fn journal(folder: &TempDir) -> Journal {
    Journal::options().allocate(4096).open_or_create(folder.path().join("journal")).unwrap()
}

/// Another map of the file, by which a test locks the mutexes.
fn map(folder: &TempDir) -> Map {
    Options::new().access(Access::Write).open(folder.path().join("journal")).unwrap()
}

/// Calls what appends. Returns whether each call did.
fn append_each(writer: &mut JournalWriter) -> [bool; 3] {
    [
        writer.append_now(b"now").unwrap().is_some(),
        writer.append_timeout(b"timeout", BRIEFLY).unwrap().is_some(),
        writer.append_many_timeout([b"many"], BRIEFLY).unwrap().is_some(),
    ]
}

#[test]
fn calls_with_a_timeout_end_while_another_thread_has_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, map) = (journal(&folder), map(&folder));
    let mut writer = journal.writer().unwrap();

    let guard = Mutex::new(&map, WRITERS_MUTEX).unwrap().lock().unwrap();
    assert_eq!(append_each(&mut writer), [false; 3]);
    assert!(writer.finish_timeout(BRIEFLY).unwrap().is_none());
    writer.sync_timeout(BRIEFLY).unwrap().expect("sync needs another lock");
    assert_eq!(journal.reader(ReadFrom::Start).unwrap().available().count(), 0);
    drop(guard);
    assert_eq!(append_each(&mut writer), [true; 3]);

    let guard = Mutex::new(&map, SYNC_MUTEX).unwrap().lock().unwrap();
    assert!(writer.sync_timeout(BRIEFLY).unwrap().is_none());
    assert_eq!(append_each(&mut writer), [true; 3]);
    drop(guard);
    writer.sync_timeout(BRIEFLY).unwrap().expect("the lock is free");
    writer.finish_timeout(BRIEFLY).unwrap().expect("the lock is free");
    assert!(matches!(writer.append_now(b""), Err(Error::Finished)));
    let records: Vec<_> = journal.reader(ReadFrom::Start).unwrap().records().flatten().collect();
    assert_eq!(records, [&b"now"[..], b"timeout", b"many", b"now", b"timeout", b"many"]);
}

#[test]
fn append_now_does_nothing_that_may_take_long() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        let (journal, map) = (journal(&folder), map(&folder));
        let mut writer = journal.writer().unwrap();
        // The file would have to grow.
        assert_eq!(writer.append_now(&[0; 4096 - 23]).unwrap(), None);
        assert!(writer.append_now(&[0; 4096 - 24]).unwrap().is_some());
        writer.append(&[0; 4096]).unwrap();

        let crashed = Fork::run(|| {
            std::mem::forget(Mutex::new(&map, WRITERS_MUTEX).unwrap().lock().unwrap());
            0
        });
        assert!(crashed.unwrap().wait().unwrap().success());
        for _ in 0..2 {
            assert_eq!(writer.append_now(b"after a crash").unwrap(), None);
        }
        writer.append(b"after a crash").unwrap();
        assert_eq!(journal.takeovers().unwrap(), 1);
        assert!(writer.append_now(b"later").unwrap().is_some());
    });
}

#[test]
fn a_reader_continues_at_the_place_of_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let mut writer = journal.writer().unwrap();
    let positions = [&b"one"[..], b"longer", b"three"].map(|it| writer.append(it).unwrap());
    let [mut reader, mut other] = [(); 2].map(|()| journal.reader(ReadFrom::Start).unwrap());
    let mut record = Vec::new();
    assert_eq!(reader.next_now(&mut record, 5).unwrap(), Some(positions[0]));
    // This one is longer than the limit.
    assert_eq!(reader.next_now(&mut record, 5).unwrap(), None);
    other.move_to(reader.cursor());
    assert_eq!(other.next_now(&mut record, 6).unwrap(), Some(positions[1]));
    reader.move_to(other.cursor());
    assert_eq!(reader.next(&mut record).unwrap(), positions[2]);
    assert_eq!(record, b"three");
    assert_eq!(reader.next_now(&mut record, 6).unwrap(), None);
}
