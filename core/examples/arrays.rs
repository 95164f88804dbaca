//! Prints the mean of each column of a file of numbers: little-endian `f64`, in rows.
//!
//! Run it with `cargo run --release --example arrays -- FILE COLUMNS`. The file may have any size,
//! and another process may write to it at the same time.
#![forbid(unsafe_code)]

use std::{env, io, num::NonZero};

use safemap::{Advice, Map, Options};

/// Columns are read in parts of this length, whose range is checked once.
const PART: usize = 1 << 20;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, columns] = &arguments[..] else {
        return Err(io::Error::other("usage: arrays FILE COLUMNS"));
    };
    let columns = columns.parse().map_err(io::Error::other)?;
    let map = Options::new().advise(Advice::Sequential).open(path)?;
    println!("{:?}", means(&map, columns)?);
    Ok(())
}

/// Returns the means of the columns. An incomplete row at the end is ignored.
pub(crate) fn means(map: &Map, columns: NonZero<usize>) -> safemap::Result<Vec<f64>> {
    let row = columns.get() * size_of::<f64>();
    let rows = map.len() / row;
    let (mut sums, part) = (vec![0.0; columns.get()], (PART / row).max(1) * row);
    for start in (0..rows * row).step_by(part) {
        let view = map.view(start..(start + part).min(rows * row))?;
        for (i, at) in (0..view.len()).step_by(size_of::<f64>()).enumerate() {
            sums[i % columns] += view.load_le::<f64>(at)?;
        }
    }
    Ok(sums.iter().map(|sum| sum / rows as f64).collect())
}
