//! Journals: order, positions, growth, waiting, crashes, refusals.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    os::unix::fs::{FileExt, PermissionsExt},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use safemap::{
    Error, FormatError,
    ipc::{Channel, Journal, JournalReader, JournalWriter, Position, ReadFrom, Spin},
    page_size,
};
use safemap_testing::{
    is_emulated,
    namespace::mount_memory,
    noise,
    process::{Fork, drop_root_rights, fork, fork_without_handlers},
    signal::exit,
    succeeds_in_child,
};
use tempfile::TempDir;

const SOON: Duration = Duration::from_millis(1500);
const BRIEFLY: Duration = Duration::from_millis(20);

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn journal(&self) -> Journal {
        Journal::options().allocate(4096).open_or_create(self.path()).unwrap()
    }

    fn read_only(&self) -> Journal {
        Journal::options().read_only(true).open(self.path()).unwrap()
    }

    fn file(&self) -> fs::File {
        OpenOptions::new().read(true).write(true).open(self.path()).unwrap()
    }
}

fn read(reader: &mut JournalReader) -> (Position, Vec<u8>) {
    let mut record = Vec::new();
    let position = reader.next_timeout(&mut record, 4 * SOON).unwrap();
    (position.expect("a record is there"), record)
}

/// Reads all records that are there.
fn read_all(journal: &Journal) -> Vec<Vec<u8>> {
    let mut reader = journal.reader(ReadFrom::Start).unwrap();
    reader.available().collect::<Result<_, _>>().unwrap()
}

#[test]
fn records_of_every_length_are_read_in_their_order() {
    let folder = Folder::new();
    let journal = folder.journal();
    let (mut writer, mut reader) =
        (journal.writer().unwrap(), folder.read_only().reader(ReadFrom::Start).unwrap());
    let mut rng = fastrand::Rng::with_seed(1);
    let lengths: Vec<_> = (0..=600).chain((0..500).map(|_| rng.usize(..9000))).collect();
    let mut positions = Vec::new();
    for (seed, &len) in lengths.iter().enumerate() {
        positions.push(writer.append(&noise(seed as u64, len)).unwrap());
        if seed % 7 == 0 {
            continue;
        }
        // The reader is behind by a few records from time to time.
        while let Some(position) = reader.try_next(&mut Vec::new()).unwrap() {
            assert!(positions.contains(&position));
        }
    }
    assert!(positions.is_sorted());
    let mut reader = journal.reader(ReadFrom::Start).unwrap();
    for (seed, &len) in lengths.iter().enumerate() {
        assert_eq!(read(&mut reader), (positions[seed], noise(seed as u64, len)));
    }
    assert_eq!(reader.try_next(&mut Vec::new()).unwrap(), None);
}

#[test]
fn a_reader_begins_at_or_behind_a_saved_position() {
    let folder = Folder::new();
    let mut writer = folder.journal().writer().unwrap();
    let records: Vec<_> = (0..50).map(|seed| noise(seed, seed as usize * 13)).collect();
    let saved: Vec<_> =
        records.iter().map(|record| u128::from(writer.append(record).unwrap())).collect();
    // As after a restart.
    drop(writer);
    let journal = folder.read_only();
    for (index, &saved) in saved.iter().enumerate() {
        let position = Position::from(saved);
        let mut reader = journal.reader(ReadFrom::At(position)).unwrap();
        assert_eq!(read(&mut reader), (position, records[index].clone()));
        let mut reader = journal.reader(ReadFrom::After(position)).unwrap();
        let mut record = Vec::new();
        let next = reader.try_next(&mut record).unwrap();
        assert_eq!(next.map(u128::from), saved_behind(index, &saved_list(&records, &folder)));
        if next.is_some() {
            assert_eq!(record, records[index + 1]);
        }
    }
}

/// The positions of all records, as a new reader returns them.
fn saved_list(records: &[Vec<u8>], folder: &Folder) -> Vec<u128> {
    let mut reader = folder.read_only().reader(ReadFrom::Start).unwrap();
    records.iter().map(|_| u128::from(read(&mut reader).0)).collect()
}

fn saved_behind(index: usize, saved: &[u128]) -> Option<u128> {
    saved.get(index + 1).copied()
}

