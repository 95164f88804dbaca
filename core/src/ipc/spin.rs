//! Spinning before a thread sleeps, as long as that pays.
//!
//! Two threads that answer each other can both spin, or both sleep. In the second case each answer
//! takes a wake-up, so that waits look too long to spin for them, although they are short once both
//! spin. So a thread that sleeps tries it now and then, for as long as its last wait took, sleep
//! included: then it notices the answer of a thread that has to wake up, stays awake, and answers
//! faster, and the trial of the other thread succeeds too. A trial costs at most what that wait
//! cost, and becomes rare if it fails again and again: on a busy processor, where the other thread
//! runs only if this one sleeps.

use std::{
    hint,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::Result;

/// Whether a waiting thread spins before it sleeps, for [`Options::spin`](crate::Options::spin).
///
/// A thread that spins notices a change at once; one that sleeps has to be woken, which takes a
/// system call and a switch of threads (5 to 50 µs, measured by hand). But on a busy processor
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
    /// Spins for up to 100 µs, for as long as it has paid so far: the time is doubled when that
    /// was enough, and halved when it was not. The default.
    #[default]
    Learn,
    /// Sleeps at once. Receivers of a channel do not pause to let messages accumulate.
    Never,
    /// Spins for 100 µs before each sleep.
    Always,
}

/// More than a sleep and a wake-up cost on any machine that was measured, in nanoseconds.
const LONGEST: u32 = 100_000;
/// The least budget.
const SHORTEST: u32 = LONGEST / 32;
/// A wait of this length may be that of two threads that wake each other.
const NEAR: u32 = 4 * LONGEST;
/// How many waits do not spin at most, before it is tried again.
const RAREST: u32 = 64;
/// How many pauses are made between two looks at the clock.
const PAUSES: u32 = 16;

/// How long the threads that wait on a map spin. Shared by the threads without a lock: a lost
/// update costs one sleep.
#[derive(Debug, Default)]
pub(crate) struct SpinBudget {
    setting: Spin,
    /// By how much less than [`LONGEST`] a thread spins, in nanoseconds.
    missing: AtomicU32,
    /// How long the last wait took that slept, in nanoseconds.
    last: AtomicU32,
    /// How many waits do not spin before the next trial.
    rest: AtomicU32,
    /// The former number of such waits.
    interval: AtomicU32,
}

/// A wait for which spinning was not enough.
pub(super) struct Sleeper<'a> {
    budget: &'a SpinBudget,
    start: Instant,
}

impl Sleeper<'_> {
    /// Says that what the thread has waited for is there.
    pub(super) fn woke(&self) {
        self.budget.slept(nanoseconds(self.start.elapsed()));
    }
}

impl SpinBudget {
    pub(crate) fn new(setting: Spin) -> SpinBudget {
        SpinBudget { setting, ..SpinBudget::default() }
    }

    pub(super) fn is_off(&self) -> bool {
        self.setting == Spin::Never
    }

    /// Calls `is_over` until it returns true or the budget is used up, at the latest at `deadline`.
    /// Returns `None` if it is over.
    pub(super) fn spin(
        &self,
        deadline: Option<Instant>,
        is_over: impl Fn() -> Result<bool>,
    ) -> Result<Option<Sleeper<'_>>> {
        if is_over()? {
            return Ok(None);
        }
        let (start, budget) = (Instant::now(), self.budget());
        if budget > 0 {
            let end = start + Duration::from_nanos(budget.into());
            let spun = spin_until(start, deadline.map_or(end, |it| it.min(end)), is_over)?;
            self.learn(budget, spun);
            if spun.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(Sleeper { budget: self, start }))
    }

    /// Returns for how many nanoseconds to spin.
    fn budget(&self) -> u32 {
        match self.setting {
            Spin::Never => 0,
            Spin::Always => LONGEST,
            Spin::Learn => match self.learned() {
                0..SHORTEST => self.trial(),
                budget => budget,
            },
        }
    }

    fn learned(&self) -> u32 {
        LONGEST.saturating_sub(self.missing.load(Relaxed))
    }

    /// The budget of a trial, if it is time for one.
    fn trial(&self) -> u32 {
        let (last, rest) = (self.last.load(Relaxed), self.rest.load(Relaxed));
        if rest > 0 {
            self.rest.store(rest - 1, Relaxed);
        }
        if rest == 0 && last <= NEAR { last.min(LONGEST) } else { 0 }
    }

    /// Notes how long a thread with a budget has spun, or that this was not enough.
    fn learn(&self, budget: u32, spun: Option<u32>) {
        let learned = self.learned();
        // Without the processor it would have been too late.
        let next = if let Some(spun) = spun.filter(|&spun| spun <= budget) {
            self.interval.store(0, Relaxed);
            2 * learned.max(spun).clamp(SHORTEST, LONGEST / 2)
        } else {
            if learned < SHORTEST {
                let interval = (2 * self.interval.load(Relaxed)).clamp(1, RAREST);
                self.interval.store(interval, Relaxed);
                self.rest.store(interval, Relaxed);
            }
            learned / 2
        };
        self.missing.store(LONGEST - next, Relaxed);
    }

    /// Notes how long a wait took that slept.
    fn slept(&self, taken: u32) {
        self.last.store(taken, Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos()).unwrap_or(u32::MAX)
}

