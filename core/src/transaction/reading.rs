//! Threads that exclude commits, and what they check first: whether the file needs a recovery.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    backend::Disk,
    journal,
    locks::{RECOVERED, RECOVERING, ReaderLock, WRITER, is_locked},
    log::{Identity, Need, Seen, needs_recovery},
    place::Place,
    readings::{Entry, is_reading},
    writer::{Writer, identity_of, refused},
};
use crate::{
    Error, Result,
    polling::Wait,
    sys::{self, BorrowedFile, PrivateFile, file::Attributes, folder::Opening},
};

/// How many locks that are not used are kept: opening one takes longer than taking it.
const MAX_IDLE: usize = 8;

const NOT_WRITABLE: &str = "this process may not write to the file and its commit journal";
const NOT_READABLE: &str = "this process may not read the commit journal";

/// What the readings of a map use.
pub(super) struct Reader {
    place: Arc<Place>,
    data: Arc<PrivateFile>,
    attributes: Attributes,
    identity: Identity,
    idle: Arc<Mutex<Vec<ReaderLock>>>,
    known: Mutex<Option<Known>>,
    /// Whether this map is the writer: then no other process commits.
    is_writer: bool,
}

/// A journal, and what was read of it.
struct Known {
    journal: [u64; 2],
    disk: Arc<Disk>,
    seen: Seen,
    /// Whether its records need not be recovered.
    is_accepted: bool,
}

/// What the file shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The last commit.
    Readable,
    /// The last commit, by a writer that has crashed. The kernel may have lost a page of it without
    /// reporting that.
    Abandoned,
    /// A part of a commit.
    Unreadable,
}

/// What one attempt to exclude commits has come to.
enum Attempt {
    Entered,
    TimedOut,
    /// Another process recovers the file, or does not complete a commit.
    Obstructed,
}

/// No commit is applied to the file until this is dropped.
pub(crate) struct ReaderGuard {
    /// None once it is dropped.
    lock: Option<ReaderLock>,
    idle: Arc<Mutex<Vec<ReaderLock>>>,
    /// None before it has the lock.
    entry: Option<Entry>,
}

impl Reader {
    pub(super) fn new(
        call: &'static str,
        place: &Arc<Place>,
        data: &Arc<PrivateFile>,
        is_writer: bool,
    ) -> Result<Reader> {
        let attributes = sys::file::attributes(sys::borrow(&**data)).map_err(Error::os(call))?;
        let identity = identity_of(call, data)?;
        let (place, data) = (Arc::clone(place), Arc::clone(data));
        let (idle, known) = (Arc::default(), Mutex::new(None));
        Ok(Reader { place, data, attributes, identity, idle, known, is_writer })
    }

    /// Excludes commits, and recovers the file if that is necessary. Returns `None` if `wait` ends
    /// before. Fails with [`Error::HasWriter`] if another process has begun a recovery or a commit
    /// and does not end it before `patience`.
    pub(super) fn enter(
        &self,
        call: &'static str,
        wait: &Wait<'_>,
        patience: Option<Instant>,
    ) -> Result<Option<ReaderGuard>> {
        let guard = self.guard(call)?;
        let is_nested = is_reading(self.attributes.identity);
        if is_nested && guard.lock().take_again(call)? {
            return Ok(Some(guard.entered(self.attributes.identity)));
        }
        match wait.poll(|| self.attempt(call, guard.lock(), wait, patience))? {
            Some(Attempt::Entered) => Ok(Some(guard.entered(self.attributes.identity))),
            Some(Attempt::Obstructed) => Err(Error::HasWriter { call }),
            Some(Attempt::TimedOut) | None => Ok(None),
        }
    }

    /// Takes the lock. Returns `None` if the file had to be recovered: then it begins again.
    fn attempt(
        &self,
        call: &'static str,
        lock: &ReaderLock,
        wait: &Wait<'_>,
        patience: Option<Instant>,
    ) -> Result<Option<Attempt>> {
        if !lock.take(call, wait)? {
            return Ok(Some(Attempt::TimedOut));
        }
        let state = if self.is_writer { State::Readable } else { self.state(call)? };
        if state == State::Readable {
            return Ok(Some(Attempt::Entered));
        }
        lock.release();
        let recovered = match self.recover(call, wait) {
            Err(_) if state == State::Abandoned => {
                self.accept();
                true
            }
            recovered => recovered?,
        };
        let begins_again = recovered || !has_passed(patience) || self.is_recovering(call)?;
        Ok(if begins_again { None } else { Some(Attempt::Obstructed) })
    }

