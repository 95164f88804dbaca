//! The outcome of one step of a sleep.

/// Why a step of a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // Not all systems have all of them.
pub(crate) enum Sleep {
    /// The thread was woken, or a signal interrupted it.
    Woken,
    /// The word was not the expected one.
    Changed,
    /// The time has passed.
    TimedOut,
    /// The step is over. The caller checks the word and the time.
    Elapsed,
}
