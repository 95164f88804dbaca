//! The settings of transactional maps, and how they are made.

use std::{path::Path, time::Duration};

use super::Options;
#[cfg(unix)]
use crate::{
    Access, Flags,
    ipc::has_range_locks,
    mode::Stores,
    options::Source,
    polling::Wait,
    sys::{repair::Mark, segment::Creation},
    transaction::{Opened, Request, Transactional},
};
use crate::{Error, Map, Result, sys::BorrowedFile};

impl Options {
    /// Sets whether changes reach the file by transactions: all of them together, or none.
    ///
    /// With [`Access::Write`] the map is the only one that may change the file so, of all processes
    /// and also of this one, until it is closed. What is stored is visible in this map only, until
    /// [`Map::commit`] writes it to the file. A map with [`Access::Read`] can exclude commits with
    /// [`Map::reading`].
    ///
    /// The changes go through a journal, the file `NAME-commit` beside the file. Opening the file
    /// completes or removes what a crash has left. [`Map::close`], and dropping the map, roll back
    /// what is not committed, and remove the journal.
    ///
    /// The memory is private. So [`Map::flush`] commits, and these calls fail with
    /// [`Error::Unsupported`]: [`Map::lock`], [`Map::populate`], [`Map::protect`],
    /// [`Map::remap`], flushes of a range, advice that discards pages, atomic updates, waiting for
    /// words, and everything that maps share in [`ipc`](crate::ipc). A change of the length by
    /// [`Map::append`] or [`Map::write_growing`] is part of the transaction; [`Map::resize`] and
    /// [`Map::grow`] are separate commits, and fail with [`Error::Pending`] while there are
    /// changes.
    ///
    /// In a forked child, every call fails with [`Error::Forked`]: the map belongs to its parent.
    ///
    /// # Errors
    ///
    /// [`Options::open`] fails with
    ///
    /// - [`Error::HasWriter`] if another map of the file is open for writing; see
    ///   [`Options::timeout`];
    /// - [`Error::Unsupported`] for network file systems, devices, a file with several hard links,
    ///   or one that is mounted by itself, and with settings that do not apply: [`Access::Copy`],
    ///   an offset or a length other than the file's (with [`Options::create`] a shorter length is
    ///   that of a new file only), [`Options::repair`], [`Options::untracked`],
    ///   [`Options::lock`], [`Options::populate`], [`Options::exact_flags`], huge pages, sharing,
    ///   protection and names;
    /// - [`Error::Format`] if the journal is damaged or belongs to another file;
    /// - [`Error::Unrecovered`] if the file must be changed first, and may not be;
    /// - [`Error::Os`] if the journal cannot be created in the directory.
    ///
    /// [`Options::map`] finds the file by its path, and fails with [`Error::Unsupported`] if it has
    /// none. So does [`Options::anonymous`].
    ///
    /// # Platforms
    ///
    /// Linux on 64-bit processors, and macOS. Elsewhere creating the map fails with
    /// [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// # std::fs::write(&path, "a table")?;
    /// let mut options = Options::new();
    /// let table = options.access(Access::Write).transactional(true).open(&path)?;
    /// table.write_at(b"A", 0)?;
    /// assert_eq!(std::fs::read(&path)?, b"a table");
    /// table.commit()?;
    /// assert_eq!(std::fs::read(&path)?, b"A table");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transactional(&mut self, transactional: bool) -> &mut Options {
        self.transactional = transactional;
        self
    }

    /// Sets how long a transactional map waits for another one: [`Options::open`] for the writer of
    /// the file, [`Map::reading`] for a writer that does not complete a commit. The default is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use std::time::Duration;
    ///
    /// use safemap::{Access, Error, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// # std::fs::write(&path, "a table")?;
    /// let mut options = Options::new();
    /// options.access(Access::Write).transactional(true).timeout(Duration::from_millis(5));
    /// let first = options.open(&path)?;
    /// assert!(matches!(options.open(&path), Err(Error::HasWriter { call: "open" })));
    /// drop(first);
    /// options.open(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(&mut self, timeout: Duration) -> &mut Options {
        self.timeout = timeout;
        self
    }
}

#[cfg(unix)]
impl Options {
    pub(super) fn open_transactional(&self, path: &Path) -> Result<Map> {
        self.ensure_transactions_apply()?;
        let creation = match (self.create_new, self.create) {
            (true, _) => Creation::Always,
            (false, true) => Creation::IfMissing,
            (false, false) => Creation::Never,
        };
        let opened = Opened::open(path, &self.transactional_request(creation))?;
        let mut map = self.map_opened(opened).inspect_err(|_| self.remove_new(path))?;
        map.path = Some(path.into());
        Ok(map)
    }

