//! Is a real stack overflow still reported as one, by the standard library's handler, which ours replaced?
#![forbid(unsafe_code)]

use std::{hint::black_box, os::unix::process::ExitStatusExt, thread};

use crate::{
    raw::signal::{SIGABRT, SIGSEGV, Theirs},
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, myself, pattern},
};

pub(crate) fn run(run: &Run) -> Outcome {
    let file = Scratch::file(&pattern(4 * PAGE))?;
    let rounds = run.times(4, 20);
    for round in 0..rounds {
        let place = ["main", "thread"][round % 2];
        let how = if run.control { "--replaced" } else { "--ours" };
        let ended = myself(&["--overflow", place, how]).arg(file.path()).output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("has overflowed its stack"), "{place}: {}, {said:?}", ended.status);
        assert_eq!(ended.status.signal(), Some(SIGABRT), "{place}");
        std::fs::write(file.path(), pattern(4 * PAGE))?;
    }
    Ok(Facts::all(rounds, "stack overflows, of the first thread and of another in turn").note("each reported"))
}

/// The life of a process that overflows its stack after a fault was recovered in it.
pub(crate) fn overflow(place: &str, how: &str, path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let map = safemap::Options::new().access(safemap::Access::Write).open(path)?;
    std::fs::File::options().write(true).open(path)?.set_len(0)?;
    map.get(0).expect_err("the file was cut");
    if how == "--replaced" {
        Theirs::Ends.install(SIGSEGV);
    }
    if place == "main" {
        println!("{}", deep(0));
    } else {
        thread::spawn(|| println!("{}", deep(0))).join().map_err(|_| "the thread panicked")?;
    }
    Ok(())
}

fn deep(level: u64) -> u64 {
    if black_box(level) == u64::MAX { 0 } else { black_box(deep(level + 1)) + 1 }
}
