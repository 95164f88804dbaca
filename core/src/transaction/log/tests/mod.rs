//! Tests of the protocol on simulated disks.

mod controls;
mod disk;
mod explore;
mod faults;
mod hostile;
mod machine;
mod power;
mod process;
mod program;

use crate::ipc::simulated::IS_THOROUGH;
