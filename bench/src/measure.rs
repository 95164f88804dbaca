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

/// What each contender took for one piece of work, round by round. With `repeat` a turn is as many pieces as fill it; `rounds` may be left to the harness.
pub(crate) fn alternate(run: &Run, rounds: Option<usize>, repeat: bool, works: &mut [Work<'_>]) -> Vec<Vec<f64>> {
    let turns: Vec<Turn> =
        works.iter_mut().map(|work| if repeat { Turn::filled(run, work) } else { Turn::once() }).collect();
    let rounds = run.rounds(rounds.unwrap_or_else(|| affordable(&turns)));
    let mut taken = vec![Vec::new(); works.len()];
    for round in 0..rounds {
        for turn in 0..works.len() {
            let who = (round + turn) % works.len();
            taken[who].push(works[who](turns[who].pieces) / turns[who].pieces as f64);
        }
    }
    taken
}

/// How much of the work makes a turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    pieces: u64,
    /// How long it takes, in nanoseconds.
    length: f64,
}

impl Turn {
    fn once() -> Turn {
        Turn { pieces: 1, length: 0.0 }
    }

    /// As much as fills a turn. Trying it also warms it up.
    fn filled(run: &Run, work: &mut Work<'_>) -> Turn {
        let mut pieces = 1;
        loop {
            let taken = least(pieces, work);
            if taken >= run.turn() / 2.0 {
                let wanted = ((pieces as f64 * run.turn() / taken) as u64).max(1);
                return Turn { pieces: wanted, length: taken * wanted as f64 / pieces as f64 };
            }
            pieces *= 4;
        }
    }
}

/// What is so long (nanoseconds) was not interrupted by much.
const LONG: f64 = 3e7;

/// What so many pieces take when nothing comes between: the least of three, of fewer if they are long.
fn least(pieces: u64, work: &mut Work<'_>) -> f64 {
    let first = work(pieces);
    let again = if first > LONG { 0 } else { 2 };
    (0..again).map(|_| work(pieces)).fold(first, f64::min)
}

/// How many rounds there is time for. Short turns can have many, so that what disturbs one of them does not matter.
fn affordable(turns: &[Turn]) -> usize {
    let round: f64 = turns.iter().map(|turn| turn.length).sum();
    ((BUDGET / round) as usize).clamp(7, 151)
}

/// What a row may take, in nanoseconds.
const BUDGET: f64 = 1.5e9;
