//! The one map of a file that may commit: its locks, and the log of its commits.

use std::{
    io,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{
    backend::Disk,
    journal::{self, Journal},
    locks::WriterLock,
    log::{Change, Failure, Files, Identity, Log, NewLen, OpenError, Which},
    place::{Place, moved},
    readings,
};
use crate::{
    Error, Result,
    polling::{PATIENCE, Wait},
    sys::{self, BorrowedFile, PrivateFile, fork},
};

/// The data file or its journal has another name, or none.
const LENGTHENED: &str =
    "another program has made the file longer: roll back, then refresh the map";
const CLOSED: &str = "the program has closed the descriptors of the map";

/// The right to commit, until it is closed or dropped.
pub(super) struct Writer {
    lock: WriterLock,
    journal_lock: WriterLock,
    disk: Arc<Disk>,
    /// Device and number.
    data: [u64; 2],
    journal: [u64; 2],
    forks: u64,
    /// Locked while a thread waits for readers, and until its commit is done.
    taken: Mutex<Taken>,
    /// Locked after `taken`, by a checkpoint alone.
    log: Mutex<Log<Arc<Disk>>>,
    is_in_doubt: AtomicBool,
    is_closed: bool,
}

/// The locks of a commit that the process has.
#[derive(Default)]
struct Taken {
    has_gate: bool,
    has_apply: bool,
}

/// Both locks of a commit, until this is dropped.
pub(crate) struct Commit<'a> {
    writer: &'a Writer,
    taken: MutexGuard<'a, Taken>,
}

impl Writer {
    /// Waits for the writer's lock and recovers the file. Then removes its bytes, if `truncate`.
    pub(super) fn start(
        call: &'static str,
        place: &Arc<Place>,
        data: &Arc<PrivateFile>,
        truncate: bool,
        wait: &Wait<'_>,
    ) -> Result<Writer> {
        let lock = || WriterLock::take(call, sys::borrow(&**data), wait);
        let writer = Writer::begin(call, place, data, wait, lock)?;
        let writer = writer.ok_or_else(|| gave_up(call, wait))?;
        if truncate {
            writer.truncate(call, &wait.at_least(PATIENCE))?;
        }
        Ok(writer)
    }

    /// Recovers the file for a reader. Returns false if there is a writer.
    pub(super) fn recover(
        call: &'static str,
        place: &Arc<Place>,
        data: &Arc<PrivateFile>,
        wait: &Wait<'_>,
    ) -> Result<bool> {
        let lock = || WriterLock::take_to_recover(call, sys::borrow(&**data));
        match Writer::begin(call, place, data, wait, lock)? {
            Some(writer) => writer.close().map(|()| true),
            None => Ok(false),
        }
    }

    /// Returns `None` if `take` does: it takes the writer's lock.
    fn begin(
        call: &'static str,
        place: &Arc<Place>,
        data: &Arc<PrivateFile>,
        wait: &Wait<'_>,
        take: impl FnOnce() -> Result<Option<WriterLock>>,
    ) -> Result<Option<Writer>> {
        let attributes = sys::file::attributes(sys::borrow(&**data)).map_err(Error::os(call))?;
        if readings::is_reading(attributes.identity) {
            return Err(Error::WouldDeadlock { call });
        }
        let Some(lock) = take()? else { return Ok(None) };
        if !place.leads_to_data(attributes.identity).map_err(Error::os(call))? {
            return Err(moved(call));
        }
        let journal = journal::open_or_create(call, place, &attributes)?;
        // Without an old journal there is nothing to recover, and no reason to wait for readers.
        let (is_locked, wait) = (journal.new.is_none(), wait.at_least(PATIENCE));
        if is_locked && !(lock.take_gate(call, &wait)? && lock.take_apply(call, &wait)?) {
            return Err(gave_up(call, &wait));
        }
        let writer = Writer::recovered(call, lock, Arc::clone(data), Arc::clone(place), journal)?;
        writer.lock.set_recovered(call)?;
        writer.lock.release();
        Ok(Some(writer))
    }

    /// Recovers the file, or completes its new journal. The caller has taken the locks.
    fn recovered(
        call: &'static str,
        lock: WriterLock,
        data: Arc<PrivateFile>,
        place: Arc<Place>,
        journal: Journal,
    ) -> Result<Writer> {
        let forks = fork::current();
        let identity = |file: &PrivateFile| sys::file::identity(sys::borrow(file));
        let identities = [&*data, &journal.file].map(identity);
        let Journal { file, lock: journal_lock, new } = journal;
        let disk = Arc::new(Disk::new(place, data, file, new));
        let log = open_log(call, &disk, new.is_some())?;
        let (taken, log) = (Mutex::default(), Mutex::new(log));
        let [data, journal] = identities;
        Ok(Writer {
            lock,
            journal_lock,
            disk,
            data: data.map_err(Error::os(call))?,
            journal: journal.map_err(Error::os(call))?,
            forks,
            taken,
            log,
            is_in_doubt: AtomicBool::new(false),
            is_closed: false,
        })
    }

