//! Tests of the channel's protocols on simulated memory.

mod crashes;
mod hostile;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
mod looks;
mod peers;
mod queries;
mod world;
