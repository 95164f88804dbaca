//! Waiting for a lock that the system cannot wait for with a limit: asking again after sleeps.

use std::{
    ops::Range,
    thread,
    time::{Duration, Instant},
};

/// How long a thread sleeps before it asks again: at first, and at most.
const SLEEPS: Range<Duration> = Duration::from_micros(50)..Duration::from_millis(5);

/// How long a call waits at least for a commit or a reading of another process. A commit waits for
/// the storage device, and a process that is stopped in one would stop others for ever.
#[cfg(any(unix, feature = "python-internals"))]
pub const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// How long a call waits.
#[derive(Clone, Copy)]
pub(crate) struct Wait<'a> {
    /// When it gives up; `None`: never.
    pub(crate) until: Option<Instant>,
    /// Asked before each sleep. The call gives up if it returns false.
    pub(crate) proceed: &'a dyn Fn() -> bool,
}

impl Wait<'_> {
    pub(crate) const FOREVER: Wait<'static> = Wait { until: None, proceed: &|| true };

    /// A time that the clock cannot express never comes.
    pub(crate) fn within(timeout: Duration) -> Wait<'static> {
        Wait { until: Instant::now().checked_add(timeout), ..Wait::FOREVER }
    }

    /// The same without an end.
    #[cfg(unix)]
    pub(crate) fn without_end(self) -> Self {
        Wait { until: None, ..self }
    }

    /// The same, with an end that is not before this time is over.
    #[cfg(unix)]
    pub(crate) fn at_least(self, least: Duration) -> Self {
        let end = Wait::within(least).until;
        Wait { until: self.until.and_then(|until| Some(until.max(end?))), ..self }
    }

    /// Calls `attempt` until it returns a value. Returns `None` if the call gives up before.
    pub(crate) fn poll<T, E>(
        &self,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let mut sleep = SLEEPS.start;
        loop {
            if let Some(value) = attempt()? {
                return Ok(Some(value));
            }
            let rest = self.rest();
            if rest == Some(Duration::ZERO) || !(self.proceed)() {
                return Ok(None);
            }
            thread::sleep(rest.map_or(sleep, |rest| rest.min(sleep)));
            sleep = SLEEPS.end.min(sleep * 2);
        }
    }

    /// Whether the time is over.
    #[cfg(unix)]
    pub(crate) fn has_ended(&self) -> bool {
        self.rest() == Some(Duration::ZERO)
    }

    fn rest(&self) -> Option<Duration> {
        self.until.map(|end| end.saturating_duration_since(Instant::now()))
    }
}
