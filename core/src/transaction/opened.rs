//! A data file that is opened for transactions: for one map, which commits or only reads.

use std::{path::Path, sync::Arc, time::Instant};

use super::{
    place::Place,
    reading::{Reader, ReaderGuard},
    writer::{Commit, Writer, gave_up},
};
use crate::{
    Error, Result,
    polling::{PATIENCE, Wait},
    sys::{self, BorrowedFile, PrivateFile, folder::Opening, fork, segment::Creation},
};

const NO_NAME: &str = "the file has no name any more, so that no commit journal can be beside it";

/// How a file is opened.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Whether the map may commit. If not, `creation` and `truncate` are ignored.
    pub(crate) is_writer: bool,
    pub(crate) creation: Creation,
    /// Whether a commit removes the bytes that the file has.
    pub(crate) truncate: bool,
    /// How long it waits for another writer. It waits for commits and readings at least for
    /// [`PATIENCE`].
    pub(crate) wait: Wait<'a>,
}

/// A file that is opened, and recovered.
pub(crate) struct Opened {
    reader: Reader,
    writer: Option<Writer>,
    data: Arc<PrivateFile>,
    place: Arc<Place>,
    forks: u64,
}

impl Opened {
    /// Opens or creates the file at `path`, and recovers it if that is necessary.
    ///
    /// # Errors
    ///
    /// [`Error::HasWriter`] if another map has the file open for writing, and for reading if such a
    /// map has begun a commit. [`Error::Unsupported`] for files whose journal would not be safe.
    /// [`Error::Format`] for a journal of another file or a damaged one. [`Error::Unrecovered`] if
    /// the process may not recover the file. [`Error::WouldDeadlock`] if the calling thread reads
    /// the file. [`Error::Os`].
    pub(crate) fn open(path: &Path, request: &Request<'_>) -> Result<Opened> {
        let call = "open";
        sys::fork::watch();
        let creation = if request.is_writer { request.creation } else { Creation::Never };
        let place = Arc::new(Place::find(call, path, creation)?);
        match request.is_writer {
            true => Opened::for_writing(call, &place, request),
            false => Opened::for_reading(call, &place, request),
        }
    }

    /// Opens the path of a file again.
    ///
    /// # Errors
    ///
    /// As [`Opened::open`], and [`Error::Unsupported`] if the file has no path.
    pub(crate) fn adopt(file: BorrowedFile<'_>, request: &Request<'_>) -> Result<Opened> {
        let path = sys::file::path(file).filter(|path| path.is_absolute());
        let path = path.ok_or(Error::Unsupported(NO_NAME))?;
        let request = Request { creation: Creation::Never, ..*request };
        let identity = sys::file::identity(file).map_err(Error::os("open"))?;
        let has_name = Place::find("open", &path, Creation::Never)
            .is_ok_and(|place| place.leads_to_data(identity).unwrap_or(false));
        if has_name { Opened::open(&path, &request) } else { Err(Error::Unsupported(NO_NAME)) }
    }

    fn for_writing(
        call: &'static str,
        place: &Arc<Place>,
        request: &Request<'_>,
    ) -> Result<Opened> {
        place.ensure_can_sync()?;
        let (data, is_new) = match request.creation {
            Creation::Never => (place.open_data(call, Opening::Write)?, false),
            Creation::IfMissing => place.open_or_create_data(call)?,
            Creation::Always => (place.create_data(call)?, true),
        };
        let data = Arc::new(data);
        let started = Writer::start(call, place, &data, request.truncate, &request.wait);
        let writer = started.inspect_err(|_| {
            if is_new && request.creation == Creation::Always {
                // The first error is the one to report.
                let _ = place.remove_data();
            }
        })?;
        Opened::new(call, place, data, Some(writer))
    }

    fn for_reading(
        call: &'static str,
        place: &Arc<Place>,
        request: &Request<'_>,
    ) -> Result<Opened> {
        // On an overlay file system a map would show what a later writer copies.
        let is_overlay = place.is_overlay().map_err(Error::os(call))?;
        let copied = if is_overlay { place.open_data(call, Opening::Write).ok() } else { None };
        let data = copied.map_or_else(|| place.open_data(call, Opening::Read), Ok)?;
        let opened = Opened::new(call, place, Arc::new(data), None)?;
        let wait = request.wait.at_least(PATIENCE);
        let entered = opened.enter(call, &wait, request.wait.until)?;
        entered.ok_or_else(|| gave_up(call, &wait))?;
        Ok(opened)
    }