    /// Returns a guard that excludes nothing yet.
    fn guard(&self, call: &'static str) -> Result<ReaderGuard> {
        let idle = std::iter::from_fn(|| lock(&self.idle).pop()).find(ReaderLock::is_intact);
        let new = || ReaderLock::new(call, self.file());
        let lock = idle.map_or_else(new, Ok)?;
        Ok(ReaderGuard { lock: Some(lock), idle: Arc::clone(&self.idle), entry: None })
    }

    fn file(&self) -> BorrowedFile<'_> {
        sys::borrow(&*self.data)
    }

    /// Returns whether the file is as the last commit has left it. The caller excludes commits.
    fn state(&self, call: &'static str) -> Result<State> {
        let mut known = lock(&self.known);
        let Some(known) = self.look(call, &mut known)? else { return Ok(State::Readable) };
        let is_locked = |byte| is_locked(call, self.file(), byte);
        let need = needs_recovery(&known.disk, &self.identity, &mut known.seen);
        let is_readable = match need {
            Ok(Need::No) if known.is_accepted || !known.seen.has_records() => true,
            Ok(Need::No) if !is_locked(WRITER)? => return Ok(State::Abandoned),
            Ok(Need::No) => true,
            Ok(Need::Unfinished) => false,
            // Mounts have different numbers in containers. A writer has recovered what it found.
            Ok(Need::OtherBoot) => is_locked(RECOVERED)?,
            // A writer that cannot use the journal reports that.
            Err(_) if is_locked(WRITER)? => is_locked(RECOVERED)?,
            Err(error) => return Err(refused(call)(error)),
        };
        Ok(if is_readable { State::Readable } else { State::Unreadable })
    }

    /// Remembers that the process cannot recover a file that it may read all the same.
    fn accept(&self) {
        if let Some(known) = &mut *lock(&self.known) {
            known.is_accepted = true;
        }
    }

    /// Returns the journal that the name leads to now, if there is one.
    fn look<'a>(
        &self,
        call: &'static str,
        known: &'a mut Option<Known>,
    ) -> Result<Option<&'a mut Known>> {
        let found = self.place.journal_attributes().map_err(Error::os(call))?;
        let identity = found.map(|found| found.identity);
        if identity != known.as_ref().map(|known| known.journal) {
            *known = if identity.is_some() { self.open_journal(call)? } else { None };
        }
        Ok(known.as_mut())
    }

    fn open_journal(&self, call: &'static str) -> Result<Option<Known>> {
        let opened = journal::open(call, &self.place, &self.attributes, Opening::Read);
        let opened = opened.map_err(|error| unrecovered(error, NOT_READABLE))?;
        let Some((file, found)) = opened else { return Ok(None) };
        let file = PrivateFile::new(file).map_err(Error::os(call))?;
        let disk = Disk::new(Arc::clone(&self.place), Arc::clone(&self.data), file, None);
        let (journal, seen, is_accepted) = (found.identity, Seen::default(), false);
        Ok(Some(Known { journal, disk: Arc::new(disk), seen, is_accepted }))
    }

    /// Recovers the file, as an opening for writing does. Returns false if another process has the
    /// writer's lock.
    fn recover(&self, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        let data = self.place.open_data(call, Opening::Write);
        let data = Arc::new(data.map_err(|error| unrecovered(error, NOT_WRITABLE))?);
        Writer::recover(call, &self.place, &data, wait)
            .map_err(|error| unrecovered(error, NOT_WRITABLE))
    }

    /// Returns whether another map for reading recovers the file.
    fn is_recovering(&self, call: &'static str) -> Result<bool> {
        is_locked(call, self.file(), RECOVERING)
    }
}

/// Names the reason if the process has no permission.
fn unrecovered(error: Error, reason: &'static str) -> Error {
    match error {
        Error::Os { call, source } if journal::is_refusal(&source) => {
            Error::Unrecovered { call, reason }
        }
        error => error,
    }
}

fn has_passed(end: Option<Instant>) -> bool {
    end.is_some_and(|end| end <= Instant::now())
}

impl ReaderGuard {
    fn lock(&self) -> &ReaderLock {
        self.lock.as_ref().expect("the guard exists")
    }

    fn entered(mut self, file: [u64; 2]) -> ReaderGuard {
        self.entry = Some(Entry::new(file));
        self
    }
}

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        // In a forked child another thread of the parent may have had the list.
        let Some(reader) = self.lock.take().filter(ReaderLock::is_intact) else { return };
        reader.release();
        let mut idle = lock(&self.idle);
        if idle.len() < MAX_IDLE {
            idle.push(reader);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
