//! Adds an amount to the record of a name in a table, or prints it: `cargo run --release --example
//! records -- TABLE [NAME AMOUNT]`. Records have a fixed size and are changed in place.
#![forbid(unsafe_code)]

use std::{env, io, path::Path};

use safemap::{Access, Map, Options, Result};

const NAME: usize = 24;
const RECORD: usize = NAME + 8;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [path] => show(Path::new(path))?.iter().for_each(|(name, sum)| println!("{name} {sum}")),
        [path, name, sum] => add(Path::new(path), name, sum.parse().map_err(io::Error::other)?)?,
        _ => return Err(io::Error::other("usage: records TABLE [NAME AMOUNT]")),
    }
    Ok(())
}

pub(crate) fn add(path: &Path, name: &str, amount: i64) -> Result<()> {
    let table = Options::new().access(Access::Write).create(true).open(path)?;
    let name = [name.as_bytes(), &[0; NAME]].concat();
    for at in (0..table.len()).step_by(RECORD) {
        if table.starts_with(&name[..NAME], at)? {
            return table.store_le(table.load_le::<i64>(at + NAME)? + amount, at + NAME);
        }
    }
    table.append(&[&name[..NAME], &amount.to_le_bytes()].concat()).map(drop)
}

pub(crate) fn show(path: &Path) -> Result<Vec<(String, i64)>> {
    let table = Map::open(path)?;
    let name = |at| Ok(String::from_utf8_lossy(&table.to_vec(at..at + NAME)?).into_owned());
    let record = |at: usize| Ok((name(at)?.replace('\0', ""), table.load_le(at + NAME)?));
    (0..table.len()).step_by(RECORD).map(record).collect()
}
