//! Checks joining, leaving and looking of a channel's processes in every interleaving of threads.
//!
//! The model compiles the protocol with the atomics of `loom`. Each thread is a process. There are
//! senders and one receiver; a sender's table has two places here. The lock of the file is a mutex
//! of `loom`, and so is what the kernel knows of a process.
//!
//! A look that finds changes all the time decides nothing. It is repeated at the end, when it does.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    convert::Infallible,
    panic,
    sync::Arc,
    time::Duration,
};

use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{self, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    thread,
};

use crate::ipc::words::{Memory, Owner, Words};

#[allow(clippy::duplicate_mod)]
#[path = "../../src/ipc/event_count.rs"]
mod event_count;
#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../../src/ipc/channel/layout.rs"]
mod layout;
#[allow(dead_code)]
#[path = "../../src/ipc/channel/peers.rs"]
mod protocol;
#[allow(dead_code)]
#[path = "../../src/ipc/channel/side.rs"]
mod side;

use event_count::{announce, notify};
use layout::{RECEIVERS_EVENTS, SENDERS, SENDERS_JOINED};
use protocol::{
    Others, Place, Presence, Presence::Gone, Presence::There, Reason, is_in_doubt, join, leave,
    presence, use_place,
};
use side::Side::Senders;

thread_local! {
    /// The threads of a model run on one thread of the system.
    static EXCHANGE: Cell<Ordering> = const { Cell::new(SeqCst) };
    static LOADS_AGAIN: Cell<bool> = const { Cell::new(true) };
    static USES_PLACES: Cell<bool> = const { Cell::new(true) };
    static HAS_FENCES: Cell<bool> = const { Cell::new(true) };
}

const RECEIVER: u64 = 1;
const FIRST: u64 = 11;
const SECOND: u64 = 12;

/// The words that the model has. The others are always 0.
const WORDS: [usize; 5] =
    [SENDERS_JOINED, SENDERS_JOINED + 8, SENDERS, SENDERS + 8, RECEIVERS_EVENTS];

struct Shared {
    words: [AtomicU64; WORDS.len()],
    /// Changed before each access of a word, without order. `loom` (0.7) forgets that a thread has
    /// loaded a word when another thread loads it, and would not try a store before that load.
    touched: [AtomicU64; WORDS.len()],
    lock: Mutex<()>,
    /// Whether the process `FIRST` exists.
    exists: Mutex<bool>,
    /// A message, and the word that commits it.
    message: UnsafeCell<u64>,
    header: AtomicU64,
}

// SAFETY: `loom` checks each access of the cell.
unsafe impl Sync for Shared {}

struct Process<'a> {
    shared: &'a Shared,
    id: u64,
    /// What a look has loaded. For a control it loads nothing twice.
    loaded: RefCell<BTreeMap<usize, u64>>,
}

impl Process<'_> {
    fn new(shared: &Shared, id: u64) -> Process<'_> {
        Process { shared, id, loaded: RefCell::default() }
    }

    fn word(&self, at: usize) -> Option<&AtomicU64> {
        let word = WORDS.iter().position(|&word| word == at)?;
        self.shared.touched[word].fetch_add(1, Relaxed);
        Some(&self.shared.words[word])
    }
}

impl Words for Process<'_> {
    type Error = Infallible;

    fn owner(&self) -> Result<Owner, Infallible> {
        Ok(Owner { id: self.id, pid: 0, forks: 0 })
    }

    fn compare_exchange(
        &self,
        at: usize,
        current: u64,
        new: u64,
    ) -> Result<Result<u64, u64>, Infallible> {
        let word = self.word(at).expect("only senders leave");
        Ok(word.compare_exchange(current, new, EXCHANGE.get(), Relaxed))
    }

    fn store_hint(&self, _at: usize, _hint: u32) {}

    fn is_alive(&self, id: u64) -> Result<bool, Infallible> {
        Ok(id != FIRST || *self.shared.exists.lock().unwrap())
    }

    fn sleep(&self, _at: usize, _expected: u64, _timeout: Duration) -> Result<(), Infallible> {
        Ok(())
    }

    fn wake_one(&self, _at: usize) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Memory for Process<'_> {
    fn load(&self, at: usize) -> Result<u64, Infallible> {
        let loaded = self.loaded.borrow().get(&at).copied();
        if let (Some(word), false) = (loaded, LOADS_AGAIN.get()) {
            return Ok(word);
        }
        let word = self.word(at).map_or(0, |word| word.load(Acquire));
        self.loaded.borrow_mut().insert(at, word);
        Ok(word)
    }

    fn store(&self, at: usize, new: u64) -> Result<(), Infallible> {
        self.word(at).expect("only senders join").store(new, Release);
        Ok(())
    }

    fn fence(&self) {
        if HAS_FENCES.get() {
            fence(SeqCst);
        }
    }

    fn wake_all(&self, _at: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn corrupt(&self, at: usize) -> Infallible {
        unreachable!("no word at {at} is checked")
    }
}