#[test]
fn positions_of_no_record_are_cut() {
    let folder = Folder::new();
    let journal = folder.journal();
    let first = u128::from(journal.writer().unwrap().append(&[0x80; 100]).unwrap());
    let start = first >> 32;
    let wrong = [0, 1, 4096, start + 8, start + 1, start + 120, 1 << 40, u128::from(u64::MAX)];
    let wrong = wrong.into_iter().filter(|&other| other != start).map(|start| start << 32);
    // The record has another number of recoveries.
    for number in wrong.chain([first + 1, first | 0xFFFF_FFFF, u128::MAX]) {
        for from in [ReadFrom::At, ReadFrom::After] {
            let error = journal.reader(from(Position::from(number))).unwrap_err();
            assert!(matches!(error, Error::Cut { .. }), "{number:#x}: {error}");
        }
    }
}

#[test]
fn readers_at_the_end_get_what_is_appended_later() {
    let folder = Folder::new();
    let journal = folder.journal();
    let mut writer = journal.writer().unwrap();
    let mut empty = journal.reader(ReadFrom::End).unwrap();
    writer.append(b"one").unwrap();
    let mut behind = folder.read_only().reader(ReadFrom::End).unwrap();
    writer.append(b"two").unwrap();
    assert_eq!(read(&mut empty).1, b"one");
    assert_eq!(read(&mut behind).1, b"two");
}

#[test]
fn a_waiting_reader_is_woken_or_looks_again() {
    for spin in [Spin::Learn, Spin::Never, Spin::Always] {
        for is_read_only in [false, true] {
            let folder = Folder::new();
            let mut writer = folder.journal().writer().unwrap();
            let mut options = Journal::options();
            let journal = options.spin(spin).read_only(is_read_only).open(folder.path()).unwrap();
            let mut reader = journal.reader(ReadFrom::Start).unwrap();
            thread::scope(|scope| {
                let reading = scope.spawn(move || {
                    let mut waits = Vec::new();
                    for number in 0..5_u64 {
                        let (_, record) = read(&mut reader);
                        let sent = Duration::from_nanos(u64::from_le_bytes(
                            record[8..].try_into().unwrap(),
                        ));
                        assert_eq!(record[..8], number.to_le_bytes());
                        waits.push(now().saturating_sub(sent));
                    }
                    waits
                });
                for number in 0..5_u64 {
                    thread::sleep(Duration::from_millis(60));
                    let now = (now().as_nanos() as u64).to_le_bytes();
                    writer.append(&[number.to_le_bytes(), now].concat()).unwrap();
                }
                let waits = reading.join().unwrap();
                assert!(waits.iter().all(|&wait| wait < SOON), "{waits:?}");
            });
        }
    }
}

/// The time since the first call.
fn now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[test]
fn a_timeout_ends_a_wait() {
    let folder = Folder::new();
    let journal = folder.journal();
    let mut reader = journal.reader(ReadFrom::Start).unwrap();
    for journal in [journal, folder.read_only()] {
        let mut other = journal.reader(ReadFrom::End).unwrap();
        for reader in [&mut reader, &mut other] {
            let start = Instant::now();
            assert_eq!(reader.next_timeout(&mut Vec::new(), BRIEFLY).unwrap(), None);
            assert!((BRIEFLY..SOON).contains(&start.elapsed()));
        }
    }
}

#[test]
fn a_finished_journal_ends_for_readers_and_writers() {
    let folder = Folder::new();
    let journal = folder.journal();
    let (mut writer, mut other) = (journal.writer().unwrap(), journal.writer().unwrap());
    let mut waiting = journal.reader(ReadFrom::End).unwrap();
    writer.append_many([b"one", b"two"]).unwrap();
    thread::scope(|scope| {
        let reading = scope.spawn(|| waiting.records().collect::<Result<Vec<_>, _>>().unwrap());
        thread::sleep(BRIEFLY);
        writer.finish().unwrap();
        assert_eq!(reading.join().unwrap(), [b"one", b"two"]);
    });
    assert!(matches!(other.append(b"three"), Err(Error::Finished)));
    assert!(matches!(other.append_many([b"three"]), Err(Error::Finished)));
    assert!(matches!(other.finish(), Err(Error::Finished)));
    other.sync().unwrap();
    let mut reader = folder.read_only().reader(ReadFrom::End).unwrap();
    assert!(matches!(reader.try_next(&mut Vec::new()), Err(Error::Finished)));
    assert!(matches!(reader.next(&mut Vec::new()), Err(Error::Finished)));
    assert_eq!(read_all(&journal), [b"one", b"two"]);
    // Also for those that open it later.
    drop((journal, writer, other));
    assert!(matches!(folder.journal().writer().unwrap().append(b""), Err(Error::Finished)));
}

