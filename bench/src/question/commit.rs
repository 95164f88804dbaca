//! How long does it take until a change of several pages of a file is durable, all at once?

use std::error::Error;

use super::*;
#[cfg(feature = "lmdb")]
use crate::stores::lmdb;
#[cfg(feature = "sqlite")]
use crate::stores::sqlite;
use crate::stores::{CHANGED, Changes, Commit, PAGE, flushes, transactional, transactions};

const SQLITE: &str = "SQLite, WAL, FULL";
const LMDB: &str = "LMDB";
const FLUSH: &str = "mmap + flush";

/// The numbers of changes, and the aims beside `flush` of a file that was written in pieces of 4
/// KiB, and of 1 MiB.
const SIZES: [(usize, f64, f64); 4] =
    [(1, 1.3, 0.3), (10, 0.75, 0.05), (100, 0.6, 0.05), (1000, 0.65, 0.2)];

pub(super) fn answer(run: &Run) -> Outcome {
    let pages = run.size(256 * MIB) / PAGE;
    let folder = tempfile::tempdir()?;
    let mut values = Changes::new(pages, CHANGED);
    let (mut sqlite, mut lmdb) = databases(folder.path(), &mut values)?;
    for piece in [4 * KIB, MIB] {
        let file = || TempFile::repeated(&vec![7; piece], pages * PAGE);
        let (ours, theirs) = (file(), file());
        let map = transactional(&ours);
        let (mut ours, mut theirs) = (transactions(&map), flushes(&theirs));
        for (count, small, large) in SIZES {
            let name = format!("{}, file written by {}", counted(count), sized(piece));
            let row = Row::new(name).with("safemap", work(&mut ours, &values, count));
            if piece == MIB {
                row.with(FLUSH, work(&mut theirs, &values, count)).aim(FLUSH, large).done(run);
                continue;
            }
            row.with(FLUSH, work(&mut theirs, &values, count))
                .maybe(SQLITE, sqlite.as_mut().map(|it| work(it, &values, count)))
                .maybe(LMDB, lmdb.as_mut().map(|it| work(it, &values, count)))
                .aim(SQLITE, 0.9)
                .aim(LMDB, 0.7)
                .aim(FLUSH, small)
                .done(run);
        }
        if piece == 4 * KIB {
            slowest(run, &values, ours, sqlite.take());
        }
    }
    Ok(())
}

/// The longest of many commits, one of which has to wait for a checkpoint.
fn slowest(run: &Run, values: &Changes, ours: Commit<'_>, sqlite: Option<Commit<'_>>) {
    let longest = |mut commit| -> Work<'_> {
        let mut changes = values.clone();
        let commits = if run.quick { 10 } else { 1000 };
        Box::new(move |_| {
            let mut one = once(&mut commit, &mut changes, 10);
            (0..commits).map(|_| one(1) / 1e3).fold(0.0, f64::max)
        })
    };
    Row::new("slowest of 1000 commits, 10 changes")
        .unit("µs")
        .rounds(5)
        .with("safemap", longest(ours))
        .maybe(SQLITE, sqlite.map(longest))
        .done(run);
}

type Databases = (Option<Commit<'static>>, Option<Commit<'static>>);

/// Makes a database with a value for each page.
type Make = fn(&Path, &mut Changes) -> Result<Commit<'static>, Box<dyn Error>>;

/// The databases that are built.
fn databases(folder: &Path, values: &mut Changes) -> Result<Databases, Box<dyn Error>> {
    let sqlite: Option<Make> = optional!("sqlite", sqlite::commits as Make);
    let lmdb: Option<Make> = optional!("lmdb", lmdb::commits as Make);
    let mut made = |make: Option<Make>| make.map(|make| make(folder, values)).transpose();
    Ok((made(sqlite)?, made(lmdb)?))
}

/// Times commits of so many changes.
fn work<'a>(commit: &'a mut Commit<'_>, values: &Changes, count: usize) -> Work<'a> {
    let mut changes = values.clone();
    Box::new(move |times| once(commit, &mut changes, count)(times))
}

/// Times commits. Choosing the changes is not timed.
fn once<'a>(
    commit: &'a mut Commit<'_>,
    changes: &'a mut Changes,
    count: usize,
) -> impl FnMut(u64) -> f64 + 'a {
    move |times| {
        let one = |_| {
            let changes = changes.next(count);
            let begun = std::time::Instant::now();
            commit(&changes);
            since(begun)
        };
        (0..times).map(one).sum()
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}
