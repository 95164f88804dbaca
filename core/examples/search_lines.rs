//! Prints the lines of a file that contain a text, with their numbers.
//!
//! Run it with `cargo run --release --example search_lines -- TEXT FILE`. The file may be a log
//! that other processes append to and truncate, a pipe, or a file of `/proc`.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use memchr::{memchr, memchr_iter, memmem, memrchr};
use safemap::FileBytes;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [text, path] = &arguments[..] else {
        eprintln!("usage: search_lines TEXT FILE");
        return ExitCode::FAILURE;
    };
    let printed = FileBytes::open(path)
        .map_err(io::Error::from)
        .and_then(|bytes| print(&matching_lines(&bytes, text.as_bytes()), &mut io::stdout()));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A line without its end, and its number.
pub(crate) type Line<'a> = (usize, &'a [u8]);

/// Returns the lines that contain `text`.
pub(crate) fn matching_lines<'a>(bytes: &'a [u8], text: &[u8]) -> Vec<Line<'a>> {
    let (finder, mut lines, mut from, mut number) = (memmem::Finder::new(text), vec![], 0, 1);
    while let Some(found) = finder.find(&bytes[from..]).filter(|_| from < bytes.len()) {
        let found = from + found;
        let start = memrchr(b'\n', &bytes[..found]).map_or(0, |newline| newline + 1);
        let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |len| start + len);
        number += memchr_iter(b'\n', &bytes[from..start.max(from)]).count();
        lines.push((number, &bytes[start..end]));
        from = (end + 1).min(bytes.len());
        number += 1;
    }
    lines
}

fn print(lines: &[Line<'_>], to: &mut impl Write) -> io::Result<()> {
    for (number, line) in lines {
        write!(to, "{number}:")?;
        to.write_all(line)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}
