//! Where the data file and its commit journal are: a directory and two names. Refuses files whose
//! journal would not be found, or not be safe.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    sys::{
        self, BorrowedFile, OwnedFile, PrivateFile,
        file::Attributes,
        folder::{Folder, Opening},
        segment::Creation,
        token,
    },
};

/// What the name of the journal has in addition.
const SUFFIX: &str = "-commit";
/// What the name of a journal that is not complete has in addition to that.
const INCOMPLETE: &str = "-new";
/// The longest chain of symbolic links, as on Linux.
const MAX_LINKS: u32 = 40;
/// How often a file is looked for that other processes create and remove.
const ATTEMPTS: u32 = 100;

const SEVERAL_NAMES: &str =
    "a file with several hard links: under another name its commit journal would not be found";
const MOVED: &str = "the file or its commit journal was renamed, replaced or removed";
const NOT_REGULAR: &str = "transactions need a regular file";
const OTHER_MOUNT: &str =
    "the file is mounted by itself: in its own directory its commit journal would not be found";
const NO_SYNC: &str =
    "the directory of the file cannot be synced: the process has no permission to read it";
const UNSAFE_SYSTEM: &str =
    "the locks or the identities of files on this file system are not safe for transactions";

/// The directory of a data file, and the names of the file and of its journal.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: Folder,
    name: OsString,
    journal: OsString,
    /// The name of a journal that is not complete, where it must have one.
    spare: OsString,
    pub(super) path: PathBuf,
}

