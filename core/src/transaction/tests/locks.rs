//! Writers and readers of one file exclude each other, in one process and in several.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{Folder, Wait, enter, enter_within, put, reader, request, writer};
use crate::{
    Error,
    mode::LockKind,
    polling::PATIENCE,
    sys::{self, file_lock::FileLock},
    test_children::{FOLDER, child},
    transaction::{locks::WriterLock, opened::Opened},
};

const MOMENT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(20);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn a_second_writer_waits_for_its_timeout_and_gets_the_file_when_the_first_is_closed() {
    let folder = Folder::with(b"bytes");
    let first = writer(&folder.data()).unwrap();
    assert!(matches!(writer(&folder.data()), Err(Error::HasWriter { call: "open" })));
    let start = Instant::now();
    let late = Opened::open(&folder.data(), &request(MOMENT));
    assert!(matches!(late, Err(Error::HasWriter { .. })) && start.elapsed() >= MOMENT);
    thread::scope(|scope| {
        let second = scope.spawn(|| Opened::open(&folder.data(), &request(LONG)).unwrap());
        thread::sleep(MOMENT);
        assert!(!second.is_finished());
        first.close().unwrap();
        put(&second.join().unwrap(), b"B", 0).unwrap();
    });
    assert_eq!(fs::read(folder.data()).unwrap(), b"Bytes");
    assert!(!folder.journal().exists());
}

#[test]
fn a_commit_that_does_not_end_is_waited_for_with_an_end() {
    let folder = Folder::with(b"bytes");
    let (first, second) = (writer(&folder.data()).unwrap(), reader(&folder.data()).unwrap());
    put(&first, b"B", 0).unwrap();
    let commit = first.lock_for_commit("commit", &Wait::FOREVER).unwrap();
    let start = Instant::now();
    assert!(matches!(reader(&folder.data()), Err(Error::HasWriter { call: "open" })));
    assert!(start.elapsed() >= PATIENCE);
    drop(commit);
    // The writer crashes beside a reading. Then the file has to be recovered.
    let journal = fs::read(folder.journal()).unwrap();
    first.close().unwrap();
    let _reading = enter(&second).unwrap();
    fs::write(folder.journal(), journal).unwrap();
    thread::scope(|scope| {
        let third = scope.spawn(|| writer(&folder.data()).err());
        assert!(matches!(third.join().unwrap(), Some(Error::HasWriter { call: "open" })));
    });
}

/// Has the file open for writing until its input ends.
#[test]
fn write_in_a_child_process() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let opened = writer(&Path::new(&folder).join("data")).unwrap();
    put(&opened, b"C", 0).unwrap();
    println!("\nopened");
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn start_writer(folder: &Folder) -> Child {
    let mut command = child(&[], module_path!(), "write_in_a_child_process", folder.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line == "opened"));
    child
}

