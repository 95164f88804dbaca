//! Reading a journal.

use std::{cell::Cell, fmt, time::Duration};

use super::{
    cursor::{Cursor, Next},
    layout::EVENTS,
    log_file::{LogFile, of_cut_file},
    position::{Position, ReadFrom},
};
use crate::{
    Access, Error, Result,
    ipc::{SpinBudget, event_count, patience::Patience, viewed::Viewed, words::Memory},
};

/// Reads the records of a [`Journal`](super::Journal), in their order.
///
/// Made by [`Journal::reader`](super::Journal::reader). It changes nothing but, in a journal that
/// is open for writing, a word that says that a reader waits. Other readers get the same records.
///
/// # Errors
///
/// All calls fail with [`Error::Finished`] behind the last record of a finished journal, with
/// [`Error::Corrupt`] if another program has changed a record, with that or [`Error::Fault`] if the
/// file was cut, and with [`Error::Os`], for example if memory is short. The reader stays where it
/// is then.
///
/// # Examples
///
/// See [`Journal`](super::Journal).
pub struct JournalReader {
    log: LogFile,
    cursor: Cursor,
    spin: SpinBudget,
    /// How long the next sleep is.
    slice: Cell<Duration>,
}

/// Where a reader is: between two records. For the Python package, whose threads share readers.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct KeptCursor(Cursor);

/// How long a thread sleeps before it looks again: a process may crash between the store of a
/// record and the wake-up.
const FIRST_SLICE: Duration = Duration::from_millis(5);
const LONGEST_SLICE: Duration = Duration::from_millis(640);
/// No writer wakes a reader that cannot say that it waits.
const LONGEST_UNNOTICED: Duration = Duration::from_millis(40);

impl JournalReader {
    pub(super) fn new(log: &LogFile, from: ReadFrom) -> Result<JournalReader> {
        let log = log.another()?;
        let cursor = find(&log, from).map_err(of_cut_file)?.ok_or_else(|| missing(from))?;
        let (spin, slice) = (SpinBudget::new(log.spin), Cell::new(FIRST_SLICE));
        Ok(JournalReader { log, cursor, spin, slice })
    }

    /// Reads the next record: replaces the bytes of `record`, whose memory is used again. Waits for
    /// one at the end. Returns the position.
    ///
    /// # Errors
    ///
    /// Those of [`JournalReader`].
    ///
    /// # Examples
    ///
    /// See [`Journal`](super::Journal).
    pub fn next(&mut self, record: &mut Vec<u8>) -> Result<Position> {
        let position = self.read("next", record, Patience::Forever)?;
        Ok(position.expect("a wait without an end ends with a record"))
    }

    /// Like [`JournalReader::next`], and returns `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of [`JournalReader`].
    ///
    /// # Examples
    ///
    /// See [`Journal`](super::Journal).
    pub fn try_next(&mut self, record: &mut Vec<u8>) -> Result<Option<Position>> {
        self.read("try_next", record, Patience::Never)
    }

