//! Publishes values that other processes read at any time: `cargo run --release --example
//! last_value -- FILE [VALUE...]`.
//!
//! Without values it prints the last one. A program in Python that uses the same file is in
//! `docs/ipc-recipes.md`.
#![forbid(unsafe_code)]

use std::{env, io, path::Path, sync::atomic::fence};

use safemap::{
    Access, Map, Options,
    ipc::{Mutex, MutexGuard},
};

mod recipe;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => Err(io::Error::other("usage: last_value FILE [VALUE...]")),
        [path] => print(Path::new(path), &mut io::stdout()),
        [path, values @ ..] => publish(Path::new(path), values),
    }
}

pub(crate) fn publish(path: &Path, values: &[impl AsRef<str>]) -> io::Result<()> {
    let mut options = Options::new();
    let map = options.access(Access::Write).create(true).len(recipe::LEN).open(path)?;
    let mut writer = recipe::Writer::new(&map)?;
    values.iter().try_for_each(|value| writer.publish(value.as_ref().as_bytes()).map(drop))
}

pub(crate) fn print(path: &Path, output: &mut impl io::Write) -> io::Result<()> {
    let mut value = vec![];
    let version = recipe::read(&Map::open(path)?, &mut value)?;
    writeln!(output, "{version}: {}", String::from_utf8_lossy(&value))
}
