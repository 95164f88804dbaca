//! Checks the frames of a channel in every interleaving of senders and a receiver.
//!
//! Each word of the ring is an atomic word, and a cell of `loom` for the bytes of messages. The
//! cell fails if a thread reads a message beside a write, or looks for a header where bytes are
//! written. Only the stores that commit are releases: others need no order. Threads do not wait:
//! they try a few times, and in the end the messages that are left are taken.
//!
//! Words that only one side changes are loaded by that side without `loom`'s atomic operation: of
//! several loads `loom` knows the last one only, and would explore no store before the others. It
//! fails if such a load is beside a store.

use std::{cell::Cell, convert::Infallible, panic, sync::Arc};

use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{self, Acquire, Relaxed, Release},
        },
    },
    thread,
};

use crate::ipc::words::{Memory, Words};

#[allow(dead_code)]
#[path = "../../src/ipc/channel/layout.rs"]
mod layout;

#[allow(dead_code)]
#[path = "../../src/ipc/channel/frames.rs"]
mod protocol;

use layout::{HEAD, RING, SENT, TAIL};
use protocol::Ring;

thread_local! {
    /// The threads of a model run on one thread of the system.
    static PUBLISH: Cell<Ordering> = const { Cell::new(Release) };
    static TAKE: Cell<Ordering> = const { Cell::new(Release) };
}

const WORDS: usize = 8;
/// The bytes of each message.
const LEN: usize = 8;

struct Shared {
    ring: Ring,
    tail: AtomicU64,
    sent: AtomicU64,
    head: AtomicU64,
    words: [AtomicU64; WORDS],
    bytes: [UnsafeCell<u64>; WORDS],
    senders: Mutex<()>,
}

// SAFETY: `loom` checks each access of the cells.
unsafe impl Sync for Shared {}

impl Shared {
    /// A ring for `most` messages (0: no limit), whose first one begins in its word `start`.
    fn new(words: usize, start: usize, most: u64) -> Shared {
        let ring = Ring { capacity: 8 * words as u64, most };
        Shared {
            ring,
            tail: AtomicU64::new(8 * start as u64),
            sent: AtomicU64::new(0),
            head: AtomicU64::new(8 * start as u64),
            words: [(); WORDS].map(|()| AtomicU64::new(0)),
            bytes: [(); WORDS].map(|()| UnsafeCell::new(0)),
            senders: Mutex::new(()),
        }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        match at {
            TAIL => &self.tail,
            SENT => &self.sent,
            HEAD => &self.head,
            _ => &self.words[(at - RING) / 8],
        }
    }

    fn bytes_at(&self, position: u64) -> &UnsafeCell<u64> {
        let (at, _) = self.ring.pieces(position, LEN).next().unwrap();
        &self.bytes[(at - RING) / 8]
    }

    /// Sends a message if there is space.
    fn send(&self, message: u64, front: &mut Option<protocol::Mark>) -> bool {
        let sender = Thread { shared: self, is_sender: true };
        let Ok(reserved) = protocol::reserve(&sender, &self.ring, LEN, front);
        let Ok(room) = reserved else { return false };
        // SAFETY: `loom` checks that no other thread accesses the cell.
        self.bytes_at(room.start).with_mut(|bytes| unsafe { *bytes = message });
        let Ok(()) = protocol::publish(&sender, &self.ring, &room);
        true
    }

    /// Receives a message if there is one.
    fn receive(&self) -> Option<u64> {
        let receiver = Thread { shared: self, is_sender: false };
        let Ok(frame) = protocol::first(&receiver, &self.ring);
        let frame = frame?;
        // SAFETY: `loom` checks that no other thread writes to the cell.
        let message = self.bytes_at(frame.start).with(|bytes| unsafe { *bytes });
        let Ok(()) = protocol::take(&receiver, &frame);
        Some(message)
    }
}

/// The words, as one side uses them.
struct Thread<'a> {
    shared: &'a Shared,
    is_sender: bool,
}

impl Words for Thread<'_> {
    loads_and_stores!(Infallible);
}

impl Memory for Thread<'_> {
    fn load(&self, at: usize) -> Result<u64, Infallible> {
        if at >= RING {
            // SAFETY: `loom` checks that no other thread writes bytes there.
            self.shared.bytes[(at - RING) / 8].with(|bytes| unsafe { *bytes });
        }
        let word = self.shared.word(at);
        if self.is_sender == (at != HEAD) {
            // SAFETY: `loom` checks that no other thread stores the word.
            return Ok(unsafe { word.unsync_load() });
        }
        Ok(word.load(Acquire))
    }

    fn store(&self, at: usize, word: u64) -> Result<(), Infallible> {
        let order = match at {
            HEAD => TAKE.get(),
            TAIL | SENT => Relaxed,
            // The commit, and not the word behind the frame nor a number.
            _ if word >> 63 == 1 => PUBLISH.get(),
            _ => Relaxed,
        };
        self.shared.word(at).store(word, order);
        Ok(())
    }

    fn fence(&self) {}

    fn wake_all(&self, _at: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn corrupt(&self, at: usize) -> Infallible {
        panic!("the word at {at} is corrupt")
    }
}

fn explored(preemptions: usize, threads: fn()) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(threads);
}

fn in_thread<T: 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || work(&shared))
}

/// In a ring of 4 words one message fits, and every second one wraps. In one of 8 words 3 fit, or 2
/// with numbers, and the last one wraps.
fn four_messages(words: usize, most: u64) {
    let shared = Arc::new(Shared::new(words, 1, most));
    let sender = in_thread(&shared, |shared| {
        let mut front = None;
        (1..=4).for_each(|message| until(|| shared.send(message, &mut front).then_some(())));
    });
    (1..=4).for_each(|message| assert_eq!(until(|| shared.receive()), message));
    sender.join().unwrap();
    assert_eq!(shared.receive(), None);
}

/// Waits, by giving way to the other threads.
fn until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    loop {
        match condition() {
            Some(value) => return value,
            None => thread::yield_now(),
        }
    }
}

/// The first message wraps.
fn two_senders() {
    let shared = Arc::new(Shared::new(8, 7, 0));
    let senders = [1, 2].map(|message| {
        in_thread(&shared, move |shared| {
            let _guard = shared.senders.lock().unwrap();
            assert!(shared.send(message, &mut None));
        })
    });
    let mut received: Vec<_> = (0..2).filter_map(|_| shared.receive()).collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    received.extend(std::iter::from_fn(|| shared.receive()));
    received.sort_unstable();
    assert_eq!(received, [1, 2]);
}

#[test]
fn a_receiver_beside_a_sender_gets_each_message() {
    explored(4, || four_messages(4, 0));
    explored(3, || four_messages(8, 0));
    explored(3, || four_messages(8, 1));
}

#[test]
fn a_receiver_beside_two_senders_gets_each_message() {
    explored(5, two_senders);
}

fn fails() -> bool {
    panic::catch_unwind(|| explored(2, || four_messages(4, 0))).is_err()
}

#[test]
fn a_header_without_release_is_noticed() {
    PUBLISH.set(Relaxed);
    assert!(fails());
}

#[test]
fn a_head_without_release_is_noticed() {
    TAKE.set(Relaxed);
    assert!(fails());
}