    /// Removes all bytes of the file.
    fn truncate(&self, call: &'static str, wait: &Wait<'_>) -> Result<()> {
        if self.disk.len(Which::Data).map_err(Error::os(call))? == 0 {
            return Ok(());
        }
        let commit = self.lock_for_commit(call, wait)?;
        let mut commit = commit.ok_or_else(|| gave_up(call, wait))?;
        commit.write(&Change { ranges: &[], len: Some(NewLen::Cut(0)) }).map_err(failed(call))
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt.load(Relaxed)
    }

    /// Has each further call fail: what the map shows is not what a commit may write.
    pub(super) fn doubt(&self) {
        self.is_in_doubt.store(true, Relaxed);
    }

    /// Takes the gate and the apply lock, and keeps what it has taken. Returns false if `wait` ends
    /// before it has both.
    pub(super) fn advance(&self, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        let Some(mut taken) = self.enter(call, wait)? else { return Ok(false) };
        self.take_missing(&mut taken, call, wait)
    }

    /// Takes what is missing of the two locks. Returns `None` if `wait` ends before.
    pub(super) fn lock_for_commit(
        &self,
        call: &'static str,
        wait: &Wait<'_>,
    ) -> Result<Option<Commit<'_>>> {
        let Some(mut taken) = self.enter(call, wait)? else { return Ok(None) };
        match self.take_missing(&mut taken, call, wait) {
            Ok(true) => Ok(Some(Commit { writer: self, taken })),
            other => {
                self.give_back(&mut taken);
                other.map(|_| None)
            }
        }
    }

    /// Releases the locks that [`Writer::advance`] has taken.
    pub(super) fn release(&self) {
        self.give_back(&mut lock(&self.taken));
    }

    /// Syncs the data file and empties the journal. Readers are not excluded.
    pub(super) fn checkpoint(&self, call: &'static str, wait: &Wait<'_>) -> Result<Option<()>> {
        let Some(mut log) = self.use_alone(&self.log, call, wait)? else { return Ok(None) };
        self.noticed(log.checkpoint()).map_err(failed(call)).map(Some)
    }

    /// Empties the journal and removes it, then releases the lock. Does nothing if the map is in
    /// doubt, or the process was forked.
    pub(super) fn close(mut self) -> Result<()> {
        let done = self.finish("close");
        self.is_closed = true;
        done
    }

    fn finish(&mut self, call: &'static str) -> Result<()> {
        if self.is_closed || self.is_in_doubt() || fork::current() != self.forks {
            return Ok(());
        }
        self.ensure_is_open(call)?;
        self.noticed(lock(&self.log).checkpoint()).map_err(failed(call))?;
        journal::remove(&self.disk.place, self.journal).map_err(Error::os(call))
    }

    /// Waits for the threads that commit, after all checks of the caller.
    fn enter(&self, call: &'static str, wait: &Wait<'_>) -> Result<Option<MutexGuard<'_, Taken>>> {
        self.ensure_is_own()?;
        if readings::is_reading(self.data) {
            return Err(Error::WouldDeadlock { call });
        }
        let taken = self.use_alone(&self.taken, call, wait)?;
        self.disk.place.ensure_both_are_named(call, self.data, self.journal)?;
        Ok(taken)
    }

    /// Waits for other threads of the process.
    fn use_alone<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        call: &'static str,
        wait: &Wait<'_>,
    ) -> Result<Option<MutexGuard<'a, T>>> {
        self.ensure_is_own()?;
        self.ensure_is_open(call)?;
        let locked = wait.poll(|| -> Result<_> {
            match mutex.try_lock() {
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Poisoned(locked)) => Ok(Some(locked.into_inner())),
                Ok(locked) => Ok(Some(locked)),
            }
        })?;
        // Another thread may have failed since the last check.
        if self.is_in_doubt() { Err(Error::InDoubt) } else { Ok(locked) }
    }

    fn take_missing(&self, taken: &mut Taken, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        taken.has_gate = taken.has_gate || self.lock.take_gate(call, wait)?;
        taken.has_apply =
            taken.has_apply || (taken.has_gate && self.lock.take_apply(call, wait)?);
        Ok(taken.has_apply)
    }

    fn give_back(&self, taken: &mut Taken) {
        if taken.has_gate || taken.has_apply {
            self.lock.release();
        }
        *taken = Taken::default();
    }

    /// Remembers that the map is in doubt.
    fn noticed<T>(&self, done: Result<T, Failure<io::Error>>) -> Result<T, Failure<io::Error>> {
        if matches!(done, Err(Failure::InDoubt(_))) {
            self.is_in_doubt.store(true, Relaxed);
        }
        done
    }

    fn ensure_is_own(&self) -> Result<()> {
        if fork::current() == self.forks { Ok(()) } else { Err(Error::Forked) }
    }

    /// Fails if the program has closed a descriptor by its number: the number may be that of
    /// another file now.
    fn ensure_is_open(&self, call: &'static str) -> Result<()> {
        let (data, journal) = (sys::borrow(&*self.disk.data), sys::borrow(&self.disk.journal));
        let is_open = self.lock.is_intact()
            && self.journal_lock.is_intact()
            && sys::file::is_still(data, self.data)
            && sys::file::is_still(journal, self.journal);
        if is_open { Ok(()) } else { Err(Error::Os { call, source: io::Error::other(CLOSED) }) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The next opening recovers the file.
        let _ = self.finish("close");
    }
}

