//! Liveness: other processes learn from the kernel whether a process still exists.

use crate::{
    Error, Map, Result,
    mode::{Sharing, Stores},
    sys::{
        self, BorrowedFile,
        token::{self, Token},
        token_id,
    },
};

/// The sign that this process is alive, for other processes that map the same file.
///
/// A program stores its [`id`](Liveness::id) in the map, for example as the owner of a record.
/// Another process asks [`Liveness::is_alive`] with this id. The answer comes from the kernel: it
/// needs no process ids and no clock, and it is right in containers, after a restart, and for a
/// process that is stopped or in a debugger. The kernel lets the id end after the last thread of
/// the process has executed its last instruction, however the process ends. So what the owner had
/// begun may be taken over: it cannot continue.
///
/// The id also ends when the value is dropped, and in a process that replaces itself (`execve`).
/// Ids are random numbers of 61 bits. They are not 0 and are never used again.
///
/// The kernel keeps the id as a lock of one byte, far behind the end of the file; the byte is not
/// written. Any process that can open the file can lock bytes of it, so liveness is a promise
/// between processes that trust each other.
///
/// # Forked children
///
/// A forked child does not have the id of its parent: [`id`](Liveness::id) returns `None` there.
/// It joins by itself. The parent's id ends with the parent, also while the child runs.
///
/// # Locks of other programs
///
/// A lock of the whole file (`fcntl.lockf` with length 0) covers the bytes of all
/// ids. While another program has one, [`join`](Liveness::join) fails with [`Error::Locked`], and
/// [`is_alive`](Liveness::is_alive) returns true for every id. Lock only the data instead. Locks of
/// `flock` have no effect.
///
/// Joining closes a descriptor of the file. By the rules of POSIX that releases the locks that this
/// process itself took on it with `fcntl` and `F_SETLK`, as Python's `fcntl.lockf` does.
///
/// # Platforms
///
/// - *Linux* (64-bit): a page of the address space keeps the id, without a descriptor. Where that
///   does not work (overlay file systems, huge pages) a descriptor is kept until the value is
///   dropped. The id then ends when the program closes all descriptors (`close_range`), and a child
///   made by a raw `clone` prolongs it. `/proc` must be mounted.
/// - *macOS*: a descriptor is kept. *Windows*: a handle is kept.
/// - Elsewhere [`Error::Unsupported`].
///
/// # Examples
///
/// ```
/// use safemap::{Access, Error, Options, ipc::Liveness};
///
/// # let file = tempfile::NamedTempFile::new()?;
/// # std::fs::write(file.path(), [0; 100])?;
/// let map = Options::new().access(Access::Write).open(file.path())?;
/// let liveness = match Liveness::join(&map) {
///     Err(Error::Unsupported(_)) => return Ok(()), // this system or file system has no such locks
///     joined => joined?,
/// };
/// let id = liveness.id().expect("this process has joined");
/// map.store(id, 0)?;
///
/// let owner = map.load::<u64>(0)?;
/// assert!(Liveness::is_alive(&map, owner)?);
/// drop(liveness);
/// assert!(!Liveness::is_alive(&map, owner)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the id ends when this is dropped"]
pub struct Liveness(pub(super) Token);

