//! A stack overflow is still reported by the handler of Rust's runtime, which the library's
//! replaced.

use std::hint::black_box;

use super::*;

pub(crate) fn run(settings: &Settings) -> Result {
    let rounds = settings.times(4, 20);
    for round in 0..rounds {
        let file = TempFile::new(&pattern(4 * PAGE));
        let thread = ["main", "spawned"][round % 2];
        let handler = if settings.control { "--replaced" } else { "--kept" };
        let ended = this_program(&["--overflow", thread, handler]).arg(file.path()).output()?;
        let message = String::from_utf8_lossy(&ended.stderr);
        let status = ended.status;
        assert!(message.contains("has overflowed its stack"), "{thread}: {status}, {message:?}");
        assert_eq!(status.signal(), Some(SIGABRT), "{thread}");
    }
    Ok(Report::new(rounds, "stack overflows, of the main thread and of another in turn")
        .note("each reported"))
}

/// The main function of a process that overflows its stack after it met a fault in a map.
pub(crate) fn overflow(thread: &str, handler: &str, path: &str) -> Result<()> {
    let map = safemap::Options::new().access(safemap::Access::Write).open(path)?;
    std::fs::File::options().write(true).open(path)?.set_len(0)?;
    map.get(0).expect_err("the file was truncated");
    if handler == "--replaced" {
        install_ending(SIGSEGV);
    }
    if thread == "main" {
        println!("{}", recurse(0));
    } else {
        thread::spawn(|| println!("{}", recurse(0))).join().map_err(|_| "the thread panicked")?;
    }
    Ok(())
}

fn recurse(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX { 0 } else { black_box(recurse(depth + 1)) + 1 }
}