    fn new(
        call: &'static str,
        place: &Arc<Place>,
        data: Arc<PrivateFile>,
        writer: Option<Writer>,
    ) -> Result<Opened> {
        let reader = Reader::new(call, place, &data, writer.is_some())?;
        Ok(Opened { reader, writer, data, place: Arc::clone(place), forks: fork::current() })
    }

    /// Returns the data file. For a writer it is open for reading and writing.
    pub(crate) fn file(&self) -> BorrowedFile<'_> {
        sys::borrow(&*self.data)
    }

    /// Returns the path of the data file, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.place.path
    }

    pub(crate) fn is_writer(&self) -> bool {
        self.writer.is_some()
    }

    /// Whether it is not known if the last commit is durable.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::is_in_doubt)
    }

    /// Has the writer be in doubt.
    pub(super) fn doubt(&self) {
        if let Some(writer) = &self.writer {
            writer.doubt();
        }
    }

    /// Takes the two locks of a commit, one after the other, and keeps what it has. Returns false
    /// if `wait` ends before it has both: other maps that want to read have to wait then.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::WouldDeadlock`] if the calling thread reads the file;
    /// [`Error::InDoubt`]; [`Error::Forked`]; [`Error::Locked`] if another program has locked the
    /// whole file; [`Error::Os`], also if the file or its journal has been renamed.
    pub(crate) fn advance_locks(&self, call: &'static str, wait: &Wait<'_>) -> Result<bool> {
        self.writer(call)?.advance(call, wait)
    }

    /// Releases what [`Opened::advance_locks`] has taken.
    pub(crate) fn release_locks(&self) {
        if let Some(writer) = self.writer.as_ref().filter(|_| fork::current() == self.forks) {
            writer.release();
        }
    }

    /// Takes the locks of a commit that [`Opened::advance_locks`] has not taken. Returns `None` if
    /// `wait` ends before.
    ///
    /// # Errors
    ///
    /// As [`Opened::advance_locks`].
    pub(crate) fn lock_for_commit(
        &self,
        call: &'static str,
        wait: &Wait<'_>,
    ) -> Result<Option<Commit<'_>>> {
        self.writer(call)?.lock_for_commit(call, wait)
    }

    /// Syncs the data file and empties the journal. Waits for commits of other threads, but not for
    /// readers. Returns `None` if `wait` ends before.
    ///
    /// # Errors
    ///
    /// As [`Opened::advance_locks`], but without [`Error::WouldDeadlock`].
    pub(crate) fn checkpoint(&self, call: &'static str, wait: &Wait<'_>) -> Result<Option<()>> {
        self.writer(call)?.checkpoint(call, wait)
    }

    /// Excludes commits, and recovers the file if that is necessary. Returns `None` if `wait` ends
    /// before.
    ///
    /// # Errors
    ///
    /// [`Error::HasWriter`] if another process has begun a commit or a recovery and does not end it
    /// before `patience`. [`Error::Unrecovered`] if the process may not recover the file.
    /// [`Error::Format`] for a damaged journal. [`Error::InDoubt`], [`Error::Forked`],
    /// [`Error::Locked`], [`Error::Os`].
    pub(crate) fn enter(
        &self,
        call: &'static str,
        wait: &Wait<'_>,
        patience: Option<Instant>,
    ) -> Result<Option<ReaderGuard>> {
        if fork::current() != self.forks {
            return Err(Error::Forked);
        }
        if self.is_in_doubt() {
            return Err(Error::InDoubt);
        }
        self.reader.enter(call, wait, patience)
    }

    /// Empties the journal, removes it, and releases all locks. In a forked child, and if the map
    /// is in doubt, it only closes the files. Dropping the value does the same.
    ///
    /// # Errors
    ///
    /// [`Error::Os`], [`Error::InDoubt`]: then the journal stays, and the next opening recovers the
    /// file.
    pub(crate) fn close(mut self) -> Result<()> {
        self.writer.take().map_or(Ok(()), Writer::close)
    }

    fn writer(&self, call: &'static str) -> Result<&Writer> {
        self.writer.as_ref().ok_or(Error::ReadOnly { call })
    }
}
