//! Waiting for a change without a lost wake-up.
//!
//! An event count is a word. Bit 0 says that a thread may wait; the other bits count.
//!
//! | waiting thread | notifying thread |
//! |---|---|
//! | 1. `announce` | 1. change what the other one waits for |
//! | 2. check again, and do not sleep if there is something | 2. `notify` |
//! | 3. sleep on the word that `announce` returned, for a limited time | |
//!
//! Both functions have a fence. If that of `notify` comes first, the check in step 2 finds the
//! change. Otherwise `notify` finds bit 0, changes the word, and wakes; a thread that begins to
//! sleep later finds another word.
//!
//! A process that crashes before its `wake_all` wakes no thread: therefore each sleep is limited. A
//! waiting thread that crashes leaves bit 0, which costs one needless wake-up.

use crate::ipc::words::Memory;

const WAITERS: u64 = 1;

/// After so many failed exchanges the word changes all the time: a sleep would end at once.
const ATTEMPTS: u32 = 100;

/// Announces that this thread is going to sleep on the event count at `at`. Returns the word for
/// [`Words::sleep`](crate::ipc::words::Words::sleep). The caller has to check in between.
pub(crate) fn announce<M: Memory>(memory: &M, at: usize) -> Result<u64, M::Error> {
    let mut word = memory.load(at)?;
    for _ in 0..ATTEMPTS {
        if word & WAITERS != 0 {
            break;
        }
        match memory.compare_exchange(at, word, word | WAITERS)? {
            Ok(_) => break,
            Err(other) => word = other,
        }
    }
    memory.fence();
    // Without the exchange the word in memory is another one, unless another thread has set the
    // bit. So a sleep on it ends at once, or has been announced.
    Ok(word | WAITERS)
}

/// Wakes the threads that wait on the event count at `at` for what was changed before.
#[inline]
pub(crate) fn notify<M: Memory>(memory: &M, at: usize) -> Result<(), M::Error> {
    memory.fence();
    let word = memory.load(at)?;
    if word & WAITERS == 0 { Ok(()) } else { wake(memory, at, word) }
}

#[cold]
fn wake<M: Memory>(memory: &M, at: usize, word: u64) -> Result<(), M::Error> {
    // Adding 1 clears the bit and counts. If the exchange fails, another thread has done that and
    // wakes; a thread that has announced itself since finds the change.
    match memory.compare_exchange(at, word, word.wrapping_add(1))? {
        Ok(_) => memory.wake_all(at),
        Err(_) => Ok(()),
    }
}
