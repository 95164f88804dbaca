//! The options of a run, and sizes.

use std::error::Error;

pub(crate) const KIB: usize = 1 << 10;
pub(crate) const MIB: usize = 1 << 20;
pub(crate) const GIB: usize = 1 << 30;

/// The result of a question.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// The options of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// Only shows that everything works: sizes and times are small, and the figures mean nothing.
    pub(crate) quick: bool,
    /// The text in the names of the rows to measure.
    only: String,
}

impl Run {
    pub(crate) fn new(options: &[&str]) -> Result<Run, Box<dyn Error>> {
        match *options {
            [] => Ok(Run::default()),
            ["--quick", ref rest @ ..] => Ok(Run { quick: true, ..Run::new(rest)? }),
            ["--only", text, ref rest @ ..] => Ok(Run { only: text.to_owned(), ..Run::new(rest)? }),
            [unknown, ..] => Err(format!("unknown option: {unknown}").into()),
        }
    }

    /// Whether a row is to be measured.
    pub(crate) fn asks(&self, row: &str) -> bool {
        row.contains(&self.only)
    }

    /// A number of bytes, reduced by `--quick`.
    pub(crate) fn size(&self, bytes: usize) -> usize {
        if self.quick { (bytes / 256).max(64 * KIB).min(bytes) } else { bytes }
    }

    /// The number of rounds, reduced by `--quick`.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick { full.min(2) } else { full }
    }

    /// The length of a batch in nanoseconds, if the work can be repeated. It is shorter than the
    /// time slice of a process, so that many batches are not interrupted on a busy system.
    pub(crate) fn batch(&self) -> f64 {
        if self.quick { 1e4 } else { 3e5 }
    }
}

/// A size in the largest unit that it fills.
pub(crate) fn sized(bytes: usize) -> String {
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", bytes / KIB),
        MIB..GIB => format!("{} MiB", bytes / MIB),
        _ => format!("{} GiB", bytes / GIB),
    }
}
