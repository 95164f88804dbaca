//! Appending to a journal.

use std::fmt;
#[cfg(feature = "python-internals")]
use std::time::Duration;

use super::{
    layout::EVENTS,
    log_file::{LogFile, of_cut_file},
    position::Position,
    records::{Appender, Length, tail},
    recovery,
};
use crate::{
    Access, Error, Result,
    ipc::{MutexGuard, event_count, viewed::Viewed},
};

/// Appends records to a [`Journal`](super::Journal).
///
/// Made by [`Journal::writer`](super::Journal::writer). Writers of all processes take turns: a call
/// has the lock of the journal while it copies its records.
///
/// # Errors
///
/// All calls but [`sync`](JournalWriter::sync) fail with [`Error::Finished`] if a writer has
/// finished the journal. All fail with [`Error::Fault`] or [`Error::Corrupt`] if the file was cut,
/// [`Error::Corrupt`] if another program wrote to it, and [`Error::Os`], for example if the disk is
/// full. The journal is as before then, and later calls work when the cause is gone.
///
/// # Examples
///
/// See [`Journal`](super::Journal).
pub struct JournalWriter {
    log: LogFile,
}

impl JournalWriter {
    pub(super) fn new(log: &LogFile) -> Result<JournalWriter> {
        if log.access() == Access::Read {
            return Err(Error::ReadOnly { call: "writer" });
        }
        let log = log.another()?;
        log.join()?;
        Ok(JournalWriter { log })
    }

    /// Appends a record. Returns its position.
    ///
    /// Readers of all processes can read the record when the call returns, and the crash of a
    /// process does not remove it. [`JournalWriter::sync`] makes it survive a power failure.
    ///
    /// # Errors
    ///
    /// Those of [`JournalWriter`]; [`Error::TooLong`] for a record of more than 4 GiB − 32 bytes.
    ///
    /// # Examples
    ///
    /// See [`Journal`](super::Journal).
    pub fn append(&mut self, record: &[u8]) -> Result<Position> {
        self.append_with("append", |mut appender, _| append(&mut appender, record))
    }

