//! What a program may do with a map, whether its writes are visible outside it, and what a lock
//! excludes.

use crate::Protection;

/// How the program accesses a map, and whether its writes reach the file.
///
/// # Examples
///
/// ```
/// use safemap::{Access, Error, Map, Options};
///
/// let map = Map::open("Cargo.toml")?;
/// assert_eq!(map.access(), Access::Read);
/// assert!(matches!(map.set(b'#', 0), Err(Error::ReadOnly { call: "set" })));
///
/// let copy = Options::new().access(Access::Copy).open("Cargo.toml")?;
/// copy.set(b'#', 0)?; // changes the map, not the file
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read-only. Methods that write return [`Error::ReadOnly`](crate::Error::ReadOnly).
    #[default]
    Read,
    /// Writes change the file and are visible in other shared maps of it. Such a map of a file is
    /// always [`Shared`](Sharing::Shared).
    Write,
    /// Writes change this map only. The file does not change.
    Copy,
}

impl Access {
    /// The protection of pages that it implies.
    pub(crate) fn protection(self) -> Protection {
        match self {
            Access::Read => Protection::READ,
            Access::Write | Access::Copy => Protection::READ | Protection::WRITE,
        }
    }
}

/// Whether writes to a map are visible outside it.
///
/// # Examples
///
/// ```
/// use safemap::{Map, Options, Sharing};
///
/// assert_eq!(Map::open("Cargo.toml")?.sharing(), Sharing::Shared);
/// assert_eq!(Options::new().len(1).anonymous()?.sharing(), Sharing::Private);
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Writes are visible in the file, in other maps of it, and in forked children.
    Shared,
    /// Writes are visible in this map only. On Linux a page that was not written shows later
    /// changes of the file; POSIX leaves that open.
    Private,
}

/// What a lock of a range excludes; see [`Map::lock_range`](crate::Map::lock_range).
///
/// # Examples
///
/// ```
/// use safemap::ipc::LockKind;
///
/// # let file = tempfile::NamedTempFile::new()?;
/// # std::fs::write(file.path(), [0; 100])?;
/// let map = safemap::Options::new().access(safemap::Access::Write).open(file.path())?;
/// # if !safemap::ipc::has_range_locks() { return Ok(()); }
/// let first = map.lock_range(..10, LockKind::Shared)?;
/// assert!(map.try_lock_range(..10, LockKind::Shared)?.is_some());
/// assert!(map.try_lock_range(..10, LockKind::Exclusive)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockKind {
    /// Excludes exclusive locks: for reading.
    Shared,
    /// Excludes all other locks: for writing.
    Exclusive,
}

/// What a call does that stores to a map. One comparison on the fast path: `Direct` or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stores {
    /// It fails: the map is read-only.
    Refused,
    /// It stores.
    Direct,
    /// It passes the gate of a transactional map, and notes the pages.
    Noted,
}

impl Stores {
    /// Those of a map without transactions.
    pub(crate) fn of(access: Access) -> Stores {
        if access == Access::Read { Stores::Refused } else { Stores::Direct }
    }
}
