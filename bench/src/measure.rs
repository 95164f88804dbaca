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
            let _result = black_box(once(state));
            since(begun)
        };
        (0..times).map(one).sum()
    })
}

/// Nanoseconds since `begun`.
pub(crate) fn since(begun: Instant) -> f64 {
    begun.elapsed().as_nanos() as f64
}

/// Measures one piece of each contender's work per round. With `repeat` a batch is as many pieces
/// as fill its length. Without `rounds` there are as many as take 1.5 s.
pub(crate) fn alternate(
    run: &Run,
    rounds: Option<usize>,
    repeat: bool,
    works: &mut [Work<'_>],
) -> Vec<Vec<f64>> {
    let batch = |work| if repeat { batch(run, work) } else { (1, 0.0) };
    let batches: Vec<(u64, f64)> = works.iter_mut().map(batch).collect();
    let round: f64 = batches.iter().map(|batch| batch.1).sum();
    let rounds = run.rounds(rounds.unwrap_or_else(|| ((1.5e9 / round) as usize).clamp(7, 151)));
    let mut samples = vec![Vec::new(); works.len()];
    for round in 0..rounds {
        for step in 0..works.len() {
            let index = (round + step) % works.len();
            let pieces = batches[index].0;
            samples[index].push(works[index](pieces) / pieces as f64);
        }
    }
    samples
}

/// The pieces that fill a batch, and the nanoseconds that they take. The trials warm up caches.
fn batch(run: &Run, work: &mut Work<'_>) -> (u64, f64) {
    let mut pieces = 1;
    loop {
        // The least time of three, because a trial may be interrupted; of one if it takes 30 ms.
        let first = work(pieces);
        let again = if first > 3e7 { 0 } else { 2 };
        let taken = (0..again).map(|_| work(pieces)).fold(first, f64::min);
        if taken >= run.batch() / 2.0 {
            let wanted = ((pieces as f64 * run.batch() / taken) as u64).max(1);
            return (wanted, taken * wanted as f64 / pieces as f64);
        }
        pieces *= 4;
    }
}