/// Returns after how many nanoseconds `is_over` returned true, or 0 if that was soon.
fn spin_until(
    start: Instant,
    end: Instant,
    is_over: impl Fn() -> Result<bool>,
) -> Result<Option<u32>> {
    let mut now = start;
    loop {
        for _ in 0..PAUSES {
            hint::spin_loop();
            if is_over()? {
                let spun = if now == start { 0 } else { nanoseconds(start.elapsed()) };
                return Ok(Some(spun));
            }
        }
        now = Instant::now();
        if now >= end {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What a wake-up takes on various machines.
    const WAKE_UPS: [u32; 5] = [2_000, 5_000, 14_000, 37_000, 75_000];
    /// How long a thread works for an answer.
    const ANSWERS: [u32; 3] = [300, 1_000, 3_000];

    /// A thread that waits in the model of this test.
    #[derive(Default)]
    struct Waiting {
        budget: SpinBudget,
        since: u64,
        /// For how long it spins.
        spins: u32,
    }

    impl Waiting {
        fn begin(&mut self, now: u64) {
            (self.since, self.spins) = (now, self.budget.budget());
        }

        /// What it waits for is there. Returns when it notices.
        fn notices(&mut self, now: u64, wake_up: u32) -> u64 {
            let waited = (now - self.since) as u32;
            let spun = Some(waited).filter(|&waited| waited <= self.spins);
            if self.spins > 0 {
                self.budget.learn(self.spins, spun);
            }
            if spun.is_some() {
                return now;
            }
            self.budget.slept(waited + wake_up);
            now + u64::from(wake_up)
        }
    }

    /// Has spinning fail until the budget is nothing.
    fn forget(budget: &SpinBudget) {
        while budget.learned() > 0 {
            budget.learn(LONGEST, None);
        }
    }

    /// Two threads with a processor each. Returns how long `count` answers take.
    fn answers(pair: &mut [Waiting; 2], count: u32, wake_up: u32, answer: u32) -> u64 {
        let start = pair[0].since.max(pair[1].since);
        let mut now = start;
        for turn in 0..count as usize {
            now = pair[turn % 2].notices(now, wake_up) + u64::from(answer);
            pair[turn % 2].begin(now);
        }
        now - start
    }

    #[test]
    fn threads_that_answer_each_other_spin_soon() {
        for (wake_up, answer) in WAKE_UPS.iter().flat_map(|it| ANSWERS.map(|of| (*it, of))) {
            let mut pair = <[Waiting; 2]>::default();
            pair.iter().for_each(|it| forget(&it.budget));
            pair[1].begin(0);
            answers(&mut pair, 200, wake_up, answer);
            let taken = answers(&mut pair, 1000, wake_up, answer);
            assert_eq!(taken, 1000 * u64::from(answer), "wake-up {wake_up}, answer {answer}");
        }
    }

    /// On one processor each spin is in vain: the other thread runs when this one sleeps.
    #[test]
    fn spinning_in_vain_is_cheap() {
        for wake_up in WAKE_UPS {
            let budget = SpinBudget::new(Spin::Learn);
            let (mut spun, mut slept, mut other) = (0, 0, 0);
            for round in 0..10_000 {
                let spins = budget.budget();
                if spins > 0 {
                    budget.learn(spins, None);
                }
                // As the other thread does the same.
                let taken = spins + 2 * wake_up + other + 1000;
                budget.slept(taken);
                other = spins;
                if round >= 500 {
                    (spun, slept) = (spun + u64::from(spins), slept + u64::from(taken));
                }
            }
            assert!(spun * 40 < slept, "{spun} of {slept} ns spun, wake-up {wake_up}");
        }
    }

    fn spun(budget: &SpinBudget, is_over: bool) -> bool {
        let calls = Cell::new(0);
        let answer = || {
            calls.set(calls.get() + 1);
            Ok(is_over && calls.get() > 1)
        };
        let asleep = budget.spin(None, answer).unwrap();
        assert_eq!(asleep.is_none(), is_over && calls.get() > 1);
        if let Some(asleep) = asleep {
            asleep.woke();
        }
        calls.get() > 1
    }

    #[test]
    fn a_budget_that_was_never_enough_shrinks_to_nothing_and_is_rarely_tried_again() {
        let budget = SpinBudget::new(Spin::Learn);
        let spins: Vec<bool> = (0..1000).map(|_| spun(&budget, false)).collect();
        let first = spins.iter().position(|&spun| !spun).unwrap();
        assert!(first <= 8, "still spinning after {first} waits");
        let trials = spins[200..].iter().filter(|&&spun| spun).count();
        assert!((10..=13).contains(&trials), "{trials} trials");
    }

    #[test]
    fn nothing_is_tried_when_waits_are_long() {
        let budget = SpinBudget::new(Spin::Learn);
        forget(&budget);
        budget.slept(NEAR + 1);
        assert!((0..200).all(|_| budget.budget() == 0));
        budget.slept(NEAR);
        assert_eq!(budget.budget(), LONGEST);
    }

    #[test]
    fn a_budget_that_was_enough_grows_again() {
        let budget = SpinBudget::new(Spin::Learn);
        forget(&budget);
        for expected in [2 * SHORTEST, 4 * SHORTEST, 8 * SHORTEST] {
            budget.learn(LONGEST, Some(0));
            assert_eq!(budget.learned(), expected);
        }
        budget.learn(LONGEST, Some(LONGEST / 3));
        assert_eq!(budget.learned(), 2 * (LONGEST / 3));
    }

    #[test]
    fn what_comes_after_the_budget_does_not_count() {
        let budget = SpinBudget::new(Spin::Learn);
        budget.learn(1000, Some(1001));
        assert_eq!(budget.learned(), LONGEST / 2);
    }

    #[test]
    fn settings_other_than_learn_do_not_learn() {
        for (setting, spins) in [(Spin::Never, false), (Spin::Always, true)] {
            let budget = SpinBudget::new(setting);
            assert!((0..20).all(|_| spun(&budget, false) == spins));
        }
    }
}
