//! A process that changes a file by transactions is killed at random instants, beside processes
//! that read the file.

use std::{collections::BTreeSet, os::unix::process::parent_id};

use super::{
    accounts::{LEN, change, checked, cut, number, number_in},
    stage::{COUNTS, LONGEST_WAIT, MESSAGES, Stage},
    *,
};
use crate::commit_journal::last_record;

/// The number of the last transaction whose commit has returned.
const ACKNOWLEDGED: usize = COUNTS;
const READERS: usize = 2;

pub(crate) fn killed(settings: &Settings) -> Result {
    let stage = Stage::new(settings)?;
    fs::write(stage.path(), vec![0; LEN])?;
    let kills = settings.times(60, 10_000);
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(stage.start(|| read(&stage))?);
    }
    let (mut rng, mut applying) = (fastrand::Rng::with_seed(7), BTreeSet::new());
    for kill in 1..=kills {
        let writer = stage.start(|| write(&stage))?;
        wait_for_instant(&stage, &mut rng)?;
        assert!(writer.try_wait()?.is_none(), "a writer ended before it was killed");
        applying.extend(kill_writer(&stage, writer, &readers)?);
        if kill % 10 == 0 {
            readers.swap_remove(rng.usize(..READERS)).kill()?;
            readers.push(stage.start(|| read(&stage))?);
        }
        for reader in &readers {
            assert!(reader.try_wait()?.is_none(), "see above");
        }
    }
    readers.into_iter().try_for_each(Fork::kill)?;
    report(&stage, settings, kills, applying.len())
}

/// Waits for an instant to kill a writer: at random after its start or after a commit, or when it
/// has begun to apply a record.
fn wait_for_instant(stage: &Stage, rng: &mut fastrand::Rng) -> Result<()> {
    let (counts, file) = (stage.counts(), fs::File::open(stage.path())?);
    match rng.u8(..4) {
        0 => {}
        1 => return wait_for_change(|| number_in(&file)),
        _ => wait_for_change(|| {
            thread::sleep(Duration::from_micros(100));
            Ok(counts.load(ACKNOWLEDGED)?)
        })?,
    }
    thread::sleep(Duration::from_micros(rng.u64(..3000)));
    Ok(())
}

fn wait_for_change(number: impl Fn() -> Result<u64>) -> Result<()> {
    let (before, start) = (number()?, Instant::now());
    while number()? == before {
        assert!(start.elapsed() < 20 * LONGEST_WAIT, "no commit in {:?}", start.elapsed());
    }
    Ok(())
}

/// Kills a writer, and stops the readers, which would recover the file. Returns which record was
/// being applied.
fn kill_writer(stage: &Stage, writer: Fork, readers: &[Fork]) -> Result<Option<(u64, usize)>> {
    writer.send(libc::SIGKILL)?;
    readers.iter().try_for_each(|reader| reader.send(libc::SIGSTOP))?;
    writer.wait()?;
    let applied = record_in_part(&stage.path())?;
    readers.iter().try_for_each(|reader| reader.send(libc::SIGCONT))?;
    Ok(applied)
}

/// Returns the last record if the file has a part of it: a commit writes to the file behind the
/// sync of the record, and marks the record in the end. All bytes of a range differ from those
/// before. The same record is found again if a recovery was interrupted.
fn record_in_part(path: &Path) -> Result<Option<(u64, usize)>> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-commit");
    let record = last_record(journal.as_ref())?.filter(|record| !record.is_marked);
    let Some(record) = record else { return Ok(None) };
    let Some((at, expected)) = record.ranges.first() else { return Ok(None) };
    let mut found = vec![0; expected.len()];
    let is_there = fs::File::open(path)?.read_exact_at(&mut found, *at as u64).is_ok();
    Ok((is_there && found == *expected).then_some(record.id))
}

/// Checks the file after the last kill, and that nothing is left beside it.
fn report(stage: &Stage, settings: &Settings, kills: usize, applying: usize) -> Result {
    let map = open(stage)?;
    let (number, counts) = (checked(&map)?, stage.counts());
    let acknowledged: u64 = counts.load(ACKNOWLEDGED)?;
    assert!(number >= acknowledged, "transaction {acknowledged} was lost: {number}");
    map.close()?;
    assert_eq!(fs::read_dir(stage.path().parent().expect("a folder"))?.count(), 1);
    assert!(applying >= settings.times(0, 100), "{applying} kills of a writer that applied");
    let checks: u64 = counts.load(MESSAGES)?;
    let note = format!(
        "{number} transactions; {applying} kills between the sync of a record and the end of its \
         application; {checks} checks of all bytes by readers"
    );
    Ok(Report::new(kills, "writers of a transactional map killed").note(note))
}

/// Opens the file for writing.
fn open(stage: &Stage) -> safemap::Result<Map> {
    let mut options = Options::new();
    options.access(Access::Write).transactional(!stage.control).timeout(LONGEST_WAIT);
    options.open(stage.path())
}

/// Makes transactions until the process is killed.
fn write(stage: &Stage) -> Result<()> {
    let (map, counts, parent) = (open(stage)?, stage.counts(), parent_id());
    let mut rng = fastrand::Rng::with_seed(number(&map)?);
    while parent_id() == parent {
        let number = number(&map)? + 1;
        if stage.control {
            change(&map, number)?;
        } else if rng.u8(..16) == 0 {
            let _rolled_back = map.transaction()?;
            change(&map, number + 1)?;
            continue;
        } else {
            let transaction = map.transaction()?;
            change(&map, number)?;
            transaction.commit()?;
        }
        counts.store(number, ACKNOWLEDGED)?;
        match rng.u8(..) {
            0..8 => cut(&map)?,
            8 if !stage.control => map.checkpoint()?,
            _ => {}
        }
    }
    Ok(())
}

/// Checks the file until the process is killed.
fn read(stage: &Stage) -> Result<()> {
    let map = Options::new().transactional(true).timeout(20 * LONGEST_WAIT).open(stage.path())?;
    let (counts, parent) = (stage.counts(), parent_id());
    let mut last = 0;
    while parent_id() == parent {
        let acknowledged: u64 = counts.load(ACKNOWLEDGED)?;
        let reading = map.reading()?;
        let number = checked(&map)?;
        drop(reading);
        assert!(number >= acknowledged, "transaction {acknowledged} was lost: {number}");
        assert!(number >= last, "transaction {last} was undone: {number}");
        last = number;
        counts.atomic::<u64>(MESSAGES)?.fetch_add(1, SeqCst)?;
        thread::sleep(Duration::from_micros(500));
    }
    Ok(())
}