impl Liveness {
    /// Joins the processes that use the file of `map`, with a new id.
    ///
    /// The value does not need the map any more. Joining takes some system calls, and asking one.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another program has locked the whole file. [`Error::Unsupported`] for
    /// anonymous memory, for private maps (their processes share nothing), and where the system or
    /// the file system cannot keep the promise: network file systems, FUSE, devices.
    /// [`Error::NoFile`] for [`untracked`](crate::Options::untracked) maps. [`Error::Os`], for
    /// example if the process may not open the file again.
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Map, ipc::Liveness};
    ///
    /// # let file = tempfile::NamedTempFile::new()?;
    /// let map = Map::open(file.path())?;
    /// let liveness = match Liveness::join(&map) {
    ///     Err(Error::Unsupported(reason)) => return Ok(println!("{reason}")),
    ///     joined => joined?,
    /// };
    /// println!("joined as {:?}", liveness.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(map: &Map) -> Result<Liveness> {
        let file = regular_file("join", map)?;
        Token::new(file).map(Liveness).map_err(|error| match error.kind() {
            _ if error.raw_os_error().is_some() => Error::Os { call: "join", source: error },
            std::io::ErrorKind::ResourceBusy => Error::Locked { call: "join" },
            std::io::ErrorKind::Unsupported => Error::Unsupported(UNRELIABLE),
            _ => Error::Os { call: "join", source: error },
        })
    }

    /// Returns the id, which is not 0, or `None` in a forked child, whose parent has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Map, ipc::Liveness};
    ///
    /// # let file = tempfile::NamedTempFile::new()?;
    /// let map = Map::open(file.path())?;
    /// let liveness = match Liveness::join(&map) {
    ///     Err(Error::Unsupported(_)) => return Ok(()),
    ///     joined => joined?,
    /// };
    /// assert!(liveness.id().is_some_and(|id| id > 0 && id < 1 << 61));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.0.id()
    }

    /// Returns whether the process exists that has joined with this `id` and has not left.
    ///
    /// False for numbers that no process has as id. True for some time after the process was
    /// killed: until the kernel has released its memory (milliseconds; a core dump takes longer).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], [`Error::NoFile`], [`Error::Os`], as [`Liveness::join`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Map, ipc::Liveness};
    ///
    /// # let file = tempfile::NamedTempFile::new()?;
    /// let map = Map::open(file.path())?;
    /// let liveness = match Liveness::join(&map) {
    ///     Err(Error::Unsupported(_)) => return Ok(()),
    ///     joined => joined?,
    /// };
    /// assert!(Liveness::is_alive(&map, liveness.id().expect("this process has joined"))?);
    /// assert!(!Liveness::is_alive(&map, 0)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_alive(map: &Map, id: u64) -> Result<bool> {
        let file = shared_file("is_alive", map)?;
        if !token_id::is_valid(id) {
            return Ok(false);
        }
        let is_alive = token::is_alive(file, id).map_err(Error::os("is_alive"))?;
        if !is_alive {
            // Only the file of the map knows its ids.
            ensure_is_open("is_alive", map, file)?;
        }
        Ok(is_alive)
    }
}

pub(super) const UNRELIABLE: &str = "locks of this file system do not show which processes exist";

/// Returns the file of a map whose bytes other processes see.
fn shared_file<'map>(call: &'static str, map: &'map Map) -> Result<BorrowedFile<'map>> {
    ensure_system_has_locks()?;
    if map.is_anonymous() {
        return Err(Error::Unsupported("anonymous memory has no file to lock"));
    }
    if map.stores == Stores::Noted {
        return Err(Error::Unsupported(
            "a private map shares nothing that could be locked; a transactional map is private: \
             put the mutex into another file",
        ));
    }
    if map.sharing() == Sharing::Private {
        return Err(Error::Unsupported("a private map shares nothing that could be locked"));
    }
    map.file().ok_or(Error::NoFile { call })
}

/// Like [`shared_file`], for calls that open the file again. Opening a device may have effects.
pub(super) fn regular_file<'map>(call: &'static str, map: &'map Map) -> Result<BorrowedFile<'map>> {
    let file = shared_file(call, map)?;
    ensure_is_open(call, map, file)?;
    match sys::file::regular_len(file).map_err(Error::os(call))? {
        Some(_) => Ok(file),
        None => Err(Error::Unsupported("a device cannot be locked")),
    }
}

/// Fails if the program has closed the descriptor of the map by its number.
fn ensure_is_open(call: &'static str, map: &Map, file: BorrowedFile<'_>) -> Result<()> {
    match sys::file::is_still(file, map.identity) {
        true => Ok(()),
        false => Err(Error::Os {
            call,
            source: std::io::Error::other("the program has closed the descriptor of the map"),
        }),
    }
}

/// Fails on systems without the locks that liveness needs.
pub(super) fn ensure_system_has_locks() -> Result<()> {
    match has_locks() {
        true => Ok(()),
        false => Err(Error::Unsupported("this system has no locks that survive a close")),
    }
}

pub(super) fn has_locks() -> bool {
    sys::file_lock::SUPPORTED
}