/// A record: the number of its writer, its own number, and bytes that follow from both.
fn record(writer: u32, number: u32) -> Vec<u8> {
    let len = (writer * 7919 + number * 104_729) % 3000;
    let mut record = [writer.to_le_bytes(), number.to_le_bytes()].concat();
    record.extend(noise(u64::from(number), len as usize));
    record
}

/// Checks that a record is complete, and that it follows the last one of its writer.
fn check(record: &[u8], next: &mut BTreeMap<u32, u32>) {
    let [writer, number] =
        [0, 4].map(|at| u32::from_le_bytes(record[at..at + 4].try_into().unwrap()));
    assert_eq!(record, self::record(writer, number), "record {number} of {writer} is torn");
    let expected = next.insert(writer, number + 1).unwrap_or(0);
    assert_eq!(number, expected, "of writer {writer}");
}

fn append_all(writer: &mut JournalWriter, id: u32, records: u32) {
    for number in 0..records {
        writer.append(&record(id, number)).unwrap();
        if number % 100 == 0 {
            writer.sync().unwrap();
        }
    }
}

#[test]
fn every_reader_gets_all_records_of_all_processes() {
    succeeds_in_child(|| {
        const RECORDS: u32 = 2000;
        let folder = Folder::new();
        let journal = folder.journal();
        let writers: Vec<_> = (0..3)
            .map(|id| {
                let write = || {
                    append_all(&mut folder.journal().writer().unwrap(), id, RECORDS);
                    0
                };
                Fork::run(write).unwrap()
            })
            .collect();
        let read = |is_read_only| {
            let open = || Journal::options().read_only(is_read_only).open(folder.path());
            let (mut reader, mut next) =
                (open().unwrap().reader(ReadFrom::Start).unwrap(), BTreeMap::new());
            for _ in 0..3 * RECORDS {
                check(&read(&mut reader).1, &mut next);
            }
            i32::from(next.into_values().any(|count| count != RECORDS))
        };
        let readers = [true, false, true].map(|it| Fork::run(|| read(it)).unwrap());
        for process in writers.into_iter().chain(readers) {
            assert!(process.wait().unwrap().success());
        }
        assert_eq!(read_all(&journal).len() as u32, 3 * RECORDS);
    });
}

#[test]
fn threads_may_append_and_sync_at_once() {
    let folder = Folder::new();
    let journal = folder.journal();
    thread::scope(|scope| {
        for id in 0..4 {
            let mut writer = journal.writer().unwrap();
            scope.spawn(move || append_all(&mut writer, id, 500));
        }
    });
    let mut next = BTreeMap::new();
    read_all(&journal).iter().for_each(|record| check(record, &mut next));
    assert_eq!(next.into_values().collect::<Vec<_>>(), [500; 4]);
}

#[test]
fn a_forked_child_appends_with_the_writer_that_it_inherits() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let journal = folder.journal();
        let mut writer = journal.writer().unwrap();
        let mut reader = journal.reader(ReadFrom::Start).unwrap();
        writer.append(b"parent").unwrap();
        let child = Fork::run(|| {
            assert_eq!(read(&mut reader).1, b"parent");
            writer.append(&[1; 10_000]).unwrap();
            0
        });
        assert!(child.unwrap().wait().unwrap().success());
        writer.append(b"again").unwrap();
        let lengths: Vec<_> = read_all(&journal).iter().map(Vec::len).collect();
        assert_eq!(lengths, [6, 10_000, 5]);
    });
}

