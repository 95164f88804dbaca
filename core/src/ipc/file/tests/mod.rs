//! Creation, opening and growth: crashes and power failures, files that do not fit, processes,
//! descriptors for reading, and full disks.

mod crashes;
mod growth;
mod machine;
mod misfits;
mod processes;
mod reading;

use super::{Geometry, Kind};

/// A channel of the smallest capacity.
const SMALL: Geometry = Geometry { capacity: 4096, slots: 0 };
const KIND: Kind = Kind::Channel;
/// The length of its file.
const FILE: usize = 8192;
