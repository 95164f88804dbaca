//! Letting messages accumulate, if a receiver then takes many before it waits again.
//!
//! A receiver that follows its sender closely takes each message as it comes. Then each message
//! moves several cache lines between two processors, and takes both of them up to ten times as long
//! as one of many that have accumulated. So a receiver that has waited tries now and then to pause
//! before it takes the message. If it finds many then, it pauses after each wait, until it finds
//! few. A sender that waits for an answer sends one message, so that trials fail, and become rare.

use std::{
    cell::Cell,
    hint,
    time::{Duration, Instant},
};

/// How long a receiver pauses. A sender that is not disturbed sends 30 messages of 64 bytes in that
/// time (`x.py bench channels`).
const PAUSE: Duration = Duration::from_micros(5);
/// So many messages make a pause worthwhile.
const MANY: usize = 16;
/// How many waits have no pause at most, before it is tried again.
const RAREST: u32 = 4096;

/// Whether a receiver pauses.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How many messages were taken since the last wait.
    taken: Cell<usize>,
    has_paused: Cell<bool>,
    /// How many waits have no pause before the next trial.
    rest: Cell<u32>,
    /// The former number of such waits.
    interval: Cell<u32>,
}

impl Pace {
    /// Notes that messages were taken.
    #[inline]
    pub(super) fn took(&self, messages: usize) {
        self.taken.set(self.taken.get().saturating_add(messages));
    }

    /// Pauses if that pays. To be called when a message has come for which a thread has spun.
    pub(super) fn pause(&self) {
        if self.begins_pause() {
            let start = Instant::now();
            while start.elapsed() < PAUSE {
                (0..16).for_each(|_| hint::spin_loop());
            }
        }
    }

    /// Whether the thread has to pause after this wait.
    fn begins_pause(&self) -> bool {
        let is_paid = self.taken.replace(0) >= MANY;
        if self.has_paused.get() {
            let interval = if is_paid { 0 } else { (2 * self.interval.get()).clamp(1, RAREST) };
            self.interval.set(interval);
            self.rest.set(interval);
        }
        let rest = self.rest.get();
        self.rest.set(rest.saturating_sub(1));
        self.has_paused.set(rest == 0);
        rest == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many of `waits` waits have a pause. So many messages come during a pause, and
    /// one comes otherwise.
    fn pauses(pace: &Pace, waits: usize, during_pause: usize) -> usize {
        let wait = |_: &usize| {
            let has_paused = pace.begins_pause();
            pace.took(if has_paused { during_pause } else { 1 });
            has_paused
        };
        (0..waits).filter(wait).count()
    }

    #[test]
    fn a_receiver_pauses_while_many_messages_come() {
        let pace = Pace::default();
        assert_eq!(pauses(&pace, 1000, MANY), 1000);
    }

    #[test]
    fn a_receiver_that_answers_rarely_pauses() {
        let pace = Pace::default();
        let first = RAREST as usize;
        assert!(pauses(&pace, 2 * first, 1) < 15);
        assert!((99..=101).contains(&pauses(&pace, 100 * first, MANY - 1)));
    }

    #[test]
    fn many_messages_after_few_are_noticed() {
        let pace = Pace::default();
        pauses(&pace, 10 * RAREST as usize, 1);
        let waits = RAREST as usize;
        assert!(pauses(&pace, waits + 100, MANY) >= 100);
        // And the contrary: trials begin anew.
        assert!(pauses(&pace, waits, 1) > 5);
    }
}
