//! What [`gate`](super::gate) needs of the system; models have others.

use std::{thread, time::Duration};

pub(super) use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) use crate::sys::{barrier::Barrier, repair::Mark, this_thread::number as this_thread};

/// Waits for another thread, for the time of a short call.
pub(super) fn pause(round: u32) {
    match round {
        0..100 => thread::yield_now(),
        _ => thread::sleep(Duration::from_micros(50)),
    }
}
