//! Letting messages accumulate, if a receiver then takes many before it waits again.
//!
//! A receiver that follows its sender closely takes each message as it comes. Then each message
//! moves several cache lines between two processors, and takes both of them up to ten times as long
//! as one of many that have accumulated. So a receiver that has spun for a message tries now and
//! then to pause before it takes it. If it finds many then, and few without a pause, it pauses each
//! time, until that changes. With a sender that waits for answers trials fail, and become rare. So
//! they do with one that sends many at once.

use std::{
    cell::Cell,
    hint,
    time::{Duration, Instant},
};

/// How long a receiver pauses. A sender that is not disturbed sends 30 messages of 64 bytes in that
/// time (`x.py bench channels`).
const PAUSE: Duration = Duration::from_micros(5);
/// So many messages from one wait to the next are many.
const MANY: usize = 16;
/// The greatest number of waits without a pause between two trials.
const RAREST_TRIAL: u32 = 4096;
/// While a receiver pauses, it leaves the pause out after so many, to see whether it is still of
/// use.
const PAUSES: u32 = 64;

/// Whether a receiver pauses. Each receiver learns that for itself.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How many messages were taken since the last wait began.
    taken: Cell<usize>,
    last: Cell<Last>,
    /// Whether the receiver pauses each time, and not only in trials.
    is_pausing: Cell<bool>,
    /// In how many waits that changes nothing: until the next trial, or until a pause is left out.
    rest: Cell<u32>,
    /// How many waits are between two trials.
    interval: Cell<u32>,
}

/// How the last wait ended.
#[derive(Clone, Copy, Debug, Default)]
enum Last {
    Paused,
    /// It would have paused, but for the comparison.
    LeftOut,
    #[default]
    Otherwise,
}

impl Pace {
    /// Notes that messages were taken.
    #[inline]
    pub(super) fn took(&self, messages: usize) {
        self.taken.set(self.taken.get().saturating_add(messages));
    }

    /// To be called when a wait begins: draws the conclusions from the last one.
    pub(super) fn waits(&self) {
        let is_many = self.taken.replace(0) >= MANY;
        match (self.last.take(), is_many) {
            (Last::Paused, true) if !self.is_pausing.get() => {
                self.is_pausing.set(true);
                self.rest.set(0);
            }
            (Last::Paused, false) | (Last::LeftOut, true) => {
                self.is_pausing.set(false);
                self.interval.set((2 * self.interval.get()).clamp(1, RAREST_TRIAL));
                self.rest.set(self.interval.get());
            }
            (Last::LeftOut, false) => self.interval.set(0),
            (Last::Paused | Last::Otherwise, _) => {}
        }
    }

    /// Pauses if that is of use, and ends before the deadline. To be called when a wait has ended
    /// without a sleep.
    pub(super) fn pause(&self, deadline: Option<Instant>) {
        if !self.begins_pause() {
            return;
        }
        let end = Instant::now() + PAUSE;
        if deadline.is_some_and(|deadline| deadline < end) {
            self.last.set(Last::Otherwise);
            return;
        }
        while Instant::now() < end {
            (0..16).for_each(|_| hint::spin_loop());
        }
    }

    /// Whether the thread has to pause after this wait.
    fn begins_pause(&self) -> bool {
        let is_turn = self.rest.get() == 0;
        let (next, last) = match (self.is_pausing.get(), is_turn) {
            (true, true) => (PAUSES, Last::LeftOut),
            (false, true) => (0, Last::Paused),
            (true, false) => (self.rest.get() - 1, Last::Paused),
            (false, false) => (self.rest.get() - 1, Last::Otherwise),
        };
        self.rest.set(next);
        self.last.set(last);
        matches!(last, Last::Paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many of `waits` waits have a pause. `comes` has how many messages come after
    /// one, given whether it had a pause.
    fn pauses(pace: &Pace, waits: u32, comes: impl Fn(bool) -> usize) -> u32 {
        let wait = |_: &u32| {
            pace.waits();
            let has_paused = pace.begins_pause();
            pace.took(comes(has_paused));
            has_paused
        };
        (0..waits).filter(wait).count() as u32
    }

    fn many_by_a_pause(has_paused: bool) -> usize {
        if has_paused { MANY } else { MANY - 1 }
    }

    #[test]
    fn a_receiver_pauses_while_that_brings_many_messages() {
        let expected = 100 * PAUSES;
        let pace = Pace::default();
        assert_eq!(pauses(&pace, 100 * (PAUSES + 1), many_by_a_pause), expected);
    }

    #[test]
    fn a_receiver_whose_sender_waits_for_answers_rarely_pauses() {
        let pace = Pace::default();
        assert!(pauses(&pace, 2 * RAREST_TRIAL, |_| 1) < 15);
        assert!((99..=101).contains(&pauses(&pace, 100 * RAREST_TRIAL, |_| MANY - 1)));
    }

    #[test]
    fn a_receiver_that_gets_many_messages_without_a_pause_rarely_pauses() {
        let pace = Pace::default();
        assert!(pauses(&pace, 2 * RAREST_TRIAL, |_| MANY) < 15);
        assert!((99..=101).contains(&pauses(&pace, 100 * RAREST_TRIAL, |_| 100 * MANY)));
    }

    /// Returns how many of 1000 waits have a pause, if 15 others follow each, which end by a sleep
    /// or at the deadline. One message comes after each of those.
    fn pauses_among_others(comes: impl Fn(bool) -> usize) -> u32 {
        let pace = Pace::default();
        pauses(&pace, 1000, |has_paused| {
            pace.took(comes(has_paused));
            for _ in 0..15 {
                pace.waits();
                pace.took(1);
            }
            0
        })
    }

    #[test]
    fn other_waits_change_nothing() {
        assert!(pauses_among_others(|_| 1) < 15);
        assert!(pauses_among_others(many_by_a_pause) > 900);
    }

    #[test]
    fn a_change_is_noticed() {
        let pace = Pace::default();
        pauses(&pace, 10 * RAREST_TRIAL, |_| 1);
        assert!(pauses(&pace, RAREST_TRIAL + 200, many_by_a_pause) >= 190);
        // And the contrary, both ways. Trials begin anew.
        assert!((5..15).contains(&pauses(&pace, RAREST_TRIAL, |_| 1)));
        assert!(pauses(&pace, RAREST_TRIAL + 200, many_by_a_pause) >= 190);
        assert!((5..15 + PAUSES).contains(&pauses(&pace, RAREST_TRIAL, |_| MANY)));
    }

    #[test]
    fn a_pause_ends_before_the_deadline() {
        let pace = Pace::default();
        for left in [Duration::ZERO, PAUSE / 2] {
            pace.waits();
            let start = Instant::now();
            pace.pause(Some(start + left));
            assert!(matches!(pace.last.get(), Last::Otherwise));
        }
        pace.waits();
        let start = Instant::now();
        pace.pause(None);
        assert!(start.elapsed() >= PAUSE);
    }
}
