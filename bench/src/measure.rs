//! Measures contenders in alternation.
//!
//! The speed of a system changes from second to second, so that only samples of the same time can
//! be compared. The contenders therefore alternate, and the one that begins changes with each
//! round.

use std::{hint::black_box, time::Instant};

use crate::run::Run;

/// Does the work that many times. Returns how long that took, or what else it measured, in total.
pub(crate) type Work<'a> = Box<dyn FnMut(u64) -> f64 + 'a>;

/// Times `once`, which is called repeatedly.
pub(crate) fn many<'a, T>(mut once: impl FnMut() -> T + 'a) -> Work<'a> {
    Box::new(move |times| {
        let begun = Instant::now();
        for _ in 0..times {
            black_box(once());
        }
        since(begun)
    })
}

/// Times `once` on what `ready` returns. Neither `ready` nor dropping the result of `once` is
/// timed.
pub(crate) fn after<'a, S, T>(
    mut ready: impl FnMut() -> S + 'a,
    mut once: impl FnMut(S) -> T + 'a,
) -> Work<'a> {
    Box::new(move |times| {
        let one = |_| {
            let state = ready();
            let begun = Instant::now();
            let result = black_box(once(state));
            let taken = since(begun);
            drop(result);
            taken
        };
        (0..times).map(one).sum()
    })
}

/// Nanoseconds since `begun`.
fn since(begun: Instant) -> f64 {
    begun.elapsed().as_nanos() as f64
}

/// Measures one piece of each contender's work per round. With `repeat` a turn is as many pieces as
/// fill its length. Without `rounds` there are as many as the budget allows.
pub(crate) fn alternate(
    run: &Run,
    rounds: Option<usize>,
    repeat: bool,
    works: &mut [Work<'_>],
) -> Vec<Vec<f64>> {
    let turn =
        |work| if repeat { Turn::filled(run, work) } else { Turn { pieces: 1, length: 0.0 } };
    let turns: Vec<Turn> = works.iter_mut().map(turn).collect();
    let rounds = run.rounds(rounds.unwrap_or_else(|| affordable(&turns)));
    let mut samples = vec![Vec::new(); works.len()];
    for round in 0..rounds {
        for turn in 0..works.len() {
            let index = (round + turn) % works.len();
            samples[index].push(works[index](turns[index].pieces) / turns[index].pieces as f64);
        }
    }
    samples
}

/// The amount of work in a turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    pieces: u64,
    /// Nanoseconds.
    length: f64,
}

impl Turn {
    /// As many pieces as fill a turn. The trials also warm up caches.
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

/// In work of this length (nanoseconds) an interruption does not matter.
const LONG: f64 = 3e7;

/// The least time of three, because a trial may be interrupted; of one if it is long.
fn least(pieces: u64, work: &mut Work<'_>) -> f64 {
    let first = work(pieces);
    let again = if first > LONG { 0 } else { 2 };
    (0..again).map(|_| work(pieces)).fold(first, f64::min)
}

/// The number of rounds that the budget allows.
fn affordable(turns: &[Turn]) -> usize {
    let round: f64 = turns.iter().map(|turn| turn.length).sum();
    ((BUDGET / round) as usize).clamp(7, 151)
}

/// Nanoseconds that one row may take.
const BUDGET: f64 = 1.5e9;
