//! Appends lines to a journal, or follows it until the line `end` while others append: `cargo run
//! --release --example journal -- JOURNAL [LINE...]`.
#![forbid(unsafe_code)]

use std::{env, io, path::Path, thread, time::Duration};

use safemap::{Access, Map, Options};

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => Err(io::Error::other("usage: journal JOURNAL [LINE...]")),
        [path] => follow(Path::new(path), &mut io::stdout()),
        [path, lines @ ..] => append(Path::new(path), lines),
    }
}

pub(crate) fn append(path: &Path, lines: &[impl AsRef<str>]) -> io::Result<()> {
    let journal = Options::new().access(Access::Write).create(true).open(path)?;
    for line in lines {
        journal.append(format!("{}\n", line.as_ref()).as_bytes())?;
    }
    Ok(())
}

pub(crate) fn follow(path: &Path, output: &mut impl io::Write) -> io::Result<()> {
    let (journal, mut at, mut line) = (Map::open(path)?, 0, vec![]);
    while line != b"end\n" {
        if let Some(end) = journal.find(b"\n", at..)? {
            line = journal.to_vec(at..=end)?;
            output.write_all(&line)?;
            at = end + 1;
        } else {
            // The last line may be incomplete.
            thread::sleep(Duration::from_millis(10));
            journal.refresh()?;
        }
    }
    Ok(())
}
