//! Checks the protocol of `piece` in every interleaving of threads.
//!
//! The model compiles `piece` with the atomics of `loom`. The bytes of a piece are cells of `loom`,
//! which fail if a thread reads one beside a write. Controls break the protocol; the model finds
//! the interleaving in which they fail.

use std::{panic, sync::Arc};

use loom::{cell::UnsafeCell, thread};

mod atomic {
    use std::cell::Cell;

    pub(super) use loom::sync::atomic::{AtomicU8, AtomicU64, Ordering};

    thread_local! {
        /// The threads of a model run on one thread of the system.
        pub(super) static PUBLISH: Cell<Ordering> = const { Cell::new(Ordering::Release) };
        pub(super) static COMPLETE: Cell<Ordering> = const { Cell::new(Ordering::Release) };
    }

    pub(super) fn publish_order() -> Ordering {
        PUBLISH.get()
    }

    pub(super) fn complete_order() -> Ordering {
        COMPLETE.get()
    }
}

// The same source with other atomics, not all of which the model needs.
#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../../src/slices/piece.rs"]
mod piece;

use piece::{Complete, Missing, Piece};

const BYTES: usize = 2;
const FORKS: u64 = 7;

/// The state of a piece, with or without a fault.
trait State: Send + Sync + 'static {
    fn new() -> Self;
    fn ready(&self) -> usize;
    /// Claims the piece, calls `fill` with the number of ready bytes, and publishes their new
    /// number. Returns false if another thread has the claim.
    fn fill(&self, forks: u64, fill: impl FnOnce(usize) -> usize) -> bool;
    /// Leaves a claim behind.
    fn abandon(&self, forks: u64);
}

impl State for Piece {
    fn new() -> Self {
        Piece::new()
    }

    fn ready(&self) -> usize {
        self.ready()
    }

    fn fill(&self, forks: u64, fill: impl FnOnce(usize) -> usize) -> bool {
        let Some(claim) = self.claim(forks) else { return false };
        let ready = fill(claim.ready());
        claim.publish(ready);
        true
    }

    fn abandon(&self, forks: u64) {
        // Nothing gives the claim up but `publish`.
        let _ = self.claim(forks).unwrap();
    }
}

/// For a control: a thread writes without a claim.
struct Unclaimed(Piece);

impl State for Unclaimed {
    fn new() -> Self {
        Unclaimed(State::new())
    }

    fn ready(&self) -> usize {
        self.0.ready()
    }

    fn fill(&self, forks: u64, fill: impl FnOnce(usize) -> usize) -> bool {
        let ready = fill(self.0.ready());
        self.0.fill(forks, |_| ready)
    }

    fn abandon(&self, forks: u64) {
        self.0.abandon(forks);
    }
}

/// A piece of a file of which only `available` bytes exist.
struct Snapshot<S> {
    state: S,
    bytes: [UnsafeCell<u8>; BYTES],
    available: loom::sync::atomic::AtomicUsize,
}

// SAFETY: `loom` checks the accesses to the cells.
unsafe impl<S: Sync> Sync for Snapshot<S> {}

impl<S: State> Snapshot<S> {
    fn new(available: usize) -> Arc<Self> {
        let bytes = [(); BYTES].map(|()| UnsafeCell::new(0));
        let available = loom::sync::atomic::AtomicUsize::new(available);
        Arc::new(Snapshot { state: S::new(), bytes, available })
    }

    /// As `Snapshot::get`: returns whether `needed` bytes could be read.
    fn get(&self, needed: usize) -> bool {
        while self.state.ready() < needed {
            if !self.state.fill(FORKS, |ready| self.read(ready)) {
                thread::yield_now();
            } else if self.state.ready() < needed {
                return false;
            }
        }
        self.assert_bytes(needed);
        true
    }

    /// As `get`, but gives up if another thread has the claim: two threads that wait could yield to
    /// each other for ever in the model.
    fn try_get(&self) {
        if self.state.ready() < BYTES {
            self.state.fill(FORKS, |ready| self.read(ready));
        }
        self.assert_bytes(self.state.ready());
    }

    /// The system call. Each read gives other bytes, as those of a file may change.
    fn read(&self, ready: usize) -> usize {
        let available = self.available.load(loom::sync::atomic::Ordering::Relaxed);
        // SAFETY: `loom` fails if another thread accesses the cell.
        let write = |cell: &UnsafeCell<u8>| cell.with_mut(|byte| unsafe { *byte += 1 });
        self.bytes[ready..available.max(ready)].iter().for_each(write);
        available.max(ready)
    }

    /// Reads the bytes as through a slice. They were written once.
    fn assert_bytes(&self, count: usize) {
        for cell in &self.bytes[..count] {
            // SAFETY: `loom` fails if another thread writes to the cell.
            assert_eq!(cell.with(|byte| unsafe { *byte }), 1, "a byte was written twice");
        }
    }
}