#[test]
fn a_child_that_is_forked_between_two_records_does_not_append() {
    succeeds_in_child(|| {
        append_and_fork(fork);
        // An emulator of a process does not clear the page by which the child notices this fork.
        if !is_emulated() {
            append_and_fork(fork_without_handlers);
        }
    });
}

fn append_and_fork(fork: impl Fn() -> libc::c_long) {
    let folder = Folder::new();
    let journal = folder.journal();
    let mut child = None;
    let records = (0..3).map(|number| {
        if number == 1 {
            child = Some(fork());
        }
        [number; 100]
    });
    let appended = journal.writer().unwrap().append_many(records);
    if child == Some(0) {
        exit(i32::from(!matches!(appended, Ok(1))));
    }
    assert_eq!(appended.unwrap(), 3);
    assert!(Fork::of(child.unwrap()).wait().unwrap().success());
    assert_eq!(read_all(&journal), [[0; 100], [1; 100], [2; 100]]);
}

#[test]
fn a_killed_writer_leaves_no_trace() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let journal = folder.journal();
        let mut reader = journal.reader(ReadFrom::Start).unwrap();
        let (mut rng, mut next) = (fastrand::Rng::with_seed(3), BTreeMap::new());
        let mut longest = 5000;
        for id in 0..60 {
            let write = || {
                append_all(&mut folder.journal().writer().unwrap(), id, u32::MAX);
                0
            };
            let writer = Fork::run(write).unwrap();
            thread::sleep(Duration::from_micros(rng.u64(..longest)));
            writer.kill().unwrap();
            while let Some(record) = reader.available().next() {
                check(&record.unwrap(), &mut next);
            }
            if !next.contains_key(&id) && longest < 100_000 {
                // This machine is slow.
                longest *= 2;
            }
        }
        assert!(next.len() > 20, "{} writers have written", next.len());
    });
}

/// What `cp` makes: the words of the beginning are older than the records.
#[test]
fn a_copy_of_a_journal_in_use_can_be_used() {
    let folder = Folder::new();
    let mut writer = folder.journal().writer().unwrap();
    writer.append(b"first").unwrap();
    let mut copied = fs::read(folder.path()).unwrap()[..4096].to_vec();
    writer.append_many(["second", "third", "fourth"]).unwrap();
    copied.extend(&fs::read(folder.path()).unwrap()[4096..]);
    let copy = Folder::new();
    fs::write(copy.path(), copied).unwrap();

    let journal = copy.journal();
    let mut end = copy.read_only().reader(ReadFrom::End).unwrap();
    assert_eq!(end.try_next(&mut Vec::new()).unwrap(), None, "these are all records");
    let mut writer = journal.writer().unwrap();
    writer.append(b"fifth").unwrap();
    writer.sync().unwrap();
    assert_eq!(read(&mut end).1, b"fifth");
    assert_eq!(read_all(&journal).len(), 5);
}

#[test]
fn records_that_became_zeros_are_damage() {
    let folder = Folder::new();
    let journal = folder.journal();
    let mut writer = journal.writer().unwrap();
    let lost = writer.append_many(["kept"]).and_then(|_| writer.append(b"lost")).unwrap();
    let mut reader = folder.read_only().reader(ReadFrom::Start).unwrap();
    read(&mut reader);
    folder.file().write_all_at(&[0; 8], (u128::from(lost) >> 32) as u64).unwrap();
    for timeout in [Duration::ZERO, BRIEFLY] {
        let error = reader.next_timeout(&mut Vec::new(), timeout).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}

#[test]
fn many_records_may_be_appended_at_once() {
    let folder = Folder::new();
    let journal = folder.journal();
    let mut writer = journal.writer().unwrap();
    let records: Vec<_> = (0..1000).map(|seed| noise(seed, seed as usize % 97)).collect();
    assert_eq!(writer.append_many(&records).unwrap(), 1000);
    assert_eq!(writer.append_many([[0_u8; 0]; 0]).unwrap(), 0);
    assert_eq!(read_all(&journal), records);
}

#[test]
fn a_file_for_reading_only_is_never_written_to() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        folder.journal().writer().unwrap().append(b"record").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o444)).unwrap();
        let before = fs::metadata(folder.path()).unwrap().modified().unwrap();
        fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o555)).unwrap();
        let allowed = Fork::run(|| {
            if !drop_root_rights() {
                return 0;
            }
            let journal = folder.read_only();
            assert!(matches!(journal.writer(), Err(Error::ReadOnly { call: "writer" })));
            assert_eq!(read_all(&journal), [b"record"]);
            assert!(matches!(Journal::open(folder.path()), Err(Error::Os { .. })));
            0
        });
        assert!(allowed.unwrap().wait().unwrap().success());
        let mut options = Journal::options();
        options.read_only(true);
        assert!(matches!(options.create(folder.path()), Err(Error::ReadOnly { .. })));
        assert!(matches!(options.open_or_create(folder.path()), Err(Error::ReadOnly { .. })));
        assert_eq!(fs::metadata(folder.path()).unwrap().modified().unwrap(), before);
        fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
    });
}

