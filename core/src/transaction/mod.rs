//! Transactions: changes of a mapped file that are all there or not at all.

#[cfg(unix)]
mod backend;
#[cfg(unix)]
mod calls;
#[cfg(unix)]
mod commit;
#[cfg(unix)]
mod differences;
#[cfg(unix)]
mod gate;
#[cfg(unix)]
mod journal;
#[cfg(unix)]
mod locks;
#[cfg(unix)]
mod log;
#[cfg(unix)]
mod modified;
#[cfg(unix)]
mod opened;
#[cfg(unix)]
mod place;
#[cfg(unix)]
mod reading;
#[cfg(unix)]
mod readings;
#[cfg(unix)]
mod state;
#[cfg(not(unix))]
#[path = "unsupported.rs"]
mod state;
#[cfg(unix)]
mod stores;
#[cfg(unix)]
mod system;
#[cfg(unix)]
mod tail;
#[cfg(all(test, unix, target_pointer_width = "64"))]
mod tests;
#[cfg(unix)]
mod writer;

#[cfg(feature = "python-internals")]
use std::time::Duration;
use std::{fmt, ops::Range};

use crate::{Error, Map, Result, mode::Stores};
#[cfg(all(unix, feature = "python-internals"))]
pub use log::open_hostile_journal;
#[cfg(unix)]
pub(crate) use opened::{Opened, Request};
use state::HeldReading;
pub(crate) use state::Transactional;

/// A block of changes of a transactional map, from [`Map::transaction`].
///
/// [`Transaction::commit`] makes them durable, all at once. Dropping the value without that rolls
/// them back, so that `?` leaves nothing behind.
///
/// # Examples
///
/// ```
/// # if !cfg!(target_os = "linux") { return Ok(()); }
/// use safemap::{Access, Map, Options};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("accounts");
/// # std::fs::write(&path, [9_u64.to_ne_bytes(), 0_u64.to_ne_bytes()].concat())?;
/// /// Moves an amount from one account to another.
/// fn transfer(accounts: &Map, from: usize, to: usize, amount: u64) -> safemap::Result<bool> {
///     let transaction = accounts.transaction()?;
///     let balance = accounts.load::<u64>(8 * from)?;
///     let Some(rest) = balance.checked_sub(amount) else { return Ok(false) }; // rolls back
///     accounts.store(rest, 8 * from)?;
///     accounts.store(accounts.load::<u64>(8 * to)? + amount, 8 * to)?;
///     transaction.commit()?;
///     Ok(true)
/// }
///
/// let accounts = Options::new().access(Access::Write).transactional(true).open(&path)?;
/// assert!(transfer(&accounts, 0, 1, 5)?);
/// assert!(!transfer(&accounts, 0, 1, 5)?);
/// assert_eq!(accounts.load::<u64>(8)?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the changes are rolled back when this is dropped"]
pub struct Transaction<'a> {
    map: &'a Map,
}

/// While this exists, no transaction is applied to the file. [`Map::reading`] returns it.
///
/// # Examples
///
/// ```
/// # if !cfg!(target_os = "linux") { return Ok(()); }
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("table");
/// # std::fs::write(&path, [1; 100])?;
/// let table = safemap::Options::new().transactional(true).open(&path)?;
/// let reading = table.reading()?;
/// let sum: u32 = table.to_vec(..)?.iter().map(|&byte| u32::from(byte)).sum();
/// drop(reading);
/// assert_eq!(sum, 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "transactions are applied again when this is dropped"]
pub struct Reading<'a> {
    map: &'a Map,
    _held: HeldReading,
}