    /// Appends several records, which takes less time than as many calls. Returns how many were
    /// appended.
    ///
    /// No records of other writers come in between. Other writers wait while `records` makes the
    /// next one: an iterator that waits for input, or that appends to the same journal, belongs
    /// into a loop of [`append`](JournalWriter::append).
    ///
    /// If this process crashes during the call, the first records may be there without the others.
    ///
    /// # Errors
    ///
    /// As [`JournalWriter::append`], for the first record. If a later one fails, the call returns
    /// how many were appended before it; appending the rest returns the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::{Journal, ReadFrom};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events");
    /// # if Journal::open_or_create(&path).is_err() { return Ok(()); }
    /// let journal = Journal::open_or_create(&path)?;
    /// assert_eq!(journal.writer()?.append_many(["some", "records"])?, 2);
    /// assert_eq!(journal.reader(ReadFrom::Start)?.available().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append_many<R: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<usize> {
        self.append_with("append_many", |appender, guard| append_all(appender, guard, records))
    }

    /// Waits until all records are on the disk that were appended before the call, by any process.
    ///
    /// Calls of several threads and processes at once share one flush.
    ///
    /// # Errors
    ///
    /// Those of [`JournalWriter`]. After [`Error::Os`] only the records are durable that were so
    /// before the call, and the next call, of any process, writes the bytes again.
    ///
    /// # Platforms
    ///
    /// `msync` on Linux, which waits for the device; `F_FULLFSYNC` on macOS and `FlushFileBuffers`
    /// on Windows, which flush its cache too.
    ///
    /// # Examples
    ///
    /// See [`Journal`](super::Journal).
    pub fn sync(&mut self) -> Result<()> {
        self.sync_with(|memory| self.log.lock_sync(memory).map(Some)).map(drop)
    }

    /// Ends the journal: readers get [`Error::Finished`] behind the last record, and no writer can
    /// append another one.
    ///
    /// # Errors
    ///
    /// Those of [`JournalWriter`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, ipc::{Journal, ReadFrom}};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events");
    /// # if Journal::open_or_create(&path).is_err() { return Ok(()); }
    /// let journal = Journal::open_or_create(&path)?;
    /// let mut writer = journal.writer()?;
    /// writer.append(b"last")?;
    /// writer.finish()?;
    /// assert!(matches!(writer.append(b"more"), Err(Error::Finished)));
    /// // The iterator ends, and does not wait.
    /// assert_eq!(journal.reader(ReadFrom::Start)?.records().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(&mut self) -> Result<()> {
        self.append_with("finish", |appender, _| appender.finish())
    }

    /// Returns `None` if `lock` does.
    fn sync_with<'a>(
        &'a self,
        lock: impl FnOnce(&Viewed<'a>) -> Result<Option<MutexGuard<'a>>>,
    ) -> Result<Option<()>> {
        let (memory, checksum) = (self.log.memory("sync"), self.log.checksum);
        let needed = tail(&memory, checksum).map_err(of_cut_file)?;
        let Some(_guard) = lock(&memory)? else { return Ok(None) };
        recovery::sync(&memory, checksum, needed).map(Some).map_err(of_cut_file)
    }

    fn append_with<R>(
        &self,
        call: &'static str,
        append: impl FnOnce(Appender<'_, Viewed<'_>>, &MutexGuard<'_>) -> Result<R>,
    ) -> Result<R> {
        let memory = self.log.memory(call);
        let guard = self.log.lock_writers()?;
        self.append_locked(&memory, guard, append)
    }

    #[inline]
    fn append_locked<R>(
        &self,
        memory: &Viewed<'_>,
        guard: MutexGuard<'_>,
        append: impl FnOnce(Appender<'_, Viewed<'_>>, &MutexGuard<'_>) -> Result<R>,
    ) -> Result<R> {
        let appender = Appender::new(memory, self.log.checksum, guard.owner_died());
        let appender = appender.map_err(of_cut_file)?;
        guard.mark_consistent();
        let appended = append(appender.ok_or(Error::Finished)?, &guard);
        drop(guard);
        event_count::notify(memory, EVENTS).and(appended).map_err(of_cut_file)
    }
}

/// The methods that the Python package uses: a wait for a lock must not block the interpreter, and
/// a signal must end it. They return `None` if they did nothing.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
impl JournalWriter {
    /// Appends a record, unless that may take long: another thread has the lock, the last writer
    /// crashed, or the file has to grow.
    pub fn append_now(&mut self, record: &[u8]) -> Result<Option<Position>> {
        let memory = self.log.memory("append");
        let Some(guard) = self.log.try_lock_writers()? else { return Ok(None) };
        let length = length(record)?;
        self.append_locked(&memory, guard, |mut appender, _| {
            appender.fits(length).then(|| append(&mut appender, record)).transpose()
        })
    }

    /// [`JournalWriter::append`] with a limit for the wait.
    pub fn append_timeout(&mut self, record: &[u8], wait: Duration) -> Result<Option<Position>> {
        self.append_within("append", wait, |mut appender, _| append(&mut appender, record))
    }

    /// [`JournalWriter::append_many`] with a limit for the wait.
    pub fn append_many_timeout<R: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = R>,
        wait: Duration,
    ) -> Result<Option<usize>> {
        self.append_within("append_many", wait, |appender, guard| {
            append_all(appender, guard, records)
        })
    }

    /// [`JournalWriter::finish`] with a limit for the wait.
    pub fn finish_timeout(&mut self, wait: Duration) -> Result<Option<()>> {
        self.append_within("finish", wait, |appender, _| appender.finish())
    }

    /// [`JournalWriter::sync`] with a limit for the wait for calls of other threads.
    pub fn sync_timeout(&mut self, wait: Duration) -> Result<Option<()>> {
        self.sync_with(|memory| self.log.lock_sync_timeout(memory, wait))
    }

    fn append_within<R>(
        &self,
        call: &'static str,
        wait: Duration,
        append: impl FnOnce(Appender<'_, Viewed<'_>>, &MutexGuard<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        let memory = self.log.memory(call);
        let Some(guard) = self.log.lock_writers_timeout(wait)? else { return Ok(None) };
        self.append_locked(&memory, guard, append).map(Some)
    }
}

#[inline]
fn append(appender: &mut Appender<'_, Viewed<'_>>, record: &[u8]) -> Result<Position> {
    let mut draft = appender.reserve(length(record)?)?;
    draft.write(record)?;
    draft.commit()
}

#[inline]
fn length(record: &[u8]) -> Result<Length> {
    let (len, limit) = (record.len() as u64, Length::LONGEST as u64);
    Length::new(record.len()).ok_or(Error::TooLong { len, limit })
}

/// Returns how many were appended. The error of a later record than the first is dropped.
fn append_all<R: AsRef<[u8]>>(
    mut appender: Appender<'_, Viewed<'_>>,
    guard: &MutexGuard<'_>,
    records: impl IntoIterator<Item = R>,
) -> Result<usize> {
    let mut count = 0;
    for record in records {
        // `records` may have forked, and this may be the child.
        let owned = guard.ensure_owned("append_many");
        match owned.and_then(|()| append(&mut appender, record.as_ref())) {
            Ok(_) => count += 1,
            Err(_) if count > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

impl fmt::Debug for JournalWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalWriter").finish_non_exhaustive()
    }
}
