//! The pieces of a snapshot: which bytes are ready, and which thread may write the others.
//!
//! The state of a piece is one word: the number of ready bytes at its start, and a claim. The
//! thread that has the claim writes behind the ready bytes, then publishes their new number and
//! gives up the claim in one step. So no byte is written after it was ready, and no byte is written
//! by two threads. The thread that publishes the last bytes of a piece records that it is complete,
//! and counts it. `core/tests/models/snapshot.rs` explores the interleavings.

use super::atomic::{
    AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed},
    complete_order, publish_order,
};

/// Bytes in a piece.
pub(super) const LEN: usize = 64 << 10;

/// The lower bits of a state count the ready bytes, from 0 to `LEN`. The upper ones are 0, or the
/// number of forks plus one at the time of the claim. After a fork that number no longer matches:
/// the thread with the claim does not exist in the child.
const CLAIM_SHIFT: u32 = 17;
const READY: u64 = (1 << CLAIM_SHIFT) - 1;

/// The state of a piece.
#[derive(Debug)]
pub(super) struct Piece(AtomicU64);

/// The right to write the bytes of a piece that are not ready.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    piece: &'a Piece,
    state: u64,
}

impl Piece {
    pub(super) fn new() -> Piece {
        Piece(AtomicU64::new(0))
    }

    /// Returns how many bytes at the start of the piece are ready.
    #[inline]
    pub(super) fn ready(&self) -> usize {
        // Acquire: the bytes were written before `publish`.
        (self.0.load(Acquire) & READY) as usize
    }

    /// Claims the piece, for a thread of a process with this number of forks. Returns `None` if
    /// another thread of it has the claim.
    pub(super) fn claim(&self, forks: u64) -> Option<Claim<'_>> {
        let (old, claim) = (self.0.load(Relaxed), forks + 1);
        let state = old & READY | claim << CLAIM_SHIFT;
        let is_free = old >> CLAIM_SHIFT != claim;
        (is_free && self.0.compare_exchange(old, state, Acquire, Relaxed).is_ok())
            .then_some(Claim { piece: self, state })
    }
}

impl Claim<'_> {
    /// Returns how many bytes are ready.
    pub(super) fn ready(&self) -> usize {
        (self.state & READY) as usize
    }

    /// Publishes that the first `ready` bytes are ready, and gives up the claim.
    pub(super) fn publish(self, ready: usize) {
        debug_assert!(self.ready() <= ready && ready <= LEN);
        let _ = self.piece.0.compare_exchange(self.state, ready as u64, publish_order(), Relaxed);
    }
}

/// Whether all bytes of a piece are ready. There is a byte for each piece, while the states would
/// fill the processor's cache.
#[derive(Debug, Default)]
pub(super) struct Complete(AtomicU8);

impl Complete {
    #[inline]
    pub(super) fn is_set(&self) -> bool {
        // Acquire: the bytes were written before `set`.
        self.0.load(Acquire) != 0
    }

    /// Called after all bytes were published. A fork may come first: the child uses the state.
    /// Returns whether no other call did this before.
    fn set(&self) -> bool {
        self.0.swap(1, complete_order()) == 0
    }

    /// Called when no slice of the piece exists, and no other thread uses the snapshot.
    fn clear(&self) -> bool {
        self.0.swap(0, Relaxed) != 0
    }
}

/// How many pieces are not complete.
#[derive(Debug)]
pub(super) struct Missing(AtomicU64);

impl Missing {
    pub(super) fn new(pieces: usize) -> Missing {
        Missing(AtomicU64::new(pieces as u64))
    }

    /// Whether all pieces are complete.
    #[inline]
    pub(super) fn is_none(&self) -> bool {
        // Acquire: each `complete` before is a part of the same release sequence.
        self.0.load(Acquire) == 0
    }

    /// Records that all bytes of a piece were published.
    pub(super) fn complete(&self, piece: &Complete) {
        if piece.set() {
            self.0.fetch_sub(1, complete_order());
        }
    }

    /// Records that the bytes of a piece are not ready any more.
    pub(super) fn forget(&mut self, piece: &Complete) {
        if piece.clear() {
            self.0.fetch_add(1, Relaxed);
        }
    }
}
