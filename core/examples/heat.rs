//! Computes how heat spreads in a rod: `cargo run --release --example heat -- FILE STEPS`.
//!
//! The file has the number of the step, and the temperatures. A run that is killed, or ended by a
//! power failure, leaves those of one step. The next one continues there. `python/examples/heat.py`
//! computes the same with numpy.
#![forbid(unsafe_code)]

use std::{env, io, path::Path};

use safemap::{Access, Map, Options, Result};

const WORD: usize = size_of::<f64>();
const HOT: std::ops::Range<usize> = 50_000..50_100;
const LEN: usize = 100_001;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [path, steps] = &arguments[..] else {
        return Err(io::Error::other("usage: heat FILE STEPS"));
    };
    let rod = open(Path::new(path))?;
    for _ in 0..steps.parse().map_err(io::Error::other)? {
        step(&rod)?;
    }
    println!("step {}: {:.3} degrees in all", rod.load_le::<f64>(0)?, sum(&rod)?);
    Ok(())
}

/// Opens the file, or creates it with step 0: the rod is hot in the middle.
pub(crate) fn open(path: &Path) -> Result<Map> {
    let rod = Options::new().access(Access::Write).create(true).transactional(true).open(path)?;
    if rod.is_empty() {
        rod.append(&[0; WORD * LEN])?;
        HOT.into_iter().try_for_each(|at| rod.store_le(1000.0, WORD * at))?;
        rod.commit()?;
    }
    Ok(rod)
}

/// Computes the next step, and commits it.
pub(crate) fn step(rod: &Map) -> Result<()> {
    let transaction = rod.transaction()?;
    let view = rod.view(..)?;
    rod.store_le(view.load_le::<f64>(0)? + 1.0, 0)?;
    let (mut left, mut here) = (view.load_le::<f64>(WORD)?, view.load_le::<f64>(2 * WORD)?);
    for at in (2 * WORD..view.len() - WORD).step_by(WORD) {
        let right = view.load_le::<f64>(at + WORD)?;
        view.store_le(here + (left - 2.0 * here + right) / 4.0, at)?;
        (left, here) = (here, right);
    }
    transaction.commit()
}

/// Returns the sum of the temperatures, which no step changes.
pub(crate) fn sum(rod: &Map) -> Result<f64> {
    (1..rod.len() / WORD).map(|at| rod.load_le::<f64>(WORD * at)).sum()
}
