//! Processes that append to a journal are killed at random instants, or stopped.

use std::{collections::BTreeMap, os::unix::process::parent_id};

use safemap::ipc::{Journal, ReadFrom};

use super::{
    stage::{
        END, LONGEST_WAIT, MESSAGES, Stage, WORKERS, acknowledged, checked, ensure_all_came,
        message, note_wait,
    },
    *,
};

/// Of a record. The file of the whole run must fit on the disk.
const LONGEST: u64 = 3000;

pub(crate) fn killed(settings: &Settings) -> Result {
    let stage = Stage::new(settings)?;
    let journal = Journal::open_or_create(stage.path())?;
    let kills = settings.times(300, 10_000);
    let checker = stage.start(|| check_all(&stage))?;
    kill_at_random(kills, WORKERS, |id| stage.start(|| append(&stage, id as u64)))?;
    stage.counts().store(1_u64, END)?;
    assert!(checker.wait()?.success(), "see above");
    stage.report(settings, (kills, "writers of a journal killed"), journal.takeovers()?)
}

/// A writer is stopped while it has the lock.
pub(crate) fn stopped(settings: &Settings) -> Result {
    let stage = Stage::new(settings)?;
    let (journal, counts) = (Journal::open_or_create(stage.path())?, stage.counts());
    let time = settings.time(1000, 5000);
    let owner = stage.start(|| append_slowly(&stage))?;
    while counts.load::<u64>(MESSAGES)? == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    owner.send(libc::SIGSTOP)?;
    let (mut writer, mut reader) = (journal.writer()?, journal.reader(ReadFrom::Start)?);
    let other = thread::spawn(move || writer.append(b"other"));
    let mut record = Vec::new();
    reader.next(&mut record)?;
    assert_eq!(record, b"first");
    let next = reader.next_timeout(&mut record, time)?;
    assert_eq!(next, None, "the lock of a stopped writer was taken");
    owner.send(libc::SIGCONT)?;
    for expected in [&b"second"[..], b"other"] {
        reader.next_timeout(&mut record, LONGEST_WAIT)?.expect("the owner unlocks");
        assert_eq!(record, expected);
    }
    assert!(owner.wait()?.success(), "see above");
    other.join().expect("the thread does not panic")?;
    assert_eq!(journal.takeovers()?, 0);
    Ok(Report::new(1, "process stopped that has the lock").note(format!("for {time:?}")))
}

/// Has the lock for 200 ms between two records.
fn append_slowly(stage: &Stage) -> Result<()> {
    let (journal, counts) = (Journal::open_or_create(stage.path())?, stage.counts());
    let slowly = [(0, &b"first"[..]), (1, b"second")].into_iter().map(|(number, record)| {
        if number == 1 {
            stage.hide_tokens().expect("a map of the file exists");
            counts.store(1_u64, MESSAGES).expect("the file is long enough");
            thread::sleep(Duration::from_millis(200));
        }
        record
    });
    assert_eq!(journal.writer()?.append_many(slowly)?, 2);
    Ok(())
}

/// Appends records until the process is killed or the scenario ends.
fn append(stage: &Stage, id: u64) -> Result<()> {
    let (journal, counts) = (Journal::open_or_create(stage.path())?, stage.counts());
    let mut writer = journal.writer()?;
    stage.hide_tokens()?;
    let parent = parent_id();
    for number in 0.. {
        if parent_id() != parent || counts.load::<u64>(END)? == 1 {
            break;
        }
        let start = Instant::now();
        writer.append(&message::<LONGEST>(id, number))?;
        if number % 64 == 63 {
            writer.sync()?;
        }
        note_wait(&counts, start)?;
        counts.store(number + 1, acknowledged(id))?;
    }
    Ok(())
}

/// Checks all records until the scenario ends: none is torn, missing, or out of order.
fn check_all(stage: &Stage) -> Result<()> {
    let journal = Journal::options().read_only(true).open(stage.path())?;
    let (mut reader, counts) = (journal.reader(ReadFrom::Start)?, stage.counts());
    let (parent, mut next, mut record) = (parent_id(), BTreeMap::new(), Vec::new());
    while parent_id() == parent {
        let has_ended = stage.has_ended()?;
        match reader.next_timeout(&mut record, Duration::from_millis(20))? {
            None if has_ended => break,
            None => continue,
            Some(_) => {}
        }
        let (id, number) = checked::<LONGEST>(&record);
        let expected = next.insert(id, number + 1).unwrap_or(0);
        assert_eq!(number, expected, "writer {id}");
        counts.store(counts.load::<u64>(MESSAGES)? + 1, MESSAGES)?;
    }
    ensure_all_came(&counts, &next)
}