    pub(super) fn map_transactional(&self, file: BorrowedFile<'_>) -> Result<Map> {
        self.ensure_transactions_apply()?;
        self.map_opened(Opened::adopt(file, &self.transactional_request(Creation::Never))?)
    }

    fn transactional_request(&self, creation: Creation) -> Request<'static> {
        let (is_writer, wait) = (self.writes(), Wait::within(self.timeout));
        Request { is_writer, creation, truncate: false, wait }
    }

    fn writes(&self) -> bool {
        self.access == Some(Access::Write)
    }

    fn ensure_transactions_apply(&self) -> Result<()> {
        let unfit = self.unfit().into_iter().chain(self.unfit_for_writing());
        match unfit.into_iter().find(|(is_set, _)| *is_set) {
            Some((_, reason)) => Err(Error::Unsupported(reason)),
            None => Ok(()),
        }
    }

    /// The settings that no transactional map can have: whether they are set, and the reason.
    fn unfit(&self) -> [(bool, &'static str); 4] {
        [
            (!has_range_locks(), "this system lacks the locks that transactional maps need"),
            (
                self.access == Some(Access::Copy),
                "a transactional map cannot be copy-on-write (Access::Copy)",
            ),
            (self.untracked, "a transactional map cannot be untracked: it keeps its file"),
            (self.name.is_some(), "a transactional map is one of a file, and cannot have a name"),
        ]
    }

    /// Those that no transactional map for writing can have.
    fn unfit_for_writing(&self) -> impl Iterator<Item = (bool, &'static str)> {
        macro_rules! unfit {
            ($($setting:literal: $is_set:expr,)+) => {
                [$(($is_set, concat!(
                    $setting, " cannot be used with a transactional map for writing"
                ))),+]
            };
        }
        let all = unfit! {
            "offset": self.offset > 0,
            "repair": self.repair,
            "populate": self.populate,
            "lock": self.lock,
            "advise": self.advice.is_some(),
            "drop_behind": self.drop_behind.is_some(),
            "sharing": self.sharing.is_some(),
            "protection": self.protection.is_some(),
            "huge_pages": self.huge_pages.is_some(),
            "flags": self.flags != Flags::default(),
            "exact_flags": self.exact_flags.is_some(),
        };
        let writes = self.writes();
        all.into_iter().filter(move |_| writes)
    }

    fn map_opened(&self, opened: Opened) -> Result<Map> {
        let mut options = self.clone();
        if self.writes() {
            let file_len =
                crate::sys::file::status_len(opened.file()).map_err(Error::os("open"))?;
            options.exact_flags = Some(Flags::PRIVATE | Flags::NORESERVE);
            options.reserve = self.reserve.max(default_reserve(file_len));
            options.len = None;
        }
        let mut map = options.make(Source::Borrowed(opened.file()))?;
        let mark = map.mark.get_or_insert_with(|| Mark::new(Default::default()).into()).clone();
        let state = Transactional::new(opened, mark, self.timeout, (map.len(), map.capacity()));
        map.transactional = Some(Box::new(state));
        if self.writes() {
            map.stores = Stores::Noted;
            self.fit_len(&map)?;
        }
        Ok(map)
    }

    /// Gives a map for writing the length of the settings, if they allow that.
    ///
    /// With `create` that is the length of a new file: the next process that does the same may
    /// find a longer one.
    fn fit_len(&self, map: &Map) -> Result<()> {
        let (file_len, len) = (map.len(), self.len.unwrap_or(map.len()));
        let may_extend = self.extend || (file_len == 0 && (self.create || self.create_new));
        if len < file_len && self.create {
            Ok(())
        } else if len < file_len {
            Err(Error::Unsupported("a transactional map for writing shows all of its file"))
        } else if len > file_len && !may_extend {
            Err(Error::BeyondFile { offset: 0, len, file_len: file_len as u64 })
        } else if len > file_len {
            map.resize(len)
        } else {
            Ok(())
        }
    }
}

#[cfg(not(unix))]
#[allow(clippy::unused_self)] // They use it elsewhere.
impl Options {
    pub(super) fn open_transactional(&self, _: &Path) -> Result<Map> {
        Err(Error::Unsupported("transactional maps are not supported on this platform"))
    }

    pub(super) fn map_transactional(&self, _: BorrowedFile<'_>) -> Result<Map> {
        Err(Error::Unsupported("transactional maps are not supported on this platform"))
    }
}

/// Returns how much address space a map of a file of `len` bytes takes, so that it seldom moves
/// when it grows. Unused address space costs nothing.
#[cfg(unix)]
fn default_reserve(len: u64) -> usize {
    let spare = if usize::BITS < 64 { 0 } else { len.clamp(64 << 20, 64 << 30) };
    usize::try_from(len.saturating_add(spare)).unwrap_or(0)
}
