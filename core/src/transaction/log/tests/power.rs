//! Power failures and killed processes at each instant of random programs.

use super::{IS_THOROUGH, explore::Watch, process::Control, program::run};

const WATCH: Watch = Watch { depth: 2, all: 4096, most: 10, deeper: 500, kills: 20 };
const PROGRAMS: u64 = if IS_THOROUGH { 4 } else { 1 };

#[test]
fn a_crash_at_any_instant_leaves_the_state_before_or_after() {
    let mut states = 0;
    for seed in 0..PROGRAMS {
        let machine = run(seed, Control::None, WATCH, 6);
        states += machine.states.get();
        assert_eq!(machine.failure.take(), None, "program {seed}");
    }
    println!("{states} states");
}
