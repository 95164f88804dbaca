//! Counts a text in a file that may be larger than memory, and adds up the bytes of the file.
//!
//! Run it with `cargo run --release --example scan -- TEXT FILE`. Only the last part of the file
//! that was read occupies memory (Unix).
#![forbid(unsafe_code)]

use std::{env, io, path::Path};

use safemap::{Options, Result};

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [text, path] = &arguments[..] else {
        return Err(io::Error::other("usage: scan TEXT FILE"));
    };
    let (count, sum) = scan(Path::new(path), text.as_bytes())?;
    println!("{count} times, sum {sum}");
    Ok(())
}

pub(crate) fn scan(path: &Path, text: &[u8]) -> Result<(usize, u64)> {
    let mut options = Options::new();
    if cfg!(unix) {
        options.drop_behind(64 << 20);
    }
    let map = options.open(path)?;
    let (mut chunks, mut sum) = (map.chunks(1 << 20), 0);
    while let Some(chunk) = chunks.next_chunk()? {
        sum += chunk.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    }
    Ok((map.count(text, ..)?, sum))
}
