//! Open, in system calls.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{Question, open};
use crate::{
    row::{Row, skip},
    run::{KIB, Outcome, Run},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "open_calls",
    title: "Rust: open, map, touch a byte, unmap, close, in system calls",
    how: "Counted by strace: a process that does it 1100 times less one that does it 100 times. The least possible is five: open, fstat for the length, mmap, munmap, close.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    let name = "system calls for each map";
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        skip(name, "there is no strace");
        return Ok(());
    }
    let file = Scratch::file(&vec![1; 4 * KIB])?;
    let path = file.path();
    Row::new(name)
        .unit("calls")
        .rounds(1)
        .with("safemap", Box::new(|_| calls("safemap", path)))
        .with("memmap2", Box::new(|_| calls("memmap2", path)))
        .with("the least", Box::new(|_| 5.0))
        .aim("memmap2", 1.0)
        .done(run);
    Ok(())
}

fn calls(who: &str, path: &Path) -> f64 {
    let [few, many] = ["100", "1100"].map(|times| counted(who, times, path));
    many.zip(few).map_or(f64::NAN, |(many, few)| (many as f64 - few as f64) / 1000.0)
}

/// The system calls of a process that opens and closes so many times.
fn counted(who: &str, times: &str, path: &Path) -> Option<usize> {
    let log = Scratch::path_only();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(log.path()).arg(env::current_exe().ok()?);
    let status = strace.args(["--open", who, times]).arg(path).status().ok()?;
    let text = status.success().then(|| fs::read(log.path()).ok())??;
    Some(text.iter().filter(|&&byte| byte == b'\n').count())
}

/// The life of that process.
pub(crate) fn work(who: &str, times: &str, path: &str) -> Outcome {
    let once = if who == "safemap" { open::ours } else { open::theirs };
    for _ in 0..times.parse()? {
        once(Path::new(path));
    }
    Ok(())
}
