//! Measure: contenders that take turns.
//!
//! What was measured at one time can be compared with what was measured at the same time, and with nothing else: the machine is
//! faster or slower a second later. So the contenders alternate, in an order that turns with each round, and the page compares within rounds.

use std::{hint::black_box, time::Instant};

use crate::run::Run;

/// Does the work so many times and returns how long that took, or what else it measured, in all.
pub(crate) type Work<'a> = Box<dyn FnMut(u64) -> f64 + 'a>;

/// Times `once`, which is called over and over.
pub(crate) fn many<'a, T>(mut once: impl FnMut() -> T + 'a) -> Work<'a> {
    Box::new(move |times| {
        let begun = Instant::now();
        for _ in 0..times {
            black_box(once());
        }
        since(begun)
    })
}

/// Times `once`, before each call of which something has to be made ready. What it returns is dropped outside the time.
pub(crate) fn after<'a, S, T>(mut ready: impl FnMut() -> S + 'a, mut once: impl FnMut(S) -> T + 'a) -> Work<'a> {
    Box::new(move |times| {
        let one = |_| {
            let state = ready();
            let begun = Instant::now();
            let left = black_box(once(state));
            let taken = since(begun);
            drop(left);
            taken
        };
        (0..times).map(one).sum()
    })
}

/// Nanoseconds.
fn since(begun: Instant) -> f64 {
    begun.elapsed().as_nanos() as f64
}

/// What each contender took for one piece of work, round by round. With `repeat` a turn is as many pieces as fill it.
pub(crate) fn alternate(run: &Run, rounds: usize, repeat: bool, works: &mut [Work<'_>]) -> Vec<Vec<f64>> {
    let times: Vec<u64> = works.iter_mut().map(|work| if repeat { repetitions(run, work) } else { 1 }).collect();
    let mut taken = vec![Vec::new(); works.len()];
    for round in 0..run.rounds(rounds) {
        for turn in 0..works.len() {
            let who = (round + turn) % works.len();
            taken[who].push(works[who](times[who]) / times[who] as f64);
        }
    }
    taken
}

/// How often the work is to be done in a turn. Trying it also warms it up.
fn repetitions(run: &Run, work: &mut Work<'_>) -> u64 {
    let mut times = 1;
    loop {
        let taken = work(times);
        if taken >= run.turn() / 2.0 {
            return ((times as f64 * run.turn() / taken) as u64).max(1);
        }
        times *= 4;
    }
}
