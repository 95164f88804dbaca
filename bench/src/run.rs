//! Run: how a question is to be answered.

use std::error;

pub(crate) const KIB: usize = 1 << 10;
pub(crate) const MIB: usize = 1 << 20;
pub(crate) const GIB: usize = 1 << 30;

/// What a question ends with.
pub(crate) type Outcome = Result<(), Box<dyn error::Error>>;

/// How a question is to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Only to see that everything works: small, few, and no figures that mean anything.
    pub(crate) quick: bool,
}

impl Run {
    pub(crate) fn new(quick: bool) -> Run {
        Run { quick }
    }

    /// So many bytes, much fewer of them when it has to be quick.
    pub(crate) fn size(&self, bytes: usize) -> usize {
        if self.quick { (bytes / 256).max(64 * KIB).min(bytes) } else { bytes }
    }

    /// How often each contender has its turn.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick { 2 } else { full }
    }

    /// How long a turn is to take, in nanoseconds, where the work can be repeated: less than what the system gives a process at a time, so that
    /// on a busy machine many turns are still undisturbed.
    pub(crate) fn turn(&self) -> f64 {
        if self.quick { 1e4 } else { 3e5 }
    }
}

/// A size as people write it.
pub(crate) fn sized(bytes: usize) -> String {
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", bytes / KIB),
        MIB..GIB => format!("{} MiB", bytes / MIB),
        _ => format!("{} GiB", bytes / GIB),
    }
}
