//! Creation and opening: crashes and power failures, files that do not fit, and processes.

mod crashes;
mod machine;
mod misfits;
mod processes;

use super::{Geometry, Kind};

/// A channel of the smallest capacity.
const SMALL: Geometry = Geometry { capacity: 4096, slots: 0 };
const KIND: Kind = Kind::Channel;
/// The length of its file.
const FILE: usize = 8192;
