//! Checks the protocol of `ipc::Mutex` in every interleaving of threads.
//!
//! The model compiles the protocol with the atomics of `loom`. The data behind the lock are a cell
//! of `loom`, which fails if two threads access it at once, or without order. A sleep is modelled
//! by giving way to the other threads: `loom` has no futex.

use std::{cell::Cell, convert::Infallible, panic, sync::Arc, time::Duration};

use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{self, Relaxed, SeqCst},
        },
    },
    thread,
};

use crate::ipc::words::{Owner, Words};

#[allow(dead_code)]
#[path = "../../src/ipc/mutex/protocol.rs"]
mod protocol;

use protocol::{lock, try_lock, unlock};

thread_local! {
    /// The threads of a model run on one thread of the system.
    static UNLOCK: Cell<Ordering> = const { Cell::new(SeqCst) };
    static LIVENESS: Cell<bool> = const { Cell::new(true) };
}

// SAFETY: `loom` checks each access of the cell.
unsafe impl Sync for Shared {}

/// The id of the process that crashes.
const CRASHED: u64 = 9;

/// The words, as one process uses them.
struct Process<'a> {
    shared: &'a Shared,
    id: u64,
}

struct Shared {
    word: AtomicU64,
    data: UnsafeCell<u64>,
    /// What the kernel knows of the process that crashes. The kernel's own lock orders the
    /// process's last instruction before the answer that it has crashed.
    exists: Mutex<bool>,
}

impl Words for Process<'_> {
    type Error = Infallible;

    fn owner(&self) -> Result<Owner, Infallible> {
        Ok(Owner { id: self.id, pid: 0, forks: 0 })
    }

    fn compare_exchange(
        &self,
        _at: usize,
        current: u64,
        new: u64,
    ) -> Result<Result<u64, u64>, Infallible> {
        let is_unlock = new >> 2 == 0;
        let order = if is_unlock { UNLOCK.get() } else { SeqCst };
        Ok(self.shared.word.compare_exchange(current, new, order, Relaxed))
    }

    fn store_hint(&self, _at: usize, _hint: u32) {}

    fn is_alive(&self, id: u64) -> Result<bool, Infallible> {
        Ok(id != CRASHED || (LIVENESS.get() && *self.shared.exists.lock().unwrap()))
    }

    fn sleep(&self, _at: usize, _expected: u64, _timeout: Duration) -> Result<(), Infallible> {
        thread::yield_now();
        Ok(())
    }

    fn wake_one(&self, _at: usize) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Shared {
    fn add(&self) {
        // SAFETY: `loom` checks that no other thread accesses the cell.
        self.data.with_mut(|data| unsafe { *data += 1 });
    }
}

fn explored(preemptions: usize, threads: fn(&Arc<Shared>) -> u64) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(move || {
        let shared = Arc::new(Shared {
            word: AtomicU64::new(0),
            data: UnsafeCell::new(0),
            exists: Mutex::new(true),
        });
        let expected = threads(&shared);
        // SAFETY: all threads have ended.
        assert_eq!(shared.data.with(|data| unsafe { *data }), expected);
    });
}

fn in_thread(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) + Send + 'static,
) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || work(&shared))
}

/// Locks, changes the data, unlocks.
fn once(id: u64) -> impl FnOnce(&Shared) + Send + 'static {
    move |shared| {
        let process = Process { shared, id };
        let Ok(locked) = lock(&process, 0, None);
        shared.add();
        let Ok(was_locked) = unlock(&process, 0, locked.unwrap(), false);
        assert!(was_locked);
    }
}

/// Locks, changes the data, and crashes.
fn crashes(shared: &Shared) {
    let Ok(locked) = try_lock(&Process { shared, id: CRASHED }, 0);
    if locked.is_some() {
        shared.add();
    }
    *shared.exists.lock().unwrap() = false;
}

fn two_threads(shared: &Arc<Shared>) -> u64 {
    let other = in_thread(shared, once(1));
    once(2)(shared);
    other.join().unwrap();
    2
}

#[test]
fn two_threads_exclude_each_other() {
    explored(4, two_threads);
}

/// One process crashes while another one locks. It may have had the lock, or not.
fn one_successor(shared: &Arc<Shared>) -> u64 {
    let crashed = in_thread(shared, crashes);
    once(2)(shared);
    crashed.join().unwrap();
    // SAFETY: all threads have ended.
    let all = shared.data.with(|data| unsafe { *data });
    assert!(all == 1 || all == 2);
    all
}

#[test]
fn a_thread_takes_over_from_a_process_that_crashes() {
    explored(4, one_successor);
}

/// The process has crashed before: a third thread that runs would be too many for `loom`.
fn two_successors(shared: &Arc<Shared>) -> u64 {
    crashes(shared);
    two_threads(shared) + 1
}

#[test]
fn of_two_threads_one_takes_over() {
    explored(4, two_successors);
}

fn fails(test: impl FnOnce() + panic::UnwindSafe) -> bool {
    panic::catch_unwind(test).is_err()
}

#[test]
fn an_unlock_without_release_is_noticed() {
    UNLOCK.set(Relaxed);
    assert!(fails(|| explored(4, two_threads)));
}

#[test]
fn a_process_that_counts_as_crashed_while_it_runs_is_noticed() {
    LIVENESS.set(false);
    assert!(fails(|| explored(4, one_successor)));
}
