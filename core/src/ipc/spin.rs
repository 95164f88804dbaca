//! Spinning before a thread sleeps, as long as that pays.

use std::{
    hint,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::Result;

/// Whether a waiting thread spins before it sleeps, for [`Options::spin`](crate::Options::spin).
///
/// A thread that spins notices a change at once; one that sleeps has to be woken, which takes a
/// system call and a switch of threads (5 to 30 µs, measured by hand). But on a busy processor
/// spinning keeps the other thread from running.
///
/// # Examples
///
/// ```
/// use safemap::{Options, Sharing, ipc::Spin};
///
/// let map =
///     Options::new().len(8).sharing(Sharing::Shared).spin(Spin::Never).anonymous()?;
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spin {
    /// Spins for up to 40 µs, for as long as it has paid so far: the time is doubled when spinning
    /// was enough, and halved when it was not. The default.
    #[default]
    Learn,
    /// Sleeps at once.
    Never,
    /// Spins for 40 µs before each sleep.
    Always,
}

/// About what a sleep and a wake-up cost, in nanoseconds.
///
/// A constant: measuring it needs a second thread, and the budget that is learned ends far below it
/// where a wake-up costs less.
const LONGEST: u32 = 40_000;
/// The shortest time after which spinning was enough, and below which it is not tried.
const SHORTEST: u32 = LONGEST / 16;
/// After how many waits without spinning it is tried again.
const RETRIAL: u32 = 64;
/// How many pauses are made between two looks at the clock.
const PAUSES: u32 = 16;

/// How long the threads that wait on a map spin. Shared by the threads without a lock: a lost
/// update costs one sleep.
#[derive(Debug, Default)]
pub(crate) struct SpinBudget {
    setting: Spin,
    /// By how much less than [`LONGEST`] a thread spins, in nanoseconds.
    missing: AtomicU32,
    /// Waits since spinning was last tried.
    skipped: AtomicU32,
}

impl SpinBudget {
    pub(crate) fn new(setting: Spin) -> SpinBudget {
        SpinBudget { setting, ..SpinBudget::default() }
    }

    /// Calls `is_over` until it returns true or the budget is used up, at the latest at `deadline`.
    /// Returns what it returned last.
    pub(super) fn spin(
        &self,
        deadline: Option<Instant>,
        is_over: impl Fn() -> Result<bool>,
    ) -> Result<bool> {
        if is_over()? {
            return Ok(true);
        }
        let budget = self.budget();
        if budget == 0 {
            return Ok(false);
        }
        let now = Instant::now();
        let end = now + Duration::from_nanos(budget.into());
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        let was_enough = spin_until(end, is_over)?;
        self.learn(was_enough);
        Ok(was_enough)
    }

    /// Returns for how many nanoseconds to spin.
    fn budget(&self) -> u32 {
        match self.setting {
            Spin::Never => 0,
            Spin::Always => LONGEST,
            Spin::Learn => match self.learned() {
                0..SHORTEST if self.skipped.fetch_add(1, Relaxed) % RETRIAL == RETRIAL - 1 => {
                    LONGEST
                }
                0..SHORTEST => 0,
                budget => budget,
            },
        }
    }

    fn learned(&self) -> u32 {
        LONGEST.saturating_sub(self.missing.load(Relaxed))
    }

    fn learn(&self, was_enough: bool) {
        let budget = self.learned();
        let next = if was_enough { (2 * budget).clamp(SHORTEST, LONGEST) } else { budget / 2 };
        self.missing.store(LONGEST - next, Relaxed);
    }
}

fn spin_until(end: Instant, is_over: impl Fn() -> Result<bool>) -> Result<bool> {
    loop {
        for _ in 0..PAUSES {
            hint::spin_loop();
            if is_over()? {
                return Ok(true);
            }
        }
        if Instant::now() >= end {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spun(budget: &SpinBudget, is_over: bool) -> bool {
        let calls = std::cell::Cell::new(0);
        let answer = |_: ()| {
            calls.set(calls.get() + 1);
            Ok(is_over && calls.get() > 1)
        };
        assert_eq!(budget.spin(None, || answer(())).unwrap(), is_over && calls.get() > 1);
        calls.get() > 1
    }

    #[test]
    fn a_budget_that_was_never_enough_shrinks_to_nothing_and_is_tried_again() {
        let budget = SpinBudget::new(Spin::Learn);
        let spins: Vec<bool> = (0..200).map(|_| spun(&budget, false)).collect();
        let first = spins.iter().position(|&spun| !spun).unwrap();
        assert!(first <= 6, "still spinning after {first} waits");
        let later = &spins[first..];
        let trials = later.iter().filter(|&&spun| spun).count();
        assert_eq!(trials, later.len() / RETRIAL as usize);
    }

    #[test]
    fn a_budget_that_was_enough_grows_again() {
        let budget = SpinBudget::new(Spin::Learn);
        while budget.learned() > 0 {
            budget.learn(false);
        }
        for expected in [SHORTEST, 2 * SHORTEST, 4 * SHORTEST] {
            while !spun(&budget, true) {}
            assert_eq!(budget.learned(), expected);
        }
    }

    #[test]
    fn settings_other_than_learn_do_not_learn() {
        for (setting, spins) in [(Spin::Never, false), (Spin::Always, true)] {
            let budget = SpinBudget::new(setting);
            assert!((0..20).all(|_| spun(&budget, false) == spins));
        }
    }
}