    /// Like [`JournalReader::next`], and returns `None` if no record comes within `timeout`.
    ///
    /// # Errors
    ///
    /// Those of [`JournalReader`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use safemap::ipc::{Journal, ReadFrom};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events");
    /// # if Journal::open_or_create(&path).is_err() { return Ok(()); }
    /// let journal = Journal::open_or_create(&path)?;
    /// let mut reader = journal.reader(ReadFrom::End)?;
    /// let read = reader.next_timeout(&mut Vec::new(), Duration::from_millis(5))?;
    /// assert_eq!(read, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_timeout(
        &mut self,
        record: &mut Vec<u8>,
        timeout: Duration,
    ) -> Result<Option<Position>> {
        self.read("next_timeout", record, Patience::of(timeout))
    }

    /// Returns an iterator over the records that waits for each, and ends when the journal is
    /// finished.
    ///
    /// # Examples
    ///
    /// See [`JournalWriter::finish`](super::JournalWriter::finish).
    pub fn records(&mut self) -> Records<'_> {
        Records { reader: self, patience: Patience::Forever }
    }

    /// Returns an iterator over the records that are there. It ends where it would have to wait,
    /// and continues there when it is called again.
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
    /// journal.writer()?.append_many(["some", "records"])?;
    /// for record in journal.reader(ReadFrom::Start)?.available() {
    ///     println!("{}", String::from_utf8_lossy(&record?));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn available(&mut self) -> Records<'_> {
        Records { reader: self, patience: Patience::Never }
    }

    /// Like [`JournalReader::try_next`], and returns `None` for a record of more than `longest`
    /// bytes too. For the Python package.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn next_now(&mut self, record: &mut Vec<u8>, longest: usize) -> Result<Option<Position>> {
        let len = self.cursor.next_len(&self.log.memory("next")).map_err(of_cut_file)?;
        if len > longest { Ok(None) } else { self.read("next", record, Patience::Never) }
    }

    /// Returns where the reader is, for [`JournalReader::move_to`].
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    #[must_use]
    pub fn cursor(&self) -> KeptCursor {
        KeptCursor(self.cursor)
    }

    /// Continues where another reader of this journal was.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn move_to(&mut self, cursor: KeptCursor) {
        self.cursor = cursor.0;
    }

    fn read(
        &mut self,
        call: &'static str,
        record: &mut Vec<u8>,
        patience: Patience,
    ) -> Result<Option<Position>> {
        self.read_whole(call, record, patience).map_err(of_cut_file)
    }

    fn read_whole(
        &mut self,
        call: &'static str,
        record: &mut Vec<u8>,
        patience: Patience,
    ) -> Result<Option<Position>> {
        let memory = self.log.memory(call);
        loop {
            match self.cursor.read(&memory, self.log.checksum, record)? {
                Next::Record(position) => {
                    self.slice.set(FIRST_SLICE);
                    return Ok(Some(position));
                }
                Next::Finished => return Err(Error::Finished),
                Next::Nothing if patience.is_none() => {
                    return self.cursor.check_end(&memory).map(|()| None);
                }
                Next::Nothing => {}
            }
            if !self.wait(&memory, patience)? {
                return Ok(None);
            }
        }
    }

    /// Waits until there may be a record. Returns false if that takes too long.
    #[cold]
    fn wait(&self, memory: &Viewed<'_>, patience: Patience) -> Result<bool> {
        let is_ready = || self.cursor.has_changed(memory);
        let Some(sleeper) = self.spin.spin(patience.deadline(), is_ready)? else {
            return Ok(true);
        };
        for round in 0.. {
            self.cursor.check_end(memory)?;
            let (word, longest) = self.announce(memory)?;
            let left = patience.left();
            if is_ready()? {
                sleeper.woke();
                return Ok(true);
            }
            if left.is_some_and(|left| left.is_zero()) {
                return is_ready();
            }
            let slice = self.slice.get();
            let time = left.map_or(slice, |left| left.min(slice));
            // The low half comes first on processors with native accessors.
            self.log.map.sleep_on(EVENTS, word as u32, Some(time), round)?;
            self.slice.set((2 * slice).min(longest));
        }
        Ok(false)
    }

    /// Says that this thread is going to sleep, if the file is open for writing. Returns the word
    /// to sleep on, and for how long at most.
    fn announce(&self, memory: &Viewed<'_>) -> Result<(u64, Duration)> {
        match self.log.access() {
            Access::Read => Ok((memory.load(EVENTS)?, LONGEST_UNNOTICED)),
            _ => Ok((event_count::announce(memory, EVENTS)?, LONGEST_SLICE)),
        }
    }
}

/// Returns `None` if there is no record at the position.
fn find(log: &LogFile, from: ReadFrom) -> Result<Option<Cursor>> {
    let (memory, checksum) = (log.memory("reader"), log.checksum);
    match from {
        ReadFrom::Start => Cursor::first(&memory).map(Some),
        ReadFrom::End => Cursor::last(&memory, checksum).map(Some),
        ReadFrom::At(position) => Cursor::at(&memory, checksum, position),
        ReadFrom::After(position) => Cursor::after(&memory, checksum, position),
    }
}

#[cold]
fn missing(from: ReadFrom) -> Error {
    let (ReadFrom::At(position) | ReadFrom::After(position)) = from else {
        unreachable!("the start and the end of a journal exist");
    };
    Error::Cut { offset: position.start }
}

impl fmt::Debug for JournalReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalReader").finish_non_exhaustive()
    }
}

/// An iterator over records, as vectors: made by [`JournalReader::records`] and
/// [`JournalReader::available`].
///
/// # Examples
///
/// ```
/// use safemap::{Error, ipc::Records};
///
/// fn len(records: Records<'_>) -> Result<usize, Error> {
///     records.map(|record| record.map(|record| record.len())).sum()
/// }
/// ```
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct Records<'a> {
    reader: &'a mut JournalReader,
    patience: Patience,
}

impl Iterator for Records<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        let mut record = Vec::new();
        match self.reader.read("next", &mut record, self.patience) {
            Ok(position) => position.map(|_| Ok(record)),
            Err(Error::Finished) => None,
            Err(error) => Some(Err(error)),
        }
    }
}
