//! Tests of the protocols of journals on a simulated machine.

mod crashes;
mod hostile;
mod machine;
mod power;
mod readers;
mod world;

/// Elsewhere emulators, or other accessors, run the same code.
const IS_THOROUGH: bool =
    cfg!(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable)));