impl Map {
    /// Returns whether the map was made with
    /// [`Options::transactional`](crate::Options::transactional).
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!safemap::Map::open("Cargo.toml")?.is_transactional());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.transactional.is_some()
    }

    /// Begins a block of changes. [`Transaction::commit`] makes them durable together; dropping the
    /// block rolls them back.
    ///
    /// The threads that share a map share its block: a store by any of them belongs to it. Without
    /// a block, changes are pending until [`Map::commit`] or [`Map::rollback`].
    ///
    /// # Errors
    ///
    /// [`Error::Pending`] in another block of the map, or if the map has changes that are not
    /// committed; [`Error::ReadOnly`]; [`Error::Unsupported`] if the map is not transactional;
    /// [`Error::InDoubt`]; [`Error::Forked`].
    ///
    /// # Examples
    ///
    /// See [`Transaction`].
    pub fn transaction(&self) -> Result<Transaction<'_>> {
        self.begin_transaction().map(|()| Transaction { map: self })
    }

    /// Makes all changes since the last commit durable, and visible to other maps of the file.
    ///
    /// When the call has returned, the changes survive a crash of the program, of the system, and
    /// a power failure. If one of these happens before, the file has all of them or none after it
    /// was opened the next time. The call writes the bytes that differ from the file, and waits for
    /// the storage device once.
    ///
    /// Stores by calls of other threads wait during the call. A store by other means, through a
    /// pointer ([`Map::as_mut_ptr`]), belongs to this commit or to the next one.
    ///
    /// # Errors
    ///
    /// - [`Error::Pending`] in a block: [`Transaction::commit`] ends it.
    /// - [`Error::WouldDeadlock`] if this thread has a [`Reading`] of the file.
    /// - [`Error::Fault`] if another program has shortened the file and changes were lost by that.
    ///   Nothing was written; [`Map::rollback`] and [`Map::refresh`] help.
    /// - [`Error::Os`] if the system cannot write or allocate, or if a signal has interrupted the
    ///   wait for readers (`Interrupted`). The changes stay pending.
    /// - [`Error::InDoubt`] if it is not known whether the changes are durable. Each further call
    ///   fails with this; the next opening of the file decides.
    /// - [`Error::ReadOnly`]; [`Error::Unsupported`] if the map is not transactional;
    ///   [`Error::Forked`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Access, Map, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// let table = Options::new().access(Access::Write).create(true).len(100).transactional(true)
    ///     .open(&path)?;
    /// table.write_at(b"header", 0)?;
    /// assert_eq!(Map::open(&path)?.get(0)?, 0);
    /// table.commit()?;
    /// assert_eq!(Map::open(&path)?.get(0)?, b'h');
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn commit(&self) -> Result<()> {
        self.commit_in("commit")
    }

    /// Undoes all changes since the last commit. The map shows the file again, and has its length.
    ///
    /// # Errors
    ///
    /// [`Error::Pending`] in a block: [`Transaction::rollback`] ends it. [`Error::ReadOnly`];
    /// [`Error::Unsupported`] if the map is not transactional; [`Error::Os`]; [`Error::InDoubt`];
    /// [`Error::Forked`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// # std::fs::write(&path, "old")?;
    /// let table = Options::new().access(Access::Write).transactional(true).open(&path)?;
    /// table.write_at(b"new", 0)?;
    /// table.append(b"er")?;
    /// table.rollback()?;
    /// assert_eq!(table.to_vec(..)?, b"old");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rollback(&self) -> Result<()> {
        self.rollback_in("rollback")
    }

    /// Returns the ranges of the map that a commit would write, in ascending order.
    ///
    /// They are the bytes that differ from the file, and with them short gaps of equal bytes. Of
    /// those behind the end of the file, zeros may be left out.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] as for [`Map::commit`]; [`Error::ReadOnly`]; [`Error::Unsupported`] if the
    /// map is not transactional; [`Error::Os`]; [`Error::InDoubt`]; [`Error::Forked`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// # std::fs::write(&path, [0; 9000])?;
    /// let table = Options::new().access(Access::Write).transactional(true).open(&path)?;
    /// table.write_at(b"abc", 5)?;
    /// table.set(0, 100)?; // It is 0 already.
    /// table.set(1, 8000)?;
    /// assert_eq!(table.changed()?, [5..8, 8000..8001]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn changed(&self) -> Result<Vec<Range<usize>>> {
        self.changed_ranges()
    }

    /// Writes all committed bytes to their place in the file durably, and empties the journal.
    ///
    /// Commits do this when the journal is full, and [`Map::close`] does. Until then, what other
    /// programs write to the file without this library may be overwritten after a power failure.
    ///
    /// # Errors
    ///
    /// As [`Map::commit`]. If it fails, the map is in doubt: each further call fails with
    /// [`Error::InDoubt`]. No committed byte is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// # std::fs::write(&path, [0; 9000])?;
    /// let table = Options::new().access(Access::Write).transactional(true).open(&path)?;
    /// table.fill(1, ..)?;
    /// table.commit()?;
    /// table.checkpoint()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn checkpoint(&self) -> Result<()> {
        self.checkpoint_journal()
    }

    /// Keeps commits from being applied to the file until the returned guard is dropped, so that
    /// no part of one is seen.
    ///
    /// Waits for a commit that is being applied. If a writer has crashed while it applied one, the
    /// call completes it; that takes the permission to write.
    ///
    /// A map for reading gets the length that the last commit gave the file, as by
    /// [`Map::refresh`], unless it was made with a length. So the call may move the map. Pointers
    /// of [`Map::as_ptr`] remain valid, and show the file, up to the former length. A map for
    /// writing keeps its length, and sees its own changes as without the guard.
    ///
    /// # Errors
    ///
    /// - [`Error::HasWriter`] if a transaction is not complete and its writer stays open for longer
    ///   than [`Options::timeout`](crate::Options::timeout), or is in the middle of a commit for
    ///   longer than that and 10 seconds: a commit waits for the storage device.
    /// - [`Error::Unrecovered`] if one is not complete, and this process may not write to the
    ///   file.
    /// - [`Error::Os`], also if a signal has interrupted the wait (`Interrupted`);
    ///   [`Error::Format`] if the journal is damaged; [`Error::Unsupported`] if the map is not
    ///   transactional; [`Error::InDoubt`]; [`Error::Forked`].
    /// - [`Error::Os`], [`Error::TooLong`] if the file has become longer, and there is not enough
    ///   address space for it.
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// # std::fs::write(&path, "")?;
    /// let table = Options::new().access(Access::Write).transactional(true).open(&path)?;
    /// let reader = Options::new().transactional(true).open(&path)?;
    /// table.append(b"a row\n")?;
    /// table.commit()?;
    /// let reading = reader.reading()?;
    /// assert_eq!(reader.to_vec(..)?, b"a row\n");
    /// drop(reading);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reading(&self) -> Result<Reading<'_>> {
        let held = self.hold_reading()?;
        self.follow_file("reading")?;
        Ok(Reading { map: self, _held: held })
    }
}

