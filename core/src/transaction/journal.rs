//! The file of the commit journal: creation, opening, and whether it can be trusted.

use std::{io, time::Duration};

use super::{locks::WriterLock, place::Place};
use crate::{
    Error, Result,
    polling::Wait,
    sys::{self, OwnedFile, PrivateFile, file::Attributes, folder::Opening},
};

const NOT_REGULAR: &str = "the commit journal is not a regular file with one name";
const UNTRUSTED: &str = "the commit journal belongs to another user than the file";
const UNWRITABLE: &str =
    "the commit journal must be created in the directory of the file, which is not writable";

/// How often a journal is opened that other processes remove.
const ATTEMPTS: u32 = 100;
/// The permissions of a file that only its owner may open.
const PRIVATE: u32 = 0o600;
const STICKY: u32 = 0o1000;
const WRITABLE_BY_ALL: u32 = 0o002;

/// The journal of a writer: locked, because the writer of a file that had the name before may still
/// use it.
pub(super) struct Journal {
    pub(super) file: PrivateFile,
    pub(super) lock: WriterLock,
    /// Whether it has no bytes and not its name yet; then, whether it has another name.
    pub(super) new: Option<bool>,
}

/// Opens the journal for reading and writing, or creates it like the data file. The caller has the
/// writer's lock of the data file.
pub(super) fn open_or_create(
    call: &'static str,
    place: &Place,
    data: &Attributes,
) -> Result<Journal> {
    for _ in 0..ATTEMPTS {
        let Some((file, found)) = open(call, place, data, Opening::Write)? else {
            return create(call, place, data);
        };
        let lock = lock(call, &file)?;
        // Another writer may have removed it before the lock.
        if place.leads_to_journal(found.identity).map_err(Error::os(call))? {
            let file = PrivateFile::new(file).map_err(Error::os(call))?;
            return Ok(Journal { file, lock, new: None });
        }
    }
    Err(Error::HasWriter { call })
}

fn create(call: &'static str, place: &Place, data: &Attributes) -> Result<Journal> {
    let (file, has_spare) = place.create_journal(PRIVATE).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Error::Unsupported(UNWRITABLE),
        _ => Error::Os { call, source: error },
    })?;
    make_like(&file, data).map_err(Error::os(call))?;
    let lock = lock(call, &file)?;
    let file = PrivateFile::new(file).map_err(Error::os(call))?;
    Ok(Journal { file, lock, new: Some(has_spare) })
}

fn lock(call: &'static str, file: &OwnedFile) -> Result<WriterLock> {
    let lock = WriterLock::take(call, sys::borrow(file), &Wait::within(Duration::ZERO))?;
    lock.ok_or(Error::HasWriter { call })
}

/// Opens the journal, or returns `None` if there is none.
pub(super) fn open(
    call: &'static str,
    place: &Place,
    data: &Attributes,
    opening: Opening,
) -> Result<Option<(OwnedFile, Attributes)>> {
    // Opening a pipe or a device may have effects.
    let Some(found) = place.journal_attributes().map_err(Error::os(call))? else {
        return Ok(None);
    };
    ensure_plain(&found)?;
    let file = match place.open_journal(opening) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::os(call))?,
    };
    let found = sys::file::attributes(sys::borrow(&file)).map_err(Error::os(call))?;
    // The writer has removed it.
    if found.links == 0 {
        return Ok(None);
    }
    ensure_plain(&found)?;
    let folder = sys::file::attributes(sys::borrow(&place.folder)).map_err(Error::os(call))?;
    match is_trusted(&found, data, &folder) {
        true => Ok(Some((file, found))),
        false => Err(Error::Unsupported(UNTRUSTED)),
    }
}

/// Another name of a file could be anywhere.
fn ensure_plain(found: &Attributes) -> Result<()> {
    let is_plain = found.is_regular() && found.links <= 1;
    if is_plain { Ok(()) } else { Err(Error::Unsupported(NOT_REGULAR)) }
}

/// Whether the journal's owner may change the data file anyway: its owner, this user and root may.
/// In a directory that is not open to everyone, so may the users of its group: they can replace the
/// data file.
fn is_trusted(journal: &Attributes, data: &Attributes, folder: &Attributes) -> bool {
    let is_open = folder.permissions & (STICKY | WRITABLE_BY_ALL) != 0;
    [data.owner, sys::file::user(), 0].contains(&journal.owner)
        || (!is_open && journal.group == data.group)
}

/// Gives the journal the data file's owner and permissions, as far as the process may do that. A
/// user that may not open the data file may not open the journal.
fn make_like(journal: &OwnedFile, data: &Attributes) -> io::Result<()> {
    let file = sys::borrow(journal);
    let own = sys::file::attributes(file)?;
    let has_owner =
        own.owner == data.owner || sys::file::set_owner(file, Some(data.owner), None).is_ok();
    let has_group =
        own.group == data.group || sys::file::set_owner(file, None, Some(data.group)).is_ok();
    sys::file::set_permissions(file, permissions(data.permissions, has_owner, has_group))
}

/// Returns the permissions of a journal that has the owner and the group of its data file, or not.
fn permissions(data: u32, has_owner: bool, has_group: bool) -> u32 {
    let [owner, group, others] = [data >> 6 & 7, data >> 3 & 7, data & 7];
    match (has_owner, has_group) {
        (true, true) => data & 0o777,
        // The data file's owner is a member of the group or one of the others.
        (false, true) => (owner | 6) << 6 | group << 3 | others,
        // Members of either group are others, or members of the wrong one.
        (_, false) => {
            let all = group & others;
            (owner | 6) << 6 | all << 3 | all
        }
    }
}

/// Removes the journal if its name still leads to this file. It is empty: if the process may not
/// remove it, it may stay.
pub(super) fn remove(place: &Place, identity: [u64; 2]) -> io::Result<()> {
    if !place.leads_to_journal(identity)? {
        return Ok(());
    }
    match place.remove_journal() {
        Err(error) if is_refusal(&error) => Ok(()),
        done => done,
    }
}

/// Whether the process lacks a permission.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