#[test]
fn the_writer_of_another_process_excludes_others_until_it_ends_or_is_killed() {
    for is_killed in [false, true] {
        let folder = Folder::with(b"bytes");
        let mut child = start_writer(&folder);
        assert!(matches!(writer(&folder.data()), Err(Error::HasWriter { .. })));
        // Its commits are complete.
        drop(enter(&reader(&folder.data()).unwrap()).unwrap());
        if is_killed {
            child.kill().unwrap();
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(folder.journal().exists(), is_killed);
        // A reader recovers too.
        drop(reader(&folder.data()).unwrap());
        assert!(!folder.journal().exists());
        let opened = writer(&folder.data()).unwrap();
        assert_eq!(fs::read(folder.data()).unwrap(), b"Cytes");
        drop(opened);
        assert!(!folder.journal().exists());
    }
}

#[test]
fn a_reader_waits_for_a_commit_and_a_commit_for_readers() {
    let folder = Folder::with(b"bytes");
    let (writer, reader) = (writer(&folder.data()).unwrap(), reader(&folder.data()).unwrap());
    let commit = writer.lock_for_commit("commit", &Wait::FOREVER).unwrap().unwrap();
    assert!(enter_within(&reader, MOMENT).unwrap().is_none());
    drop(commit);
    let reading = enter_within(&reader, MOMENT).unwrap().unwrap();
    thread::scope(|scope| {
        let commit =
            || writer.lock_for_commit("commit", &Wait::within(MOMENT)).map(|it| it.is_some());
        assert!(!scope.spawn(commit).join().unwrap().unwrap());
        drop(reading);
        assert!(scope.spawn(commit).join().unwrap().unwrap());
    });
}

#[test]
fn readers_that_overlap_do_not_starve_a_commit() {
    let folder = Folder::with(b"bytes");
    let opened = writer(&folder.data()).unwrap();
    let (is_over, readings) = (AtomicBool::new(false), AtomicUsize::new(0));
    let waited = thread::scope(|scope| {
        for number in 0..3 {
            let reader = reader(&folder.data()).unwrap();
            let (is_over, readings) = (&is_over, &readings);
            scope.spawn(move || {
                thread::sleep(ms(7) * number);
                while !is_over.load(Relaxed) {
                    let reading = enter(&reader).unwrap();
                    readings.fetch_add(1, Relaxed);
                    thread::sleep(ms(20));
                    drop(reading);
                }
            });
        }
        thread::sleep(MOMENT);
        let start = Instant::now();
        let commit = opened.lock_for_commit("commit", &Wait::within(LONG)).unwrap();
        is_over.store(true, Relaxed);
        commit.map(|_| start.elapsed())
    });
    assert!(waited.unwrap() < ms(2000), "{waited:?}");
    assert!(readings.load(Relaxed) > 3);
}

#[test]
fn commits_one_after_the_other_do_not_starve_a_reader() {
    let folder = Folder::with(b"bytes");
    let (writer, reader) = (writer(&folder.data()).unwrap(), reader(&folder.data()).unwrap());
    let (is_over, commits) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                let commit = writer.lock_for_commit("commit", &Wait::FOREVER).unwrap();
                commits.fetch_add(1, Relaxed);
                thread::sleep(ms(2));
                drop(commit);
            }
        });
        while commits.load(Relaxed) == 0 {
            thread::yield_now();
        }
        let start = Instant::now();
        // Without the queue, the wait grows to 5 ms, and then seldom ends between two commits.
        let passed = (0..50).all(|_| enter_within(&reader, LONG).unwrap().is_some());
        is_over.store(true, Relaxed);
        println!("{:?}, {commits:?} commits", start.elapsed());
        assert!(passed && start.elapsed() < ms(2000), "{:?}", start.elapsed());
    });
}

#[test]
fn a_thread_that_reads_cannot_wait_for_itself() {
    let folder = Folder::with(b"bytes");
    let opened = writer(&folder.data()).unwrap();
    let reading = enter(&opened).unwrap();
    let error = opened.lock_for_commit("commit", &Wait::FOREVER).err().unwrap();
    assert!(matches!(error, Error::WouldDeadlock { call: "commit" }), "{error}");
    // Neither needs the locks.
    opened.checkpoint("checkpoint", &Wait::FOREVER).unwrap().unwrap();
    opened.close().unwrap();
    let error = writer(&folder.data()).err().unwrap();
    assert!(matches!(error, Error::WouldDeadlock { call: "open" }), "{error}");
    // Another thread may end it.
    thread::spawn(move || drop(reading)).join().unwrap();
    put(&writer(&folder.data()).unwrap(), b"B", 0).unwrap();
}

#[test]
fn a_reading_inside_a_reading_does_not_wait_for_a_commit_that_waits() {
    let folder = Folder::with(b"bytes");
    let (writer, reader) = (writer(&folder.data()).unwrap(), reader(&folder.data()).unwrap());
    let outer = enter(&reader).unwrap();
    thread::scope(|scope| {
        let commit = scope.spawn(|| put(&writer, b"B", 0));
        thread::sleep(MOMENT);
        assert!(!commit.is_finished());
        let other = scope.spawn(|| enter_within(&reader, MOMENT).unwrap().is_some());
        assert!(!other.join().unwrap(), "a new reading waits behind the commit");
        let inner = enter_within(&reader, LONG).unwrap().unwrap();
        drop(outer);
        thread::sleep(MOMENT);
        assert!(!commit.is_finished(), "the inner one excludes it still");
        drop(inner);
        commit.join().unwrap().unwrap();
    });
}

#[test]
fn a_checkpoint_does_not_wait_for_a_commit_that_waits() {
    let folder = Folder::with(b"bytes");
    let (writer, reader) = (writer(&folder.data()).unwrap(), reader(&folder.data()).unwrap());
    let reading = enter(&reader).unwrap();
    thread::scope(|scope| {
        let commit = scope.spawn(|| put(&writer, b"B", 0));
        thread::sleep(MOMENT);
        let done = writer.checkpoint("checkpoint", &Wait::within(MOMENT));
        assert!(!commit.is_finished());
        drop(reading);
        commit.join().unwrap().unwrap();
        done.unwrap().unwrap();
    });
}

