//! Channels in files with damaged words, which a thread damages further.
#![forbid(unsafe_code)]
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use safemap_testing::{succeeds_in_child, use_damaged_channel};

/// The fuzz target `channel` runs millions of such programs.
#[test]
fn calls_on_damaged_channels_return() {
    succeeds_in_child(|| {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..500 {
            let mut program = vec![0; rng.usize(..200)];
            rng.fill(&mut program);
            use_damaged_channel(&program);
        }
    });
}
