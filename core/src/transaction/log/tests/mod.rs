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

/// Elsewhere emulators run the same code.
const IS_THOROUGH: bool =
    cfg!(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable)));
