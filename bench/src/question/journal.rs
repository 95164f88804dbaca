//! What does it cost to append a record, to make it durable, and to wake a reader?

use std::{fs::File, io::Write};

use safemap::ipc::{Journal, JournalWriter, ReadFrom, Spin};

use super::*;
use crate::{
    links::{journal, sockets},
    traffic::{Numbered, there_and_back},
};

const LEN: usize = 64;
const WRITE: &str = "write, O_APPEND";
const DURABLE_WRITE: &str = "write, O_APPEND + fdatasync";
const SOCKET: &str = "Unix socket";

pub(super) fn answer(run: &Run) -> Outcome {
    beside_files(run, "append 64 B", (WRITE, 0.1), |_| (), |_| ())?;
    let sync = |writer: &mut JournalWriter| writer.sync().expect("sync");
    let sync_data = |file: &mut File| file.sync_data().expect("fdatasync");
    beside_files(run, "append 64 B, durable", (DURABLE_WRITE, 1.1), sync, sync_data)?;
    let row = "64 B there and back, by readers that wait";
    if run.asks(row) {
        Row::new(row)
            .with("safemap", there_and_back(journal::ends(Spin::Learn), LEN))
            .with("safemap, Spin::Never", there_and_back(journal::ends(Spin::Never), LEN))
            .with(SOCKET, there_and_back(sockets(), LEN))
            .done(run);
    }
    Ok(())
}

/// Appends records to a journal and to a file, each followed by a call. Then reads both.
fn beside_files(
    run: &Run,
    name: &str,
    (peer, aim): (&'static str, f64),
    after_ours: impl Fn(&mut JournalWriter),
    after_theirs: impl Fn(&mut File),
) -> Outcome {
    if !run.asks(name) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let journal = Journal::open_or_create(folder.path().join("journal"))?;
    let path = folder.path().join("file");
    let mut file = File::options().create(true).append(true).open(&path)?;
    let (mut writer, mut ours) = (journal.writer()?, Numbered::new(LEN, 0));
    let mut theirs = Numbered::new(LEN, 0);
    Row::new(name)
        .time("safemap", || {
            writer.append(ours.next()).expect("append");
            after_ours(&mut writer);
        })
        .time(peer, || {
            file.write_all(theirs.next()).expect("write");
            after_theirs(&mut file);
        })
        .aim(peer, aim)
        .done(run);
    check(&ours, journal.reader(ReadFrom::Start)?.available())?;
    check(&theirs, fs::read(&path)?.chunks(LEN).map(|bytes| Ok(bytes.to_vec())))
}

/// Checks that the records are those that were appended.
fn check(appended: &Numbered, records: impl Iterator<Item = safemap::Result<Vec<u8>>>) -> Outcome {
    let mut read = Numbered::new(LEN, 0);
    for record in records {
        read.check(&record?);
    }
    assert_eq!(read, *appended);
    Ok(())
}
