//! The mapped file of a journal.

use std::{fs::File, ops::Range, time::Duration};

use super::{
    epoch,
    layout::{SYNC_MUTEX, TAKEOVERS, WRITERS_MUTEX},
    records::Checksum,
    recovery,
    storage::Storage,
};
use crate::{
    Access, Error, Map, Options, Result,
    ipc::{
        Mutex, MutexGuard, Spin,
        file::{self, CreationLock},
        viewed::{Viewed, set_len},
        words::Memory,
    },
    sys::{self, BorrowedFile},
};

/// The file of a journal, as one handle maps it. Others do not wait while it is mapped anew.
pub(super) struct LogFile {
    pub(super) map: Map,
    pub(super) checksum: Checksum,
    pub(super) spin: Spin,
}

/// The map follows the length of the file. So words that another program has cut off are out of
/// its bounds: for the caller that is the fault which it is in other maps.
#[cold]
pub(super) fn of_cut_file(error: Error) -> Error {
    match error {
        Error::OutOfBounds { start, len, .. } => Error::Fault { offset: start.max(len) },
        error => error,
    }
}

impl LogFile {
    pub(super) fn new(
        file: &File,
        access: Access,
        checksum: Checksum,
        spin: Spin,
    ) -> Result<LogFile> {
        let map = Options::new().access(access).spin(spin).map(file)?;
        Ok(LogFile { map, checksum, spin })
    }

    /// Maps the same file once more.
    pub(super) fn another(&self) -> Result<LogFile> {
        let LogFile { checksum, spin, .. } = *self;
        let map = Options::new().access(self.access()).spin(spin).map(self.borrow())?;
        Ok(LogFile { map, checksum, spin })
    }

    pub(super) fn access(&self) -> Access {
        self.map.access()
    }

    pub(super) fn borrow(&self) -> BorrowedFile<'_> {
        self.map.file().expect("the map of a journal keeps its file")
    }

    #[inline]
    pub(super) fn memory(&self, call: &'static str) -> Viewed<'_> {
        Viewed::of_growing(&self.map, call)
    }

    /// Lets this process take part.
    pub(super) fn join(&self) -> Result<()> {
        self.map.owner().map(drop)
    }

    /// Recovers the journal if that is necessary, and lets this process take part.
    pub(super) fn open(&self) -> Result<()> {
        self.open_whole().map_err(of_cut_file)
    }

    fn open_whole(&self) -> Result<()> {
        const CALL: &str = "open";
        // Until this process takes part, another one might recover the journal again.
        let _exclusive = CreationLock::take(CALL, self.borrow())?;
        let memory = self.memory(CALL);
        if !epoch::is_stale(&memory)? {
            return self.join();
        }
        epoch::begin(&memory)?;
        self.join()?;
        let guards = [self.lock_writers()?, self.lock_sync(&memory)?];
        recovery::recover(&memory, self.checksum)?;
        guards.iter().for_each(MutexGuard::mark_consistent);
        Ok(())
    }

    /// Locks out other writers. A guard that reports a crash has to be marked consistent.
    #[inline]
    pub(super) fn lock_writers(&self) -> Result<MutexGuard<'_>> {
        self.mutex(WRITERS_MUTEX).lock().map_err(of_cut_file)
    }

    /// The same, or `None` after `timeout`.
    pub(super) fn lock_writers_timeout(&self, timeout: Duration) -> Result<Option<MutexGuard<'_>>> {
        self.mutex(WRITERS_MUTEX).lock_timeout(timeout).map_err(of_cut_file)
    }

    /// Locks out other writers, or returns `None` without waiting. Also if the last one crashed:
    /// the next one may have to check a long record.
    #[inline]
    pub(super) fn try_lock_writers(&self) -> Result<Option<MutexGuard<'_>>> {
        let guard = self.mutex(WRITERS_MUTEX).try_lock().map_err(of_cut_file)?;
        Ok(guard.filter(|guard| !guard.owner_died()))
    }

    #[inline]
    fn mutex(&self, at: usize) -> Mutex<'_> {
        Mutex::of_checked(&self.map, at)
    }

    /// How often the lock of the writers was taken over. For humans and tests.
    pub(super) fn takeovers(&self) -> Result<u64> {
        self.map.load(TAKEOVERS).map_err(of_cut_file)
    }

    /// Locks out other calls of `sync`.
    pub(super) fn lock_sync(&self, memory: &Viewed<'_>) -> Result<MutexGuard<'_>> {
        noted_for_sync(memory, self.mutex(SYNC_MUTEX).lock().map_err(of_cut_file)?)
    }

    /// The same, or `None` after `timeout`.
    pub(super) fn lock_sync_timeout(
        &self,
        memory: &Viewed<'_>,
        timeout: Duration,
    ) -> Result<Option<MutexGuard<'_>>> {
        let guard = self.mutex(SYNC_MUTEX).lock_timeout(timeout).map_err(of_cut_file)?;
        guard.map(|guard| noted_for_sync(memory, guard)).transpose()
    }
}

fn noted_for_sync<'a>(memory: &Viewed<'_>, guard: MutexGuard<'a>) -> Result<MutexGuard<'a>> {
    if guard.owner_died() {
        recovery::note_crash(memory).map_err(of_cut_file)?;
        guard.mark_consistent();
    }
    Ok(guard)
}

impl Storage for Viewed<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.map().len()
    }

    fn extend(&self, needed: usize) -> Result<()> {
        if self.refresh()? < needed {
            file::extend(self.call(), self.file(), needed as u64)?;
            self.refresh()?;
        }
        Ok(())
    }

    fn refresh(&self) -> Result<usize> {
        self.map().refresh()
    }

    #[inline]
    fn write(&self, bytes: &[u8], at: usize) -> Result<()> {
        match self.covers(at, bytes.len()) {
            true => self.copy_in(bytes, at),
            false => self.map().write_at(bytes, at),
        }
    }

    #[inline]
    fn read(&self, buffer: &mut [u8], at: usize) -> Result<()> {
        match self.covers(at, buffer.len()) {
            true => self.copy_out(buffer, at),
            false => self.map().read_exact_at(buffer, at),
        }
    }

    #[inline]
    fn read_all(&self, buffer: &mut Vec<u8>, len: usize, at: usize) -> Result<()> {
        set_len(self.call(), buffer, len)?;
        self.read(buffer, at)
    }

    fn write_zeros(&self, from: usize) -> Result<()> {
        file::write_zeros(self.call(), self.file(), from as u64)
    }

    fn rewrite(&self, range: Range<usize>) -> Result<()> {
        let page = sys::page_size();
        let first_of_next = |at: usize| (at + 1).next_multiple_of(page);
        let words = std::iter::successors(Some(range.start), |&at| Some(first_of_next(at)));
        words.take_while(|&at| at < range.end).try_for_each(|at| self.store(at, self.load(at)?))
    }

    fn sync(&self, range: Range<usize>) -> Result<()> {
        self.map().flush_range(range)?;
        if cfg!(any(target_os = "linux", target_os = "android")) {
            // `msync` is `fdatasync` for these pages.
            return Ok(());
        }
        file::sync_data(self.call(), self.file())
    }

    fn boot(&self) -> [u64; 2] {
        file::boot()
    }

    fn is_in_use(&self) -> Result<bool> {
        file::is_in_use(self.call(), self.file())
    }
}

impl<'a> Viewed<'a> {
    fn file(&self) -> BorrowedFile<'a> {
        self.map().file().expect("the map of a journal keeps its file")
    }
}
