//! Channels and journals in files with damaged words, which a thread damages further.
#![forbid(unsafe_code)]
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use safemap_testing::{succeeds_in_child, use_damaged_channel, use_damaged_journal};

/// The fuzz targets run millions of such programs.
fn run(programs: usize, program: fn(&[u8])) {
    succeeds_in_child(|| {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..programs {
            let mut bytes = vec![0; rng.usize(..200)];
            rng.fill(&mut bytes);
            program(&bytes);
        }
    });
}

#[test]
fn calls_on_damaged_channels_return() {
    run(500, use_damaged_channel);
}

#[test]
fn calls_on_damaged_journals_return() {
    run(500, use_damaged_journal);
}
