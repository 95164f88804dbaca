//! Channels in forked children: a child joins during the fork, before its parent can leave by a
//! call that follows it.

use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::{shared::Shared, side::Side};
use crate::sys::fork;

/// The channels of this process.
///
/// Only `try_lock` is used: in a child the thread that has the lock may not exist.
static CHANNELS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// How often a thread tries to get the lock, which is owned for some instructions.
const ATTEMPTS: u32 = 1000;

/// Has the handles of a channel join in children that are forked from now on. A channel that could
/// not be registered is joined at the first use in the child.
pub(super) fn register(shared: &Arc<Shared>) {
    fork::in_each_child(join_in_child);
    if let Some(mut channels) = channels() {
        channels.retain(|channel| channel.strong_count() > 0);
        channels.push(Arc::downgrade(shared));
    }
}

/// Leaves all channels of this process. The next use of one joins again.
///
/// For the Python package: the interpreter does not drop all objects when a program ends.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub fn leave_channels() {
    let channels = channels().map(|channels| channels.clone());
    for shared in channels.iter().flatten().filter_map(Weak::upgrade) {
        shared.leave_with_all();
    }
}

/// Returns `None` in a forked child that inherits the lock of a thread.
fn channels() -> Option<MutexGuard<'static, Vec<Weak<Shared>>>> {
    for _ in 0..ATTEMPTS {
        if let Ok(channels) = CHANNELS.try_lock() {
            return Some(channels);
        }
        std::thread::yield_now();
    }
    None
}

fn join_in_child() {
    let Ok(channels) = CHANNELS.try_lock() else { return };
    for shared in channels.iter().filter_map(Weak::upgrade) {
        for side in [Side::Senders, Side::Receivers] {
            // The first use of a handle reports the error.
            let _ = shared.join_soon(side);
        }
    }
}
