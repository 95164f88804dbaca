//! The two sides of a channel, and where the words of each are.

use super::layout::{
    PLACES, RECEIVERS, RECEIVERS_EVENTS, RECEIVERS_JOINED, RECEIVERS_MUTEX, SENDERS,
    SENDERS_EVENTS, SENDERS_JOINED, SENDERS_MUTEX,
};

/// A side of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Senders,
    Receivers,
}

impl Side {
    /// Returns the side at the other end.
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Senders => Side::Receivers,
            Side::Receivers => Side::Senders,
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }

    fn of(self, senders: usize, receivers: usize) -> usize {
        match self {
            Side::Senders => senders,
            Side::Receivers => receivers,
        }
    }

    pub(super) fn mutex(self) -> usize {
        self.of(SENDERS_MUTEX, RECEIVERS_MUTEX)
    }

    /// How often the mutex was taken over from a crashed process: 32 bits that it does not use.
    pub(super) fn takeovers(self) -> usize {
        self.mutex() + 12
    }

    /// On which the threads of this side wait.
    pub(super) fn events(self) -> usize {
        self.of(SENDERS_EVENTS, RECEIVERS_EVENTS)
    }

    pub(super) fn joined(self) -> usize {
        self.of(SENDERS_JOINED, RECEIVERS_JOINED)
    }

    pub(super) fn left(self) -> usize {
        self.joined() + size_of::<u64>()
    }

    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        let first = self.of(SENDERS, RECEIVERS);
        (0..PLACES).map(move |place| first + place * size_of::<u64>())
    }
}
