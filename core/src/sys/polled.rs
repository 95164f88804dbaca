//! Waiting on systems that cannot wait for a word between processes: sleeps in steps.

use std::{io, thread, time::Duration};

use super::sleep::Sleep;

const SHORTEST: Duration = Duration::from_micros(50);
const LONGEST: Duration = Duration::from_millis(5);

/// Sleeps for a step, at most for `timeout`. Later rounds take longer.
///
/// # Safety
///
/// None.
pub(crate) unsafe fn sleep(
    _word: *const u32,
    _expected: u32,
    timeout: Option<Duration>,
    round: u32,
) -> io::Result<Sleep> {
    let step = SHORTEST.saturating_mul(1 << round.min(7)).min(LONGEST);
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Ok(Sleep::TimedOut);
    }
    thread::sleep(timeout.map_or(step, |timeout| timeout.min(step)));
    Ok(Sleep::Elapsed)
}

/// Does nothing: sleeping threads look by themselves.
///
/// # Safety
///
/// None.
#[allow(clippy::unnecessary_wraps, dead_code)] // Other systems fail, or have another one.
pub(crate) unsafe fn wake(_word: *const u32, _count: u32) -> io::Result<()> {
    Ok(())
}
