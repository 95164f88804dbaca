//! What the handles of one process share: the map, and a place on each side.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use super::{
    frames::Ring,
    peers::{self, Others, Presence, Reason},
    ring_file::RingFile,
    seat::Seat,
    side::Side,
};
use crate::{
    Error, Map, Result,
    ipc::{Mutex, MutexGuard, Spin, SpinBudget, event_count, patience::Patience, viewed::Viewed},
    sys::clock::coarse_millis,
};

/// How long a thread sleeps before it looks again: a process may crash between the store of a
/// message and the wake-up.
const FIRST_SLICE: Duration = Duration::from_millis(5);
/// For messages; so a crash of the last sender is noticed within 1.2 s.
const LONGEST_SLICE: Duration = Duration::from_millis(640);

/// The channel as one process uses it.
pub(super) struct Shared {
    pub(super) file: RingFile,
    pub(super) ring: Ring,
    seats: [Seat; 2],
    pub(super) spin: [SpinBudget; 2],
}

impl Shared {
    pub(super) fn new(map: Map, ring: Ring, spin: Spin) -> Shared {
        let spin = [SpinBudget::new(spin), SpinBudget::new(spin)];
        Shared { file: RingFile { map }, ring, seats: Default::default(), spin }
    }

    /// Locks one side of the ring. `None` if that takes too long.
    ///
    /// A call that does not wait still waits for a lock that is owned for a moment.
    pub(super) fn lock(&self, side: Side, patience: Patience) -> Result<Option<MutexGuard<'_>>> {
        let mutex = Mutex::of_checked(&self.file.map, side.mutex());
        let guard = match patience {
            Patience::Forever => Some(mutex.lock()?),
            Patience::NotForLocks => mutex.try_lock()?,
            Patience::Until(_) | Patience::Never => {
                mutex.lock_timeout(patience.for_locks().unwrap_or_default())?
            }
        };
        if let Some(guard) = guard.as_ref().filter(|guard| guard.owner_died()) {
            // The next sender completes what a crashed one has begun.
            guard.mark_consistent();
            let _ = self.file.map.store(self.takeovers(side)?.wrapping_add(1), side.takeovers());
        }
        Ok(guard)
    }

    /// How often the lock of a side was taken over. For humans and tests.
    pub(super) fn takeovers(&self, side: Side) -> Result<u32> {
        self.file.map.load(side.takeovers())
    }

    /// Joins one side, or counts one handle more.
    pub(super) fn enter(&self, side: Side) -> Result<Others> {
        self.seats[side.index()].enter(&self.file, side)
    }

    /// Undoes [`Shared::enter`]. The last handle leaves the side.
    pub(super) fn leave(&self, side: Side) {
        // What cannot be stored is noticed as a crash when the map is gone.
        let _ = self.seats[side.index()].leave(&self.file, side);
    }

    /// Leaves both sides with all handles. The next use of one joins again.
    pub(super) fn leave_with_all(&self) {
        for side in [Side::Senders, Side::Receivers] {
            let _ = self.seats[side.index()].leave_with_all(&self.file, side);
        }
    }

    /// Lets this process take part, if it is a forked child and has not joined yet. Returns false
    /// if that takes too long.
    #[inline]
    pub(super) fn ensure_joined(&self, side: Side, patience: Patience) -> Result<bool> {
        self.seats[side.index()].ensure_joined(&self.file, side, || patience.for_locks())
    }

    /// Joins in the fork handler, which must not wait for long. The child may never use its place.
    pub(super) fn join_soon(&self, side: Side) -> Result<bool> {
        self.seats[side.index()].join_within(&self.file, side, Some(SOON), Reason::Fork)
    }
}

/// How long a fork waits for the lock of the file.
const SOON: Duration = Duration::from_millis(20);

/// A handle, as it waits on its side.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) side: Side,
    others: RefCell<Others>,
    /// How long the next sleep is.
    slice: Cell<Duration>,
    /// When the other side was last looked at, in milliseconds.
    looked: Cell<u64>,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// It was there at the first look, or came while the thread spun.
    Spun,
    /// It came when the thread was going to sleep, or slept.
    Slept,
    /// What the thread has waited for did not come in time.
    TooLong,
}

/// How often a handle that does not wait asks the kernel whether the other side is alive, in
/// milliseconds.
const LOOK_EVERY: u64 = 500;

impl Waiter {
    pub(super) fn new(side: Side, others: Others) -> Waiter {
        let looked = Cell::new(coarse_millis());
        let (others, slice) = (RefCell::new(others), Cell::new(FIRST_SLICE));
        Waiter { side, others, slice, looked }
    }

    /// A message was sent, or came from the other side.
    #[inline]
    pub(super) fn succeeded(&self) {
        self.slice.set(FIRST_SLICE);
        if self.side == Side::Receivers && self.others.borrow_mut().note_message() {
            // Its sender may have left before this process joined.
            self.looked.set(coarse_millis().wrapping_sub(LOOK_EVERY));
        }
    }

    /// Like [`Waiter::look`], for calls that do not wait: asks the kernel only if a process has
    /// left, or from time to time.
    #[inline]
    pub(super) fn glance(
        &self,
        memory: &Viewed<'_>,
        is_ready: impl Fn() -> Result<bool>,
    ) -> Result<()> {
        let is_in_doubt = peers::is_in_doubt(memory, self.side.other(), &self.others.borrow())?;
        let is_due = coarse_millis().wrapping_sub(self.looked.get()) >= LOOK_EVERY;
        if is_in_doubt || is_due { self.look(memory, is_ready) } else { Ok(()) }
    }

    /// Waits until `is_ready` returns true.
    #[cold]
    pub(super) fn wait(
        &self,
        shared: &Shared,
        memory: &Viewed<'_>,
        patience: Patience,
        is_ready: impl Fn() -> Result<bool>,
    ) -> Result<Waited> {
        let spin = &shared.spin[self.side.index()];
        let Some(sleeper) = spin.spin(patience.deadline(), &is_ready)? else {
            return Ok(Waited::Spun);
        };
        let at = self.side.events();
        for round in 0.. {
            let word = event_count::announce(memory, at)?;
            if is_ready()? {
                sleeper.woke();
                return Ok(Waited::Slept);
            }
            // A process that leaves wakes this thread, and one that crashes is noticed in time.
            self.glance(memory, &is_ready)?;
            let left = patience.left();
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(if is_ready()? { Waited::Slept } else { Waited::TooLong });
            }
            let slice = self.slice.get();
            let time = left.map_or(slice, |left| left.min(slice));
            // The low half comes first on processors with native accessors.
            shared.file.map.sleep_on(at, word as u32, Some(time), round)?;
            let longest = match self.side {
                // Receivers wake senders only after a quarter of the ring.
                Side::Senders => FIRST_SLICE,
                Side::Receivers => LONGEST_SLICE,
            };
            self.slice.set((2 * slice).min(longest));
        }
        Ok(Waited::TooLong)
    }

    /// Fails if processes were at the other side and none is left. `is_ready` is asked after that:
    /// what they have sent comes first.
    pub(super) fn look(
        &self,
        memory: &Viewed<'_>,
        is_ready: impl Fn() -> Result<bool>,
    ) -> Result<()> {
        self.looked.set(coarse_millis());
        match peers::presence(memory, self.side.other(), &mut self.others.borrow_mut())? {
            Some(Presence::Gone { died }) if !is_ready()? => Err(Error::Disconnected { died }),
            _ => Ok(()),
        }
    }
}
