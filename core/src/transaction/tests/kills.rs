//! A writer that is killed before, within and behind each of its operations: the next opening, or
//! the next reading, finds all of a commit or nothing.

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{Folder, commit, enter, put, reader, writer};
use crate::{
    Error,
    test_children::{FOLDER, child},
    transaction::{
        backend::steps,
        log::{Change, NewLen},
    },
};

/// The operation at which the child ends, and whether it does a part of it.
const STEP: &str = "SAFEMAP_TEST_STEP";
const PAGE: usize = 4096;
const OLD: usize = 3 * PAGE;
const NEW: usize = 5 * PAGE;

/// The content of the file after this number of commits.
fn content(commits: usize) -> Vec<u8> {
    let mut bytes = vec![0; if commits < 2 { OLD } else { NEW }];
    for at in 0..commits.min(3) {
        for page in 0..bytes.len() / PAGE {
            bytes[page * PAGE + at * 8..][..8].fill(at as u8 + 1);
        }
    }
    if commits > 3 {
        bytes.truncate(PAGE);
    }
    bytes
}

const COMMITS: usize = 4;

fn data() -> Option<PathBuf> {
    env::var_os(FOLDER).map(|folder| Path::new(&folder).join("data"))
}

#[test]
fn commit_in_a_child_process() {
    let Some(data) = data() else { return };
    if let Ok(step) = env::var(STEP) {
        steps::end_at(step.parse().unwrap());
    }
    let opened = writer(&data).unwrap();
    for done in 0..3 {
        let new = [done as u8 + 1; 8];
        let pages = if done == 1 { NEW } else { content(done).len() } / PAGE;
        let ranges: Vec<_> =
            (0..pages).map(|page| ((page * PAGE + done * 8) as u64, &new[..])).collect();
        let ranges = if done == 1 { second(&ranges, pages) } else { ranges };
        let len = (done == 1).then_some(NewLen::Grow(NEW as u64));
        commit(&opened, &Change { ranges: &ranges, len }).unwrap();
        println!("\ncommitted {}", done + 1);
    }
    opened.checkpoint("checkpoint", &super::Wait::FOREVER).unwrap();
    commit(&opened, &Change { ranges: &[], len: Some(NewLen::Cut(PAGE as u64)) }).unwrap();
    println!("\ncommitted 4");
    opened.close().unwrap();
    println!("\nclosed");
}

/// New pages get the bytes of the first commit too.
fn second<'a>(ranges: &[(u64, &'a [u8])], pages: usize) -> Vec<(u64, &'a [u8])> {
    let first = (OLD / PAGE..pages).map(|page| ((page * PAGE) as u64, &[1; 8][..]));
    let mut all: Vec<_> = ranges.iter().copied().chain(first).collect();
    all.sort_unstable();
    all
}

/// Reads the file as a user without the right to write.
#[test]
fn read_in_a_child_process() {
    let Some(data) = data() else { return };
    match reader(&data) {
        Ok(opened) => {
            let _reading = enter(&opened).unwrap();
            let bytes = fs::read(&data).unwrap();
            println!("\nread {:?}", (0..=COMMITS).find(|&it| content(it) == bytes).unwrap());
        }
        Err(Error::Unrecovered { call: "open", .. }) => println!("\nunrecovered"),
        Err(error) => panic!("{error}"),
    }
}

fn run(mut command: Command) -> Option<(Output, String)> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output, text))
}