#[test]
fn a_full_disk_is_an_error_and_changes_nothing() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        if mount_memory(folder.0.path(), 1 << 20).is_err() {
            return;
        }
        let journal = folder.journal();
        let mut writer = journal.writer().unwrap();
        writer.append(b"before").unwrap();
        let error = writer.append(&[1; 2 << 20]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOSPC), "{error}");
        assert_eq!(read_all(&journal), [b"before"]);
        let mut records = 1;
        let error = loop {
            match writer.append(&[2; 10_000]) {
                Ok(_) => records += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::ENOSPC), "{error}");
        // Nearly all of the file system was used.
        assert!(records > 90, "{records}");
        assert_eq!(read_all(&journal).len(), records);
        assert_eq!(read_all(&folder.read_only()).len(), records);
    });
}

#[test]
fn other_files_are_refused() {
    let folder = Folder::new();
    fs::write(folder.path(), "some text").unwrap();
    for read_only in [true, false] {
        let error = Journal::options().read_only(read_only).open(folder.path()).unwrap_err();
        let Error::Format { cause, .. } = error else { panic!("{error}") };
        assert_eq!(cause, FormatError::NotSafemap);
    }
    fs::remove_file(folder.path()).unwrap();
    Channel::options().create(folder.path()).unwrap();
    let error = Journal::open_or_create(folder.path()).unwrap_err();
    let Error::Format { cause: FormatError::OtherKind { .. }, .. } = error else {
        panic!("{error}")
    };
}

/// Cuts and damage of the file.
mod damaged {
    use super::*;

    #[test]
    fn each_changed_byte_of_a_record_is_noticed() {
        let folder = Folder::new();
        let journal = folder.journal();
        let mut writer = journal.writer().unwrap();
        writer.append(b"record").unwrap();
        writer.append(b"second").unwrap();
        // Header, sum, recoveries and bytes; not those that fill the record up.
        for at in 4096..4096 + 16 + 6 {
            let (file, mut byte) = (folder.file(), [0]);
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
            let mut reader = journal.reader(ReadFrom::Start).unwrap();
            let error = reader.try_next(&mut Vec::new()).unwrap_err();
            assert!(matches!(error, Error::Corrupt { offset: 4096 }), "byte {at}: {error}");
            file.write_all_at(&byte, at).unwrap();
        }
        assert_eq!(read_all(&journal), [b"record", b"second"]);
    }

    #[test]
    fn a_file_of_each_length_is_an_error_or_shorter() {
        succeeds_in_child(|| {
            let folder = Folder::new();
            folder.journal().writer().unwrap().append(&noise(1, 5000)).unwrap();
            let bytes = fs::read(folder.path()).unwrap();
            for len in (0..3 << 12).step_by(61) {
                fs::write(folder.path(), &bytes[..len]).unwrap();
                match Journal::open(folder.path()) {
                    Err(error) => assert!(matches!(error, Error::Format { .. }), "{len}: {error}"),
                    // The length of a new journal.
                    Ok(_) if len < 8192 => panic!("{len}"),
                    Ok(journal) => ensure_damaged(&journal, len),
                }
            }
        });
    }