/// Explores the interleavings of two threads that call `work`, beside a third that calls `beside`.
fn explore<S: State>(
    prepare: fn(&Snapshot<S>),
    available: usize,
    work: fn(&Snapshot<S>),
    beside: Option<fn(&Snapshot<S>)>,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = if beside.is_some() { Some(2) } else { None };
    builder.check(move || {
        let snapshot = Snapshot::<S>::new(available);
        prepare(&snapshot);
        let threads: Vec<_> = [Some(work), beside]
            .into_iter()
            .flatten()
            .map(|work| {
                let snapshot = Arc::clone(&snapshot);
                thread::spawn(move || work(&snapshot))
            })
            .collect();
        work(&snapshot);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

fn get_all<S: State>(snapshot: &Snapshot<S>) {
    assert!(snapshot.get(BYTES));
}

fn nothing<S: State>(_: &Snapshot<S>) {}

/// Whether the model finds an access beside a write, or a byte that was written twice.
fn finds_a_race(explore: impl FnOnce() + panic::UnwindSafe) -> bool {
    let cause = panic::catch_unwind(explore).expect_err("the model finds the fault");
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or_default();
    ["Causality violation", "written twice", "not written once"].iter().any(|it| text.contains(it))
}

#[test]
fn two_threads_get_bytes_that_were_written_once() {
    explore::<Piece>(nothing, BYTES, get_all, None);
}

#[test]
fn three_threads_get_bytes_that_were_written_once() {
    explore::<Piece>(nothing, BYTES, get_all, Some(|snapshot| snapshot.try_get()));
}

/// A reader keeps the bytes before the end of a file that is cut. Another one reads the rest after
/// the file has grown again.
#[test]
fn a_piece_that_was_cut_short_keeps_its_ready_bytes() {
    let work: fn(&Snapshot<Piece>) = |snapshot| {
        assert!(snapshot.get(1));
        snapshot.get(BYTES);
        snapshot.assert_bytes(1);
    };
    let grow: fn(&Snapshot<Piece>) =
        |snapshot| snapshot.available.store(BYTES, loom::sync::atomic::Ordering::Relaxed);
    explore(nothing, 1, work, Some(grow));
}

/// A child's copy of a claim that another thread of the parent had.
#[test]
fn one_thread_takes_over_a_claim_that_a_fork_left_behind() {
    let prepare = |snapshot: &Snapshot<Piece>| snapshot.state.abandon(FORKS - 1);
    explore(prepare, BYTES, get_all, None);
}

/// Controls.
#[test]
fn bytes_that_are_published_without_release_are_found() {
    atomic::PUBLISH.set(atomic::Ordering::Relaxed);
    assert!(finds_a_race(|| explore::<Piece>(nothing, BYTES, get_all, None)));
}

#[test]
fn bytes_that_are_written_without_a_claim_are_found() {
    assert!(finds_a_race(|| explore::<Unclaimed>(nothing, BYTES, get_all, None)));
}

/// A file of two pieces of one byte each, and what the fast path of `get` asks.
struct Whole {
    pieces: [Piece; 2],
    complete: [Complete; 2],
    missing: Missing,
    bytes: [UnsafeCell<u8>; 2],
}

// SAFETY: `loom` checks the accesses to the cells.
unsafe impl Sync for Whole {}

impl Whole {
    fn new() -> Arc<Whole> {
        let pieces = [(); 2].map(|()| Piece::new());
        let bytes = [(); 2].map(|()| UnsafeCell::new(0));
        let missing = Missing::new(pieces.len());
        Arc::new(Whole { pieces, complete: Default::default(), missing, bytes })
    }

    /// As `Shared::copy_claimed`. Another thread may have copied the piece before the claim.
    fn copy(&self, index: usize, complete: &Complete) {
        let Some(claim) = self.pieces[index].claim(FORKS) else { return };
        if claim.ready() == 0 {
            // SAFETY: `loom` fails if another thread accesses the cell.
            self.bytes[index].with_mut(|byte| unsafe { *byte += 1 });
        }
        claim.publish(1);
        self.missing.complete(complete);
    }

    /// Reads the bytes that the fast path of `get` returns.
    fn assert_bytes(&self) {
        let all = self.missing.is_none();
        for (complete, cell) in self.complete.iter().zip(&self.bytes) {
            if all || complete.is_set() {
                // SAFETY: `loom` fails if another thread writes to the cell.
                assert_eq!(cell.with(|byte| unsafe { *byte }), 1, "not written once");
            }
        }
    }
}

/// Two threads copy both pieces, and the third reads.
fn explore_whole(copy: fn(&Whole, usize), at_end: fn(&Whole)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(move || {
        let whole = Whole::new();
        let threads = [[0, 1], [1, 0]].map(|order| {
            let whole = Arc::clone(&whole);
            thread::spawn(move || order.iter().for_each(|&index| copy(&whole, index)))
        });
        whole.assert_bytes();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        at_end(&whole);
    });
}

fn copy_to(whole: &Whole, index: usize) {
    whole.copy(index, &whole.complete[index]);
}

#[test]
fn pieces_that_are_complete_were_written() {
    explore_whole(copy_to, |whole| {
        assert!(whole.missing.is_none(), "each piece is counted");
        whole.assert_bytes();
    });
}

/// Controls.
#[test]
fn pieces_that_are_complete_without_release_are_found() {
    atomic::COMPLETE.set(atomic::Ordering::Relaxed);
    assert!(finds_a_race(|| explore_whole(copy_to, Whole::assert_bytes)));
}

#[test]
fn pieces_that_are_counted_twice_are_found() {
    let copy_again: fn(&Whole, usize) = |whole, _| whole.copy(0, &Complete::default());
    assert!(finds_a_race(|| explore_whole(copy_again, Whole::assert_bytes)));
}
