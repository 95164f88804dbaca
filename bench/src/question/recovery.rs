//! How long does it take to open a file whose writer has crashed?

use std::{mem, process};

use super::*;
use crate::stores::{CHANGED, Changes, PAGE, transactional, transactions, writes};

const WRITE: &str = "pwrite + fdatasync";
/// In each commit.
const COUNT: usize = 1000;

pub(super) fn answer(run: &Run) -> Outcome {
    let (size, commits) = (run.size(256 * MIB), if run.quick { 2 } else { 21 });
    let file = || TempFile::repeated(&[7; 4 * KIB], size);
    let (ours, theirs) = (file(), file());
    let crashed = || {
        leave_journal(ours.path(), commits).expect("a process that crashes");
        transactional as fn(&TempFile) -> Map
    };
    let mut write = writes(theirs.open());
    let mut values = changes(size);
    Row::new(format!("records of {}", sized(commits * COUNT * CHANGED)))
        .rounds(7)
        .with("safemap", after(crashed, |open| open(&ours)))
        .with(WRITE, many(|| write(&values.next(commits * COUNT))))
        .aim(WRITE, 1.3)
        .done(run);
    Ok(())
}

fn changes(size: usize) -> Changes {
    Changes::new(size / PAGE, CHANGED)
}

/// Runs a process that commits and ends without closing its map.
fn leave_journal(path: &Path, commits: usize) -> Outcome {
    let mut command = Command::new(env::current_exe()?);
    let status = command.args(["--crash", &commits.to_string()]).arg(path).status()?;
    if status.success() { Ok(()) } else { Err(format!("the process has {status}").into()) }
}

/// Leaves a journal with the records of that many commits.
pub(crate) fn crash(commits: &str, path: &str) -> Outcome {
    let commits = commits.parse()?;
    let map = Options::new().access(Access::Write).transactional(true).open(path)?;
    let mut values = changes(map.len());
    let mut commit = transactions(&map);
    // The journal is as long as it needs to be when it begins anew.
    commit(&values.next(commits * COUNT));
    map.checkpoint()?;
    (0..commits).for_each(|_| commit(&values.next(COUNT)));
    drop(commit);
    mem::forget(map);
    process::exit(0);
}
