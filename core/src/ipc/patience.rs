//! How long calls wait.

use std::time::{Duration, Instant};

/// How long a lock is waited for that is owned for a moment.
const MOMENT: Duration = Duration::from_millis(100);

/// How long a call waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    Forever,
    Until(Instant),
    /// Waits only for a lock that is owned for a moment.
    Never,
    /// Does not wait for a lock either.
    NotForLocks,
}

impl Patience {
    /// A time that the clock cannot express never comes.
    pub(super) fn of(timeout: Duration) -> Patience {
        Instant::now().checked_add(timeout).map_or(Patience::Forever, Patience::Until)
    }

    pub(super) fn left(self) -> Option<Duration> {
        match self {
            Patience::Forever => None,
            Patience::Until(end) => Some(end.saturating_duration_since(Instant::now())),
            Patience::Never | Patience::NotForLocks => Some(Duration::ZERO),
        }
    }

    /// How long a call waits for a lock that is owned for a moment. `None`: for ever.
    pub(super) fn for_locks(self) -> Option<Duration> {
        match self {
            Patience::Forever => None,
            Patience::NotForLocks => Some(Duration::ZERO),
            _ => self.left().map(|left| left.max(MOMENT)),
        }
    }

    pub(super) fn is_none(self) -> bool {
        matches!(self, Patience::Never | Patience::NotForLocks)
    }

    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Patience::Until(end) => Some(end),
            _ => None,
        }
    }
}
