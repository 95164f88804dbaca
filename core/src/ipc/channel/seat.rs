//! The place of this process on one side of a channel, which its handles share.

use std::{
    sync::atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::Duration,
};

use super::{
    layout::PLACES,
    peers::{self, Others, Place, Reason},
    ring_file::RingFile,
    side::Side,
};
use crate::{
    Error, Result,
    ipc::event_count,
    sys::{fork, lock::Lock},
};

/// The fields are changed by the thread that has the lock. `handles` and `forks` are also read
/// without it; `forks` is stored last.
#[derive(Debug)]
pub(super) struct Seat {
    lock: Lock,
    /// The handles of this side.
    handles: AtomicUsize,
    /// The place.
    at: AtomicUsize,
    id: AtomicU64,
    /// The number of forks of the process that joined; `NOT_JOINED` if none has. With `UNUSED` if
    /// it joined in a fork and has not used its place yet.
    forks: AtomicU64,
}

const UNUSED: u64 = 1 << 63;
const NOT_JOINED: u64 = u64::MAX;

impl Default for Seat {
    fn default() -> Seat {
        let (at, id) = (AtomicUsize::new(0), AtomicU64::new(0));
        let (handles, forks) = (AtomicUsize::new(0), AtomicU64::new(NOT_JOINED));
        Seat { lock: Lock::new(), handles, at, id, forks }
    }
}

impl Seat {
    /// Counts a handle. Joins with the first one.
    pub(super) fn enter(&self, file: &RingFile, side: Side) -> Result<Others> {
        // First, because the process that has it may be stopped: other threads still drop handles.
        let _exclusive = file.exclusive(call(side))?;
        let _locked = self.lock.lock();
        let others = if self.use_place(file, side)? {
            Others::new(&file.memory(call(side)), side.other())?
        } else {
            self.join(file, side, Reason::Use)?
        };
        self.handles.fetch_add(1, Relaxed);
        Ok(others)
    }

    /// Ends a handle. Leaves with the last one.
    pub(super) fn leave(&self, file: &RingFile, side: Side) -> Result<()> {
        let _locked = self.lock.lock();
        match self.handles.fetch_sub(1, Relaxed) {
            1 => self.leave_locked(file, side),
            _ => Ok(()),
        }
    }

    /// Leaves, also if handles are left. The next use of one joins again.
    pub(super) fn leave_with_all(&self, file: &RingFile, side: Side) -> Result<()> {
        let _locked = self.lock.lock();
        self.leave_locked(file, side)
    }

    /// The caller has the lock of this seat.
    fn leave_locked(&self, file: &RingFile, side: Side) -> Result<()> {
        if self.forks.load(Acquire) & !UNUSED != fork::current() {
            return Ok(());
        }
        self.forks.store(NOT_JOINED, Release);
        let memory = file.memory(call(side));
        peers::leave(&memory, &self.place(side))?;
        // Threads that wait there look which processes are left.
        event_count::notify(&memory, side.other().events())
    }

    /// Before each use. Joins in a forked child that inherits handles, if the fork has not done
    /// that. Returns false if that takes longer than `time`: the process that has the lock of the
    /// file may be stopped.
    #[inline]
    pub(super) fn ensure_joined(
        &self,
        file: &RingFile,
        side: Side,
        time: impl FnOnce() -> Option<Duration>,
    ) -> Result<bool> {
        if self.has_joined() { Ok(true) } else { self.start_use(file, side, time()) }
    }

    #[cold]
    fn start_use(&self, file: &RingFile, side: Side, time: Option<Duration>) -> Result<bool> {
        let has_place = {
            let _locked = self.lock.lock();
            self.use_place(file, side)?
        };
        if has_place { Ok(true) } else { self.join_within(file, side, time, Reason::Use) }
    }

    /// `None`: waits for ever.
    #[cold]
    pub(super) fn join_within(
        &self,
        file: &RingFile,
        side: Side,
        time: Option<Duration>,
        reason: Reason,
    ) -> Result<bool> {
        if self.handles.load(Relaxed) == 0 {
            return Ok(true);
        }
        let exclusive = match time {
            None => Some(file.exclusive(call(side))?),
            Some(time) => file.exclusive_within(call(side), time)?,
        };
        let _locked = self.lock.lock();
        let is_missing = !self.use_place(file, side)? && self.handles.load(Relaxed) > 0;
        if exclusive.is_some() && is_missing {
            self.join(file, side, reason)?;
        }
        Ok(exclusive.is_some())
    }

    fn has_joined(&self) -> bool {
        self.forks.load(Acquire) == fork::current()
    }

    /// Uses the place of this process from now on. Returns false if it has none. The caller has the
    /// lock of this seat.
    fn use_place(&self, file: &RingFile, side: Side) -> Result<bool> {
        let forks = fork::current();
        if self.forks.load(Acquire) == forks | UNUSED {
            peers::use_place(&file.memory(call(side)), &self.place(side))?;
            self.forks.store(forks, Release);
        }
        Ok(self.has_joined())
    }

    /// The caller has the lock of this seat.
    fn place(&self, side: Side) -> Place {
        Place { side, at: self.at.load(Relaxed), id: self.id.load(Relaxed) }
    }

    /// The caller has both locks.
    fn join(&self, file: &RingFile, side: Side, reason: Reason) -> Result<Others> {
        let owner = file.map.owner()?;
        let joined = peers::join(&file.memory(call(side)), side, owner.id, reason)?;
        let (place, others) = joined.ok_or(Error::TooManyProcesses { limit: PLACES })?;
        self.at.store(place.at, Relaxed);
        self.id.store(place.id, Relaxed);
        let unused = if reason == Reason::Fork { UNUSED } else { 0 };
        self.forks.store(owner.forks | unused, Release);
        Ok(others)
    }
}

fn call(side: Side) -> &'static str {
    match side {
        Side::Senders => "sender",
        Side::Receivers => "receiver",
    }
}