impl Shared {
    fn join(&self, id: u64, reason: Reason) -> Place {
        let _guard = self.lock.lock().unwrap();
        let Ok(joined) = join(&Process::new(self, id), Senders, id, reason);
        joined.unwrap().0
    }

    fn leave(&self, place: &Place, id: u64) {
        let Ok(()) = leave(&Process::new(self, id), place);
    }

    fn send(&self) {
        // SAFETY: `loom` checks that no other thread accesses the cell.
        self.message.with_mut(|message| unsafe { *message = 7 });
        self.header.store(1, Release);
    }

    /// Ends the process `FIRST`.
    fn crash(&self) {
        *self.exists.lock().unwrap() = false;
    }

    fn look(&self, others: &mut Others) -> Option<Presence> {
        let Ok(found) = presence(&Process::new(self, RECEIVER), Senders, others);
        found
    }

    /// No sender is there: its message is.
    fn assert_received(&self) {
        assert_eq!(self.header.load(Acquire), 1);
        // SAFETY: `loom` checks that no other thread accesses the cell.
        assert_eq!(self.message.with(|message| unsafe { *message }), 7);
    }
}

fn explored(preemptions: usize, threads: fn(&Arc<Shared>)) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(move || {
        threads(&Arc::new(Shared {
            words: [0; WORDS.len()].map(AtomicU64::new),
            touched: [0; WORDS.len()].map(AtomicU64::new),
            lock: Mutex::new(()),
            exists: Mutex::new(true),
            message: UnsafeCell::new(0),
            header: AtomicU64::new(0),
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

/// What a receiver knows that joined before all senders.
fn early(shared: &Shared) -> Others {
    let Ok(others) = Others::new(&Process::new(shared, RECEIVER), Senders);
    others
}

/// One sender joins at a free place in front of another one, which leaves then.
fn one_is_always_there(shared: &Arc<Shared>) {
    let [first, second] = [FIRST, SECOND].map(|id| shared.join(id, Reason::Use));
    shared.leave(&first, FIRST);
    let mut others = early(shared);
    let sender = in_thread(shared, move |shared| {
        shared.join(FIRST, Reason::Use);
        shared.leave(&second, SECOND);
    });
    assert_eq!(shared.look(&mut others).unwrap_or(There), There);
    sender.join().unwrap();
}

#[test]
fn a_look_finds_a_process_if_one_is_always_there() {
    explored(3, one_is_always_there);
}

/// The same, and both come and go once more. Only the word `left` shows that.
fn both_come_and_go(shared: &Arc<Shared>) {
    let [first, second] = [FIRST, SECOND].map(|id| shared.join(id, Reason::Use));
    shared.leave(&first, FIRST);
    let mut others = early(shared);
    let sender = in_thread(shared, move |shared| {
        let first = shared.join(FIRST, Reason::Use);
        shared.leave(&second, SECOND);
        shared.join(SECOND, Reason::Use);
        shared.leave(&first, FIRST);
    });
    assert_eq!(shared.look(&mut others).unwrap_or(There), There);
    sender.join().unwrap();
}

#[test]
fn a_look_finds_a_process_if_one_is_always_there_while_others_come_and_go() {
    explored(2, both_come_and_go);
}

/// A sender joins, sends and leaves.
fn one_message(shared: &Arc<Shared>) {
    let mut others = early(shared);
    let sender = in_thread(shared, |shared| {
        let place = shared.join(FIRST, Reason::Use);
        shared.send();
        shared.leave(&place, FIRST);
        shared.crash();
    });
    if let Some(Gone { died }) = shared.look(&mut others) {
        assert!(!died);
        shared.assert_received();
    }
    sender.join().unwrap();
    assert_eq!(is_in_doubt(&Process::new(shared, RECEIVER), Senders, &others), Ok(true));
    assert_eq!(shared.look(&mut others), Some(Gone { died: false }));
}

#[test]
fn a_look_that_finds_no_process_comes_after_its_messages() {
    explored(2, one_message);
}

/// A sender has crashed. Another one joins, which removes its id, and leaves.
fn one_crash(shared: &Arc<Shared>) {
    let mut others = early(shared);
    shared.join(FIRST, Reason::Use);
    shared.send();
    shared.crash();
    let senders = in_thread(shared, |shared| {
        let place = shared.join(SECOND, Reason::Use);
        shared.leave(&place, SECOND);
    });
    if let Some(Gone { died }) = shared.look(&mut others) {
        assert!(died);
        shared.assert_received();
    }
    senders.join().unwrap();
    assert_eq!(shared.look(&mut others), Some(Gone { died: true }));
}

#[test]
fn a_crash_is_reported_also_if_another_process_noticed_it() {
    explored(2, one_crash);
}

/// A forked child sends and crashes, while a process looks, or joins and removes its id.
fn a_child_crashes(shared: &Arc<Shared>, beside: impl FnOnce(&mut Others)) {
    let mut others = early(shared);
    let place = shared.join(FIRST, Reason::Fork);
    let child = in_thread(shared, move |shared| {
        if USES_PLACES.get() {
            let Ok(()) = use_place(&Process::new(shared, FIRST), &place);
        }
        shared.send();
        shared.crash();
    });
    beside(&mut others);
    child.join().unwrap();
    assert_eq!(shared.look(&mut others), Some(Gone { died: true }));
}

fn a_child_crashes_beside_a_look(shared: &Arc<Shared>) {
    a_child_crashes(shared, |others| {
        if let Some(Gone { died }) = shared.look(others) {
            assert!(died);
            shared.assert_received();
        }
    });
}

fn a_child_crashes_beside_a_removal(shared: &Arc<Shared>) {
    a_child_crashes(shared, |_| {
        let place = shared.join(SECOND, Reason::Use);
        shared.leave(&place, SECOND);
    });
}

#[test]
fn a_crash_of_a_child_that_has_sent_is_reported() {
    explored(4, a_child_crashes_beside_a_look);
    explored(4, a_child_crashes_beside_a_removal);
}

/// A forked child ends before it has used the channel. Its parent leaves.
fn a_child_ends(shared: &Arc<Shared>) {
    let parent = shared.join(SECOND, Reason::Use);
    let mut others = early(shared);
    shared.join(FIRST, Reason::Fork);
    let child = in_thread(shared, Shared::crash);
    let parent = in_thread(shared, move |shared| {
        shared.send();
        shared.leave(&parent, SECOND);
    });
    if let Some(Gone { died }) = shared.look(&mut others) {
        assert!(!died);
        shared.assert_received();
    }
    child.join().unwrap();
    parent.join().unwrap();
    assert_eq!(shared.look(&mut others), Some(Gone { died: false }));
}

#[test]
fn a_child_that_ends_before_it_has_sent_has_not_crashed() {
    explored(3, a_child_ends);
}

/// A sender leaves and wakes, while a receiver begins to sleep.
fn one_wake(shared: &Arc<Shared>) {
    let place = shared.join(FIRST, Reason::Use);
    let others = early(shared);
    let sender = in_thread(shared, move |shared| {
        shared.leave(&place, FIRST);
        let Ok(()) = notify(&Process::new(shared, FIRST), RECEIVERS_EVENTS);
    });
    let process = Process::new(shared, RECEIVER);
    let Ok(word) = announce(&process, RECEIVERS_EVENTS);
    let Ok(is_in_doubt) = is_in_doubt(&process, Senders, &others);
    sender.join().unwrap();
    // Otherwise it sleeps.
    assert!(is_in_doubt || process.load(RECEIVERS_EVENTS) != Ok(word));
}

#[test]
fn a_sender_that_leaves_wakes_a_receiver() {
    explored(4, one_wake);
}

fn fails(test: impl FnOnce() + panic::UnwindSafe) -> bool {
    panic::catch_unwind(test).is_err()
}

#[test]
fn a_look_that_loads_each_word_once_is_noticed() {
    LOADS_AGAIN.set(false);
    assert!(fails(|| explored(4, one_is_always_there)));
}

#[test]
fn a_place_that_is_not_marked_as_used_is_noticed() {
    USES_PLACES.set(false);
    assert!(fails(|| explored(2, a_child_crashes_beside_a_look)));
}

#[test]
fn a_removal_without_release_is_noticed() {
    EXCHANGE.set(Relaxed);
    assert!(fails(|| explored(4, one_message)));
}

#[test]
fn a_wake_without_fences_is_noticed() {
    HAS_FENCES.set(false);
    assert!(fails(|| explored(4, one_wake)));
}
