//! The locks of transactions: bytes of the data file, far behind its end.
//!
//! | byte | is locked |
//! |---|---|
//! | `WRITER` | by the map that may commit, until it is closed |
//! | `RECOVERED` | shared, by that map, once it has recovered the file |
//! | `RECOVERING` | shared, by a map for reading that recovers the file, beside `WRITER` |
//! | `GATE` | by a thread that waits for `APPLY`, or has just got it |
//! | `APPLY` | by a commit; shared by threads that are in `reading` |
//! | `QUEUE` | shared, by threads that wait for `GATE` to read |
//!
//! A commit keeps the gate until it ends, so that readers which come later wait for it. A commit
//! that finds the queue locked lets the readers in it go first.
//!
//! Locks of one description do not exclude each other: a map for writing has one, each reading
//! another one.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    Error, Result,
    mode::LockKind::{self, Exclusive, Shared},
    polling::Wait,
    sys::{
        AsFile as _, BorrowedFile,
        file_lock::{self, FileLock},
        token_id::BEHIND_TOKENS,
    },
};

/// The bytes between them are never locked, but by a lock of the whole file.
pub(super) const WRITER: u64 = BEHIND_TOKENS + 1;
const GATE: u64 = BEHIND_TOKENS + 3;
const APPLY: u64 = BEHIND_TOKENS + 5;
const QUEUE: u64 = BEHIND_TOKENS + 7;
pub(super) const RECOVERED: u64 = BEHIND_TOKENS + 9;
pub(super) const RECOVERING: u64 = BEHIND_TOKENS + 11;

/// How long a commit lets readers go first. One that is stopped must not stop every commit.
const COURTESY: Duration = Duration::from_millis(10);

/// The writer's lock of a file. The kernel releases it when the process ends.
#[derive(Debug)]
pub(super) struct WriterLock {
    lock: FileLock,
    /// Whether the queue was still locked after the courtesy of a commit.
    queue_is_stuck: AtomicBool,
}

impl WriterLock {
    /// Waits for the lock. Returns `None` if another map for writing has it all the time. Waits
    /// without an end for one for reading that only recovers the file.
    pub(super) fn take(
        call: &'static str,
        file: BorrowedFile<'_>,
        wait: &Wait<'_>,
    ) -> Result<Option<WriterLock>> {
        let lock = WriterLock::new(call, file)?;
        let attempt = || -> Result<_> {
            let take = || Ok(try_lock(call, &lock.lock, WRITER, Exclusive)?.is_some());
            if take()? {
                return Ok(Some(true));
            }
            if !wait.has_ended() || is_locked(call, file, RECOVERING)? {
                return Ok(None);
            }
            // A recovery may have ended since the first attempt.
            take().map(Some)
        };
        let taken = wait.without_end().poll(attempt)?;
        Ok((taken == Some(true)).then_some(lock))
    }

    /// Takes the lock to recover the file for a reader. Returns `None` if another map has it.
    pub(super) fn take_to_recover(
        call: &'static str,
        file: BorrowedFile<'_>,
    ) -> Result<Option<WriterLock>> {
        let lock = WriterLock::new(call, file)?;
        // Before the other one, so that no process can find that one alone.
        try_lock(call, &lock.lock, RECOVERING, Shared)?;
        let taken = try_lock(call, &lock.lock, WRITER, Exclusive)?;
        Ok(taken.map(|()| lock))
    }

    fn new(call: &'static str, file: BorrowedFile<'_>) -> Result<WriterLock> {
        let lock = FileLock::open(file, Exclusive).map_err(Error::os(call))?;
        Ok(WriterLock { lock, queue_is_stuck: AtomicBool::new(false) })
    }

    /// Whether the process still has the lock: not in a forked child, nor after the program has
    /// closed the descriptor by its number.
    pub(super) fn is_intact(&self) -> bool {
        self.lock.is_intact()
    }

    /// Takes the gate. Returns false if readers keep it closed all the time.
    pub(super) fn take_gate(&self, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        self.let_readers_pass(call)?;
        wait.poll(|| try_lock(call, &self.lock, GATE, Exclusive)).map(|taken| taken.is_some())
    }