    /// The only record needs 9114 bytes of the file.
    fn ensure_damaged(journal: &Journal, len: usize) {
        let read = journal.reader(ReadFrom::Start).unwrap().try_next(&mut Vec::new());
        match len {
            ..9112 => assert!(matches!(read, Err(Error::Corrupt { .. })), "{len}: {read:?}"),
            _ => assert!(read.unwrap().is_some(), "{len}"),
        }
    }

    #[test]
    fn a_file_that_is_cut_during_use_is_an_error() {
        succeeds_in_child(|| {
            let page = page_size();
            // With larger pages, 96 bytes leave a journal without records.
            let lens = [0, page, page + 904, 2 * page].into_iter();
            for len in lens.chain((page == 4096).then_some(96)) {
                let folder = Folder::new();
                let journal = folder.journal();
                let mut writer = journal.writer().unwrap();
                writer.append(&noise(1, 2 * page + 808)).unwrap();
                let mut reader = journal.reader(ReadFrom::Start).unwrap();
                folder.file().set_len(len as u64).unwrap();
                assert!(reader.try_next(&mut Vec::new()).is_err(), "{len}");
                if len <= 4096 {
                    assert!(writer.append(b"more").is_err(), "{len}");
                    assert!(journal.reader(ReadFrom::End).is_err(), "{len}");
                }
            }
        });
    }
}

/// The words of another boot, as after a power failure.
mod recovered {
    use super::*;

    const BOOT: u64 = 392;

    /// Lets the file look like one of another boot.
    fn reboot(folder: &Folder) {
        folder.file().write_all_at(&[0x55; 16], BOOT).unwrap();
    }

    #[test]
    fn records_behind_a_torn_one_are_removed_and_their_positions_are_cut() {
        let folder = Folder::new();
        let journal = folder.journal();
        let mut writer = journal.writer().unwrap();
        let kept = writer.append(b"kept").unwrap();
        writer.sync().unwrap();
        let torn = writer.append(b"torn").unwrap();
        let lost = writer.append(b"lost").unwrap();
        drop((journal, writer));
        folder.file().write_all_at(b"?", (u128::from(torn) >> 32) as u64 + 17).unwrap();
        reboot(&folder);

        // Before any writer.
        let early = folder.read_only();
        assert_eq!(read_all(&early), [b"kept"]);
        let mut following = early.reader(ReadFrom::End).unwrap();

        let journal = folder.journal();
        let mut writer = journal.writer().unwrap();
        let new = writer.append(b"new!").unwrap();
        assert_eq!(read_all(&journal), [b"kept", b"new!"]);
        assert_eq!(read(&mut following), (new, b"new!".to_vec()));
        assert_eq!(u128::from(new) >> 32, u128::from(torn) >> 32, "the same place");
        journal.reader(ReadFrom::After(kept)).unwrap();
        for position in [torn, lost] {
            let error = journal.reader(ReadFrom::After(position)).unwrap_err();
            assert!(matches!(error, Error::Cut { .. }), "{error}");
        }
    }

    #[test]
    fn a_journal_in_use_is_not_recovered() {
        let folder = Folder::new();
        let journal = folder.journal();
        let mut writer = journal.writer().unwrap();
        let first = writer.append(b"first").unwrap();
        // As in a container with a boot id of another kind.
        reboot(&folder);
        let second = folder.journal().writer().unwrap().append(b"second").unwrap();
        assert_eq!(u128::from(first) as u32, u128::from(second) as u32, "recoveries");
        assert_eq!(read_all(&journal), [&b"first"[..], b"second"]);
    }

    #[test]
    fn a_reader_from_before_a_recovery_waits_no_longer_than_its_timeout() {
        succeeds_in_child(|| {
            let folder = Folder::new();
            folder.journal().writer().unwrap().append(b"first").unwrap();
            reboot(&folder);
            let mut following = folder.read_only().reader(ReadFrom::Start).unwrap();
            assert_eq!(read(&mut following).1, b"first");

            let journal = folder.journal();
            let mut record = Vec::new();
            assert_eq!(following.next_timeout(&mut record, BRIEFLY).unwrap(), None);
            journal.writer().unwrap().append(b"second").unwrap();
            assert_eq!(read(&mut following).1, b"second");
        });
    }
}