impl Commit<'_> {
    /// Gives the bytes of the data file in `range` space on the device, also behind its end.
    pub(crate) fn allocate(&self, range: Range<u64>) -> io::Result<()> {
        self.writer.disk.allocate(range)
    }

    /// As [`next_hole`](sys::file::next_hole), of the data file.
    pub(crate) fn next_hole(&self, at: u64) -> io::Result<u64> {
        sys::file::next_hole(self.data(), at)
    }

    /// Releases the space behind the end of the data file, if that is still `end`.
    pub(crate) fn release(&self, end: u64) {
        sys::file::release(self.data(), end);
    }

    /// Fails if another program has lengthened the data file, which had `len` bytes.
    pub(crate) fn ensure_end_is(&self, len: u64) -> io::Result<()> {
        match sys::file::status_len(self.data())? > len {
            true => Err(io::Error::other(LENGTHENED)),
            false => Ok(()),
        }
    }

    fn data(&self) -> BorrowedFile<'_> {
        sys::borrow(&*self.writer.disk.data)
    }

    /// Makes a change durable and applies it.
    pub(crate) fn write(&mut self, change: &Change<'_>) -> Result<(), Failure<io::Error>> {
        // A change behind a limit would fail after the record is durable.
        let end = end_of(change);
        sys::file::ensure_size_is_allowed(end).map_err(Failure::Unchanged)?;
        // Without a new length all ranges lie in the file.
        if change.len.is_some() {
            sys::file::ensure_len_is_possible(self.data(), end).map_err(Failure::Unchanged)?;
        }
        let commit = || lock(&self.writer.log).commit(change);
        let done = sys::file::with_blocked_size_signal(commit);
        self.writer.noticed(done)
    }
}

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        self.writer.give_back(&mut self.taken);
    }
}

/// Recovers the data file, or completes the new journal.
fn open_log(call: &'static str, disk: &Arc<Disk>, is_new: bool) -> Result<Log<Arc<Disk>>> {
    let identity = identity_of(call, &disk.data)?;
    let begin = if is_new { Log::create } else { Log::open };
    begin(Arc::clone(disk), identity).map_err(refused(call))
}

/// Returns what distinguishes the file from others.
pub(super) fn identity_of(call: &'static str, data: &PrivateFile) -> Result<Identity> {
    let handle = sys::file::handle(sys::borrow(data)).map_err(Error::os(call))?;
    Ok(Identity::new(&handle).expect("a handle has no more bytes"))
}

/// Returns a function for `map_err` that makes an [`Error`] of the reason why a journal cannot be
/// used.
pub(super) fn refused(call: &'static str) -> impl FnOnce(OpenError<io::Error>) -> Error {
    move |error| match error {
        OpenError::Files(source) => Error::Os { call, source },
        OpenError::Format(cause) => Error::Format { call, cause },
    }
}

/// Returns the greatest offset that a change writes to.
fn end_of(change: &Change<'_>) -> u64 {
    let len = match change.len {
        Some(NewLen::Grow(len)) => len,
        _ => 0,
    };
    let ends = change.ranges.iter().map(|(at, bytes)| at.saturating_add(bytes.len() as u64));
    ends.fold(len, u64::max)
}

/// Returns a function for `map_err` that makes an [`Error`] of a failure.
pub(crate) fn failed(call: &'static str) -> impl FnOnce(Failure<io::Error>) -> Error {
    move |failure| match failure {
        Failure::Unchanged(source) => Error::Os { call, source },
        Failure::InDoubt(_) | Failure::Earlier => Error::InDoubt,
    }
}

/// The error of a call that has waited.
pub(super) fn gave_up(call: &'static str, wait: &Wait<'_>) -> Error {
    match wait.has_ended() {
        true => Error::HasWriter { call },
        false => Error::Os { call, source: io::ErrorKind::Interrupted.into() },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