    /// Takes the apply lock, behind the gate. Returns false if readers have it all the time.
    pub(super) fn take_apply(&self, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        wait.poll(|| try_lock(call, &self.lock, APPLY, Exclusive)).map(|taken| taken.is_some())
    }

    /// Releases the apply lock and the gate.
    pub(super) fn release(&self) {
        // A failure would leave readers waiting until the map is closed: there is nothing better.
        let _ = self.lock.unlock(&(GATE..APPLY + 1));
    }

    /// Shows to readers that the file is recovered, as long as the lock exists.
    pub(super) fn set_recovered(&self, call: &'static str) -> Result<()> {
        match try_lock(call, &self.lock, RECOVERED, Shared)? {
            Some(()) => Ok(()),
            None => Err(Error::Locked { call }),
        }
    }

    /// Waits for a moment while readers are in the queue.
    fn let_readers_pass(&self, call: &'static str) -> Result<()> {
        let has_queue = || is_locked(call, self.lock.as_fd(), QUEUE);
        if !has_queue()? {
            self.queue_is_stuck.store(false, Relaxed);
        } else if !self.queue_is_stuck.load(Relaxed) {
            let empty =
                Wait::within(COURTESY).poll(|| has_queue().map(|it| (!it).then_some(())))?;
            self.queue_is_stuck.store(empty.is_none(), Relaxed);
        }
        Ok(())
    }
}

/// A lock that excludes commits until it is dropped or released.
#[derive(Debug)]
pub(super) struct ReaderLock(FileLock);

impl ReaderLock {
    /// Prepares a lock, which excludes nothing yet.
    pub(super) fn new(call: &'static str, file: BorrowedFile<'_>) -> Result<ReaderLock> {
        FileLock::open(file, Shared).map(ReaderLock).map_err(Error::os(call))
    }

    /// As [`WriterLock::is_intact`].
    pub(super) fn is_intact(&self) -> bool {
        self.0.is_intact()
    }

    /// Excludes commits. Returns false if `wait` ends before.
    pub(super) fn take(&self, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        let taken = self.take_behind_gate(call, wait);
        self.unlock(GATE);
        taken
    }

    /// Like [`ReaderLock::take`], for a thread that excludes commits already. It does not wait for
    /// the gate, which a commit may have that waits for this thread.
    pub(super) fn take_again(&self, call: &'static str) -> Result<bool> {
        self.try_take(call, APPLY).map(|taken| taken.is_some())
    }

    fn take_behind_gate(&self, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        if self.try_take(call, GATE)?.is_none() {
            self.try_take(call, QUEUE)?;
            let passed = wait.poll(|| self.try_take(call, GATE));
            self.unlock(QUEUE);
            if passed?.is_none() {
                return Ok(false);
            }
        }
        wait.poll(|| self.try_take(call, APPLY)).map(|taken| taken.is_some())
    }

    /// Lets commits in again.
    pub(super) fn release(&self) {
        self.unlock(APPLY);
    }

    fn try_take(&self, call: &'static str, at: u64) -> Result<Option<()>> {
        try_lock(call, &self.0, at, Shared)
    }

    fn unlock(&self, at: u64) {
        // It ends with the description at the latest.
        let _ = self.0.unlock(&(at..at + 1));
    }
}

/// Returns whether another description has locked a byte.
pub(super) fn is_locked(call: &'static str, file: BorrowedFile<'_>, at: u64) -> Result<bool> {
    let found = file_lock::conflict(file, &(at..at + 1)).map_err(Error::os(call))?;
    Ok(found.is_some())
}

/// Locks a byte, or returns `None` if another description excludes that. Fails if that is a lock of
/// the whole file.
fn try_lock(call: &'static str, lock: &FileLock, at: u64, kind: LockKind) -> Result<Option<()>> {
    if lock.try_lock(&(at..at + 1), kind).map_err(Error::os(call))? {
        return Ok(Some(()));
    }
    match is_locked(call, lock.as_fd(), at + 1)? {
        true => Err(Error::Locked { call }),
        false => Ok(None),
    }
}
