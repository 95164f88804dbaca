//! A file of keys and values that is searched without reading all of it.
//!
//! Run it with `cargo run --release --example key_value -- FILE KEY` to print a value, or with `KEY
//! VALUE` pairs after `--write FILE` to write a file.
//!
//! The file has the number of entries, 16 bytes for each entry in the order of the keys (where its
//! key starts, the length of the key, the length of the value), and then the keys with their
//! values. Numbers are little-endian.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    path::Path,
};

use safemap::{Error, Result, Snapshot, SnapshotSlice};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--write", path, ref pairs @ ..] => {
            let pairs = pairs.chunks_exact(2).map(|pair| (pair[0], pair[1]));
            write(Path::new(path), &pairs.collect())
        }
        [path, key] => match Index::open(Path::new(path))?.get(key.as_bytes())? {
            Some(value) => io::stdout().write_all(&value),
            None => Err(io::Error::other("no such key")),
        },
        _ => Err(io::Error::other("usage: key_value FILE KEY")),
    }
}

const COUNT: usize = 8;
const ENTRY: usize = 16;

/// Writes a file.
pub(crate) fn write(path: &Path, pairs: &BTreeMap<&str, &str>) -> io::Result<()> {
    let (mut index, mut data) = ((pairs.len() as u64).to_le_bytes().to_vec(), vec![]);
    for (key, value) in pairs {
        let start = (COUNT + ENTRY * pairs.len() + data.len()) as u64;
        index.extend_from_slice(&start.to_le_bytes());
        index.extend_from_slice(&(key.len() as u32).to_le_bytes());
        index.extend_from_slice(&(value.len() as u32).to_le_bytes());
        data.extend_from_slice(key.as_bytes());
        data.extend_from_slice(value.as_bytes());
    }
    fs::write(path, [index, data].concat())
}

/// An open file.
pub(crate) struct Index {
    file: Snapshot,
    count: usize,
}

impl Index {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Index> {
        let file = Snapshot::open(path)?;
        let count = number(file.get(..COUNT)?);
        Ok(Index { file, count })
    }

    /// Returns the value of a key. It stays the same if the file changes.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<SnapshotSlice>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let (start, key_len, value_len) = self.entry(middle)?;
            let (key_end, end) =
                (end(start, key_len)?, end(start, key_len.saturating_add(value_len))?);
            match key.cmp(self.file.get(start..key_end)?) {
                std::cmp::Ordering::Equal => return self.file.slice(key_end..end).map(Some),
                std::cmp::Ordering::Less => high = middle,
                std::cmp::Ordering::Greater => low = middle + 1,
            }
        }
        Ok(None)
    }

    fn entry(&self, index: usize) -> Result<(usize, usize, usize)> {
        let at = index.checked_mul(ENTRY).and_then(|at| at.checked_add(COUNT)).ok_or(INVALID)?;
        let entry = self.file.get(at..end(at, ENTRY)?)?;
        Ok((number(&entry[..8]), number(&entry[8..12]), number(&entry[12..])))
    }
}

const INVALID: Error = Error::Unsupported("the file has other contents");

fn end(start: usize, len: usize) -> Result<usize> {
    start.checked_add(len).ok_or(INVALID)
}

/// Little-endian. A number that is too large is outside of every file.
fn number(bytes: &[u8]) -> usize {
    let number = bytes.iter().rev().fold(0, |number: u64, &byte| number << 8 | u64::from(byte));
    usize::try_from(number).unwrap_or(usize::MAX)
}
