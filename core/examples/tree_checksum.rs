//! Prints a checksum of each file of a directory tree, and one of the whole tree.
//!
//! Run it with `cargo run --release --example tree_checksum -- [FOLDER]`. Files that change during
//! the run give the checksum of some of their content, or an error, but never terminate it.
#![forbid(unsafe_code)]

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use safemap::{Map, Result};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut all = Checksum::default();
    for path in files(&folder)? {
        match checksum(&path) {
            Ok(sum) => {
                println!("{sum:016x}  {}", path.display());
                all.add(&sum.to_le_bytes());
            }
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
    println!("{:016x}  {}", all.0, folder.display());
    Ok(())
}

/// FNV-1a of 64 bits.
pub(crate) struct Checksum(pub(crate) u64);

impl Default for Checksum {
    fn default() -> Checksum {
        Checksum(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    /// Adds bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// Returns the checksum of a file. It is read in chunks, so that memory does not grow with it.
pub(crate) fn checksum(path: &Path) -> Result<u64> {
    let (map, mut sum) = (Map::open(path)?, Checksum::default());
    let mut chunks = map.chunks(1 << 18);
    while let Some(chunk) = chunks.next_chunk()? {
        sum.add(chunk);
    }
    Ok(sum.0)
}

/// Returns the regular files of a directory tree, sorted.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => found.extend(files(&entry.path())?),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}
