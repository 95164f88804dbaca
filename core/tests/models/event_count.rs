//! Checks in every interleaving that an event count loses no wake-up.
//!
//! The futex is modelled by a lock and a condition variable of `loom`. Nothing limits a sleep: if a
//! wake-up is lost, a thread sleeps for ever, which `loom` reports.
//!
//! Of several loads of a word `loom` knows the last one only, and explores no change before the
//! others. So each model also runs with an exchange for the load in `announce`.

use std::{cell::Cell, convert::Infallible, panic, sync::Arc, time::Duration};

use loom::{
    sync::{
        Condvar, Mutex,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, SeqCst},
            fence,
        },
    },
    thread,
};

use crate::ipc::words::{Memory, Owner, Words};

#[path = "../../src/ipc/event_count.rs"]
mod protocol;

use protocol::{announce, notify};

thread_local! {
    /// The threads of a model run on one thread of the system.
    /// Whose fence is missing: that of waiting threads, or of notifying ones.
    static LACKS_FENCE: Cell<Option<bool>> = const { Cell::new(None) };
    static CHECKS_AGAIN: Cell<bool> = const { Cell::new(true) };
    static EXCHANGES: Cell<bool> = const { Cell::new(false) };
}

/// Two changes, and the event count of the threads that wait for them.
struct Shared {
    changes: [AtomicU64; 2],
    word: AtomicU64,
    kernel: Mutex<()>,
    wake_up: Condvar,
}

/// The words, as one thread uses them.
struct Thread<'a> {
    shared: &'a Shared,
    waits: bool,
}

impl Words for Thread<'_> {
    type Error = Infallible;

    fn owner(&self) -> Result<Owner, Infallible> {
        unreachable!("an event count has no owner")
    }

    fn compare_exchange(
        &self,
        _at: usize,
        current: u64,
        new: u64,
    ) -> Result<Result<u64, u64>, Infallible> {
        Ok(self.shared.word.compare_exchange(current, new, SeqCst, Relaxed))
    }

    fn store_hint(&self, _at: usize, _hint: u32) {}

    fn is_alive(&self, _id: u64) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn sleep(&self, _at: usize, expected: u64, _timeout: Duration) -> Result<(), Infallible> {
        let kernel = self.shared.kernel.lock().unwrap();
        if self.shared.word.load(Acquire) == expected {
            drop(self.shared.wake_up.wait(kernel).unwrap());
        }
        Ok(())
    }

    fn wake_one(&self, at: usize) -> Result<(), Infallible> {
        self.wake_all(at)
    }
}

impl Memory for Thread<'_> {
    fn load(&self, _at: usize) -> Result<u64, Infallible> {
        match self.waits && EXCHANGES.get() {
            true => Ok(self.shared.word.fetch_or(0, Acquire)),
            false => Ok(self.shared.word.load(Acquire)),
        }
    }

    fn store(&self, _at: usize, _word: u64) -> Result<(), Infallible> {
        unreachable!("an event count is exchanged only")
    }

    fn fence(&self) {
        if LACKS_FENCE.get() != Some(self.waits) {
            fence(SeqCst);
        }
    }

    fn wake_all(&self, _at: usize) -> Result<(), Infallible> {
        let _kernel = self.shared.kernel.lock().unwrap();
        self.shared.wake_up.notify_all();
        Ok(())
    }

    fn corrupt(&self, _at: usize) -> Infallible {
        unreachable!("no word is corrupt")
    }
}

impl Shared {
    fn change(&self, index: usize) {
        self.changes[index].store(1, Relaxed);
        let Ok(()) = notify(&Thread { shared: self, waits: false }, 0);
    }

    fn has_changed(&self, index: usize) -> bool {
        self.changes[index].load(Relaxed) == 1
    }

    fn wait(&self, index: usize) {
        let thread = Thread { shared: self, waits: true };
        while !self.has_changed(index) {
            let Ok(word) = announce(&thread, 0);
            if CHECKS_AGAIN.get() && self.has_changed(index) {
                break;
            }
            let Ok(()) = thread.sleep(0, word, Duration::MAX);
        }
    }
}

fn explored(threads: fn(&Arc<Shared>)) {
    for exchanges in [false, true] {
        EXCHANGES.set(exchanges);
        explored_once(threads);
    }
}

fn explored_once(threads: fn(&Arc<Shared>)) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        threads(&Arc::new(Shared {
            changes: [AtomicU64::new(0), AtomicU64::new(0)],
            word: AtomicU64::new(0),
            kernel: Mutex::new(()),
            wake_up: Condvar::new(),
        }));
    });
}

fn in_thread(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) + Send + 'static,
) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || work(&shared))
}

/// One thread waits for one change, and then for another one.
fn one_notifier(shared: &Arc<Shared>) {
    let notifier = in_thread(shared, |shared| {
        shared.change(0);
        shared.change(1);
    });
    shared.wait(0);
    shared.wait(1);
    notifier.join().unwrap();
}

#[test]
fn a_waiting_thread_misses_no_change() {
    explored(one_notifier);
}

/// Of two threads that notify at once, the exchange of one fails.
fn two_notifiers(shared: &Arc<Shared>) {
    let notifiers = [0, 1].map(|index| in_thread(shared, move |shared| shared.change(index)));
    shared.wait(0);
    shared.wait(1);
    notifiers.into_iter().for_each(|notifier| notifier.join().unwrap());
}

#[test]
fn a_waiting_thread_misses_no_change_of_two_threads() {
    explored(two_notifiers);
}

/// The second thread that announces itself finds the bit set.
fn two_waiters(shared: &Arc<Shared>) {
    let waiters = [0, 1].map(|_| in_thread(shared, |shared| shared.wait(0)));
    shared.change(0);
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
}

#[test]
fn two_waiting_threads_miss_no_change() {
    explored(two_waiters);
}

fn fails(threads: fn(&Arc<Shared>)) -> bool {
    panic::catch_unwind(|| explored(threads)).is_err()
}

#[test]
fn without_one_of_the_fences_a_wake_up_is_lost() {
    for waits in [false, true] {
        LACKS_FENCE.set(Some(waits));
        assert!(fails(one_notifier));
    }
}

#[test]
fn without_a_second_check_a_wake_up_is_lost() {
    CHECKS_AGAIN.set(false);
    assert!(fails(one_notifier));
}