/// Runs the child up to a step. Returns how many commits it has reported, and whether it was
/// closed.
fn run_until(step: usize, folder: &Folder) -> (usize, bool) {
    fs::write(folder.data(), content(0)).unwrap();
    let mut command = child(&[], module_path!(), "commit_in_a_child_process", folder.path());
    command.env(STEP, step.to_string());
    let (output, text) = run(command).unwrap();
    let is_closed = text.contains("\nclosed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(is_closed || errors.contains(steps::MESSAGE), "step {step}: {text}{errors}");
    (
        (1..=COMMITS).rev().find(|at| text.contains(&format!("committed {at}"))).unwrap_or(0),
        is_closed,
    )
}

fn commits_of(path: &Path) -> Option<usize> {
    let bytes = fs::read(path).unwrap();
    (0..=COMMITS).find(|&commits| content(commits) == bytes)
}

/// Calls `check` with the state after each step.
fn after_each_step(mut check: impl FnMut(usize, &Folder, usize)) -> usize {
    for step in 0.. {
        let folder = Folder::with(b"");
        let (reported, is_closed) = run_until(step, &folder);
        if is_closed {
            return step;
        }
        check(step, &folder, reported);
    }
    unreachable!("an endless loop ends")
}

#[test]
fn the_next_opening_finds_all_of_a_commit_or_nothing() {
    let mut torn = 0;
    let steps = after_each_step(|step, folder, reported| {
        torn += usize::from(commits_of(&folder.data()).is_none());
        let opened = writer(&folder.data()).unwrap();
        let found = commits_of(&folder.data());
        assert!(found == Some(reported) || found == Some(reported + 1), "step {step}: {found:?}");
        put(&opened, b"next", 0).unwrap();
        opened.close().unwrap();
        assert!(!folder.journal().exists());
    });
    // The controls: it was killed often, and also while it applied a commit.
    assert!(steps > 20 && torn > 5, "{steps} {torn}");
}

#[test]
fn the_next_reading_finds_all_of_a_commit_or_nothing() {
    let mut recovered = 0;
    after_each_step(|step, folder, reported| {
        let before = fs::read(folder.data()).unwrap();
        let opened = reader(&folder.data()).unwrap();
        let _reading = enter(&opened).unwrap();
        let found = commits_of(&folder.data());
        assert!(found == Some(reported) || found == Some(reported + 1), "step {step}: {found:?}");
        recovered += usize::from(fs::read(folder.data()).unwrap() != before);
    });
    assert!(recovered > 5, "{recovered}");
}

/// The reader was there before.
#[test]
fn a_map_for_reading_recovers_what_a_writer_leaves() {
    after_each_step(|step, folder, reported| {
        let left = [folder.data(), folder.journal()].map(|path| fs::read(path).ok());
        fs::remove_file(folder.journal()).ok();
        fs::write(folder.data(), content(0)).unwrap();
        let opened = reader(&folder.data()).unwrap();
        drop(enter(&opened).unwrap());
        for (path, bytes) in [folder.data(), folder.journal()].iter().zip(left) {
            if let Some(bytes) = bytes {
                fs::write(path, bytes).unwrap();
            }
        }
        let _reading = enter(&opened).unwrap();
        let found = commits_of(&folder.data());
        assert!(found == Some(reported) || found == Some(reported + 1), "step {step}: {found:?}");
    });
}

#[test]
fn a_reader_that_may_not_write_reports_a_commit_that_is_not_complete() {
    if crate::sys::file::user() != 0 {
        return println!("skipped: needs root");
    }
    let (mut read, mut unrecovered) = (0, 0);
    after_each_step(|step, folder, reported| {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let before = commits_of(&folder.data());
        let mut command = child(&[], module_path!(), "read_in_a_child_process", folder.path());
        let Some((output, text)) = run({
            command.uid(65534).gid(65534);
            command
        }) else {
            return;
        };
        assert!(output.status.success(), "step {step}: {text}{output:?}");
        if text.contains("\nunrecovered") {
            unrecovered += 1;
        } else {
            read += 1;
            let is_right = before == Some(reported) || before == Some(reported + 1);
            assert!(is_right && text.contains(&format!("\nread {}", before.unwrap())), "{text}");
        }
    });
    println!("{read} read, {unrecovered} not recovered");
    assert!(unrecovered > 5 && (read > 5 || read == 0), "{read} {unrecovered}");
}