impl Transaction<'_> {
    /// Makes the changes of the block durable, and visible to other maps; see [`Map::commit`].
    ///
    /// # Errors
    ///
    /// As [`Map::commit`]. The block ends, and a commit that has failed is rolled back, unless the
    /// error is [`Error::InDoubt`].
    ///
    /// # Examples
    ///
    /// See [`Transaction`].
    pub fn commit(self) -> Result<()> {
        let map = self.map;
        std::mem::forget(self);
        map.end_transaction(true)
    }

    /// Undoes the changes of the block.
    ///
    /// # Errors
    ///
    /// As [`Map::rollback`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// # std::fs::write(&path, "old")?;
    /// let table = Options::new().access(Access::Write).transactional(true).open(&path)?;
    /// let transaction = table.transaction()?;
    /// table.write_at(b"new", 0)?;
    /// transaction.rollback()?;
    /// assert_eq!(table.to_vec(..)?, b"old");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rollback(self) -> Result<()> {
        let map = self.map;
        std::mem::forget(self);
        map.end_transaction(false)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // After a failure the map is in doubt, which the next call reports.
        let _ = self.map.end_transaction(false);
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("map", self.map).finish()
    }
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("map", self.map).finish()
    }
}

/// For the Python package: blocks and guards that are no borrows, and buffers that it exports.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
impl Map {
    /// Begins a block, which [`Map::end`] ends.
    pub fn begin(&self) -> Result<()> {
        self.begin_transaction()
    }

    /// Commits or rolls back the block, and ends it. Without a block, returns an error.
    pub fn end(&self, commit: bool) -> Result<()> {
        self.end_transaction(commit)
    }

    /// Takes the locks that the next commit, resize or checkpoint of this map needs, as far as
    /// possible in the time `slice`. Returns whether it has all; if not, it keeps what it has.
    pub fn lock_for_commit(&self, slice: Duration) -> Result<bool> {
        self.advance_locks(slice)
    }

    /// Releases the locks that [`Map::lock_for_commit`] has taken.
    pub fn unlock_for_commit(&self) {
        self.release_locks();
    }

    /// Returns whether a store would wait for a moment.
    pub fn is_committing(&self) -> bool {
        self.is_gate_closed()
    }

    /// Waits until a store would not wait.
    pub fn wait_for_commit(&self) {
        while self.is_gate_closed() && self.ensure_intact().is_ok() {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Returns whether the outcome of a commit is not known.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.end_of_transactions(), Some(Error::InDoubt))
    }

    /// Returns what [`Map::reading`] holds. It may be dropped by any thread, and after the map.
    /// Returns `None` if it would have to wait for longer than `slice`.
    pub fn begin_reading_within(
        &self,
        slice: Duration,
    ) -> Result<Option<impl Send + Sync + 'static>> {
        self.hold_reading_within(slice)
    }

    /// Gives a map for reading the length of its file, as [`Map::reading`] does.
    pub fn follow_commits(&self) -> Result<()> {
        self.follow_file("reading")
    }

    /// Counts a buffer of the map's memory that code outside the library may write to. Waits for a
    /// commit. Does nothing for a map without transactions.
    pub fn lend(&self) -> Result<()> {
        self.count_loan()
    }

    /// Ends a buffer that [`Map::lend`] has counted.
    pub fn take_back(&self) {
        self.end_loan();
    }
}

impl Map {
    /// Fails for a transactional map.
    pub(crate) fn ensure_not_transactional(&self) -> Result<()> {
        match self.transactional {
            None => Ok(()),
            Some(_) => Err(Error::Unsupported("a transactional map does not support this call")),
        }
    }

    /// Fails for a transactional map that can be written to: its memory is private.
    pub(crate) fn ensure_no_changes(&self) -> Result<()> {
        match self.stores {
            Stores::Noted => self.ensure_not_transactional(),
            _ => Ok(()),
        }
    }
}