#[test]
fn locks_are_taken_in_steps_and_stay_taken() {
    let folder = Folder::with(b"bytes");
    let (writer, reader) = (writer(&folder.data()).unwrap(), reader(&folder.data()).unwrap());
    let reading = enter(&reader).unwrap();
    let on_thread =
        |work: &(dyn Fn() -> bool + Sync)| thread::scope(|scope| scope.spawn(work).join().unwrap());
    let advance = || writer.advance_locks("commit", &Wait::within(MOMENT)).unwrap();
    let reads = || enter_within(&reader, MOMENT).unwrap().is_some();
    assert!(!on_thread(&advance));
    assert!(!on_thread(&reads), "the gate stays closed");
    writer.release_locks();
    assert!(on_thread(&reads));
    assert!(!on_thread(&advance));
    drop(reading);
    assert!(on_thread(&advance) && !on_thread(&reads));
    put(&writer, b"B", 0).unwrap();
    assert!(on_thread(&reads));
}

#[test]
fn an_opening_without_a_timeout_waits_for_a_reader_that_recovers() {
    let folder = Folder::with(b"bytes");
    let file = fs::File::options().read(true).write(true).open(folder.data()).unwrap();
    let lock = WriterLock::take_to_recover("reading", sys::borrow(&file)).unwrap().unwrap();
    let late = WriterLock::take_to_recover("reading", sys::borrow(&file)).unwrap();
    assert!(late.is_none());
    thread::scope(|scope| {
        let opened = scope.spawn(|| writer(&folder.data()).unwrap());
        thread::sleep(MOMENT);
        assert!(!opened.is_finished());
        drop(lock);
        drop(opened.join().unwrap());
    });
}

#[test]
fn a_caller_ends_the_wait() {
    let folder = Folder::with(b"bytes");
    let first = writer(&folder.data()).unwrap();
    let reader = reader(&folder.data()).unwrap();
    let commit = first.lock_for_commit("commit", &Wait::FOREVER).unwrap().unwrap();
    let asked = AtomicUsize::new(0);
    let wait = Wait { until: None, proceed: &|| asked.fetch_add(1, Relaxed) < 3 };
    assert!(reader.enter("reading", &wait, None).unwrap().is_none());
    assert_eq!(asked.load(Relaxed), 4);
    drop(commit);
    let request = super::Request { wait, ..request(LONG) };
    match Opened::open(&folder.data(), &request).err().unwrap() {
        Error::Os { source, .. } => assert_eq!(source.kind(), std::io::ErrorKind::Interrupted),
        error => panic!("{error}"),
    }
}

#[test]
fn a_lock_of_the_whole_file_is_an_error() {
    let folder = Folder::with(b"bytes");
    let file = fs::File::options().read(true).write(true).open(folder.data()).unwrap();
    let reader = reader(&folder.data()).unwrap();
    let lock = FileLock::open(sys::borrow(&file), LockKind::Exclusive).unwrap();
    // Length 0 means up to the greatest offset.
    assert!(lock.try_lock(&(0..0), LockKind::Exclusive).unwrap());
    assert!(matches!(writer(&folder.data()), Err(Error::Locked { call: "open" })));
    let error = enter_within(&reader, LONG).err().unwrap();
    assert!(matches!(error, Error::Locked { call: "reading" }), "{error}");
}

#[test]
fn a_forked_child_has_no_part_in_it() {
    let folder = Folder::with(b"bytes");
    let (opened, other) = (writer(&folder.data()).unwrap(), reader(&folder.data()).unwrap());
    let reading = enter(&other).unwrap();
    let mut both = Some((opened, other, reading));
    assert!(sys::fork::steps::holds_in_fork(|| {
        let (opened, other, reading) = both.take().unwrap();
        let is_refused = |error| matches!(error, Some(Error::Forked));
        let refuses = is_refused(opened.lock_for_commit("commit", &Wait::FOREVER).err())
            && is_refused(opened.checkpoint("checkpoint", &Wait::FOREVER).err())
            && is_refused(opened.enter("reading", &Wait::FOREVER, None).err())
            && is_refused(other.enter("reading", &Wait::FOREVER, None).err());
        opened.release_locks();
        drop(reading);
        refuses && opened.close().is_ok()
    }));
    let (opened, _other, reading) = both.take().unwrap();
    assert!(matches!(writer(&folder.data()), Err(Error::WouldDeadlock { .. })));
    let exclusive = || opened.lock_for_commit("commit", &Wait::within(MOMENT)).unwrap().is_some();
    thread::scope(|scope| assert!(!scope.spawn(exclusive).join().unwrap()));
    drop(reading);
    assert!(matches!(writer(&folder.data()), Err(Error::HasWriter { .. })));
    assert!(folder.journal().exists());
    put(&opened, b"B", 0).unwrap();
}
