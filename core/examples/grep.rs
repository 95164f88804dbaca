//! Prints the lines of a file that contain one of several texts, with their numbers.
//!
//! Run it with `cargo run --release --example grep -- TEXT... FILE`. The file may be larger than
//! memory, and other processes may append to it or truncate it.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, BufWriter, Write},
};

use safemap::Map;

fn main() -> io::Result<()> {
    let mut texts: Vec<_> = env::args().skip(1).collect();
    let Some(path) = texts.pop() else { return Err(io::Error::other("usage: grep TEXT... FILE")) };
    let texts: Vec<_> = texts.iter().map(|text| text.as_bytes()).collect();
    let map = Map::open(path)?;
    print(&map, &texts, &mut BufWriter::new(io::stdout().lock()))
}

pub(crate) fn print(map: &Map, texts: &[&[u8]], output: &mut impl Write) -> io::Result<()> {
    for line in map.lines().containing(texts).numbered() {
        let line = line?;
        write!(output, "{}:", line.number)?;
        output.write_all(&line.bytes)?;
        output.write_all(b"\n")?;
    }
    output.flush()
}