impl Place {
    /// Looks for the directory of a file that exists, or is created; after all symbolic links.
    pub(super) fn find(call: &'static str, path: &Path, creation: Creation) -> Result<Place> {
        let path = resolve(path, creation).map_err(Error::os(call))?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::Unsupported(NOT_REGULAR));
        };
        let folder = Folder::open(folder).map_err(Error::os(call))?;
        let journal = with_suffix(name, SUFFIX);
        let (name, spare) = (name.to_owned(), with_suffix(&journal, INCOMPLETE));
        Ok(Place { folder, name, journal, spare, path })
    }

    /// Fails if the name of a new journal could not be made durable.
    pub(super) fn ensure_can_sync(&self) -> Result<()> {
        if self.folder.can_sync() { Ok(()) } else { Err(Error::Unsupported(NO_SYNC)) }
    }

    /// Opens the data file.
    pub(super) fn open_data(&self, call: &'static str, opening: Opening) -> Result<PrivateFile> {
        let attributes = self.folder.attributes(&self.name).map_err(Error::os(call))?;
        // Opening a device may have effects. A name that must be free is not opened if it is not.
        let must_be_free = matches!(opening, Opening::Create { .. });
        if !must_be_free && attributes.is_some_and(|it| !it.is_regular()) {
            return Err(Error::Unsupported(NOT_REGULAR));
        }
        let file = self.folder.open_file(&self.name, opening).map_err(Error::os(call))?;
        self.ensure_is_usable(call, sys::borrow(&file))?;
        PrivateFile::new(file).map_err(Error::os(call))
    }

    /// Opens the data file for reading and writing, or creates it. Returns whether it is new.
    pub(super) fn open_or_create_data(&self, call: &'static str) -> Result<(PrivateFile, bool)> {
        for _ in 1..ATTEMPTS {
            match self.open_data(call, Opening::Write) {
                Err(Error::Os { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                opened => return opened.map(|file| (file, false)),
            }
            match self.create_data(call) {
                Err(Error::Os { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map(|file| (file, true)),
            }
        }
        self.create_data(call).map(|file| (file, true))
    }

    /// Creates the data file, whose name must be free.
    pub(super) fn create_data(&self, call: &'static str) -> Result<PrivateFile> {
        self.open_data(call, Opening::Create { permissions: 0o666 })
    }

    /// Whether the name of the data file leads to this file.
    pub(super) fn leads_to_data(&self, identity: [u64; 2]) -> io::Result<bool> {
        self.find_named(&self.name, identity).map(|found| found.is_some())
    }

    /// Whether the name of the journal leads to this file.
    pub(super) fn leads_to_journal(&self, identity: [u64; 2]) -> io::Result<bool> {
        self.find_named(&self.journal, identity).map(|found| found.is_some())
    }

    /// Fails if recovery would not find this data file and this journal by their names.
    pub(super) fn ensure_both_are_named(
        &self,
        call: &'static str,
        data: [u64; 2],
        journal: [u64; 2],
    ) -> Result<()> {
        let found = self.find_named(&self.name, data).map_err(Error::os(call))?;
        if found.is_none() || !self.leads_to_journal(journal).map_err(Error::os(call))? {
            return Err(moved(call));
        }
        found.map_or(Ok(()), |found| ensure_has_one_name(&found))
    }

    /// Returns the attributes of the file with a name if it is this file.
    fn find_named(&self, name: &OsStr, identity: [u64; 2]) -> io::Result<Option<Attributes>> {
        Ok(self.folder.attributes(name)?.filter(|found| found.identity == identity))
    }

    /// Returns what the file system says about the journal, or `None` if there is none.
    pub(super) fn journal_attributes(&self) -> io::Result<Option<Attributes>> {
        self.folder.attributes(&self.journal)
    }

    /// Creates a journal, which gets its name by [`Place::name_journal`]. Returns whether it has
    /// another name until then.
    pub(super) fn create_journal(&self, permissions: u32) -> io::Result<(OwnedFile, bool)> {
        self.folder.create_unnamed(&self.spare, permissions)
    }

    /// Gives a new journal its name.
    pub(super) fn name_journal(&self, file: BorrowedFile<'_>, has_spare: bool) -> io::Result<()> {
        match has_spare {
            true => self.folder.rename(&self.spare, &self.journal),
            false => self.folder.give_name(file, &self.journal),
        }
    }

    /// Opens the journal.
    pub(super) fn open_journal(&self, opening: Opening) -> io::Result<OwnedFile> {
        self.folder.open_file(&self.journal, opening)
    }

    pub(super) fn remove_data(&self) -> io::Result<()> {
        self.folder.remove(&self.name)
    }

    pub(super) fn remove_journal(&self) -> io::Result<()> {
        self.folder.remove(&self.journal)
    }

    /// Whether files of the directory may be copied when they are opened for writing.
    pub(super) fn is_overlay(&self) -> io::Result<bool> {
        token::is_overlay(sys::borrow(&self.folder))
    }

    fn ensure_is_usable(&self, call: &'static str, file: BorrowedFile<'_>) -> Result<()> {
        let attributes = sys::file::attributes(file).map_err(Error::os(call))?;
        if !attributes.is_regular() {
            return Err(Error::Unsupported(NOT_REGULAR));
        }
        ensure_has_one_name(&attributes)?;
        let folder = sys::borrow(&self.folder);
        let is_other_device = || -> io::Result<bool> {
            Ok(sys::file::attributes(folder)?.identity[0] != attributes.identity[0])
        };
        let is_mounted_alone = match sys::file::same_mount(folder, file) {
            Some(is_same) => !is_same,
            None => is_other_device().map_err(Error::os(call))?,
        };
        if is_mounted_alone {
            return Err(Error::Unsupported(OTHER_MOUNT));
        }
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(_) => Error::Os { call, source: error },
            None => Error::Unsupported(UNSAFE_SYSTEM),
        };
        token::ensure_lasting(file).map_err(refused)
    }
}

/// The error of a call whose file or journal is not where it was.
pub(super) fn moved(call: &'static str) -> Error {
    Error::Os { call, source: io::Error::other(MOVED) }
}

fn ensure_has_one_name(data: &Attributes) -> Result<()> {
    if data.links > 1 { Err(Error::Unsupported(SEVERAL_NAMES)) } else { Ok(()) }
}

/// Returns the path without symbolic links.
///
/// If the file may be created, the last link may lead to a name that is free. If it must be, the
/// name is not followed: a link is a name that is not free, as for `O_EXCL` (POSIX).
fn resolve(path: &Path, creation: Creation) -> io::Result<PathBuf> {
    match creation {
        Creation::Never => fs::canonicalize(path),
        Creation::Always => in_folder(path),
        Creation::IfMissing => resolve_new(path),
    }
}

/// Returns the path without symbolic links, of a file that need not exist.
fn resolve_new(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..=MAX_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        path = in_folder(&path)?;
        match fs::read_link(&path) {
            Ok(target) => path = path.with_file_name(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns the path without the symbolic links that lead to its directory.
fn in_folder(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().map(or_here).ok_or(io::ErrorKind::NotFound)?;
    let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
    Ok(fs::canonicalize(folder)?.join(name))
}

fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn with_suffix(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}
