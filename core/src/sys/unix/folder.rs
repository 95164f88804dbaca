//! Files of an open directory, by their names: they stay the same when the directory is renamed.
//!
//! Symbolic links are not followed.

use std::{
    ffi::{CString, OsStr},
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    },
    path::Path,
};

use super::{
    check,
    file::{Attributes, attributes_at},
    large_file::openat,
    private_file::PrivateFile,
};

/// A directory that is open.
#[derive(Debug)]
pub(crate) struct Folder {
    file: PrivateFile,
    can_sync: bool,
}

/// How a file of a directory is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Read,
    Write,
    /// The name must be free. Only the user of the process may open the file.
    Create {
        permissions: u32,
    },
}

impl Folder {
    /// Opens a directory.
    pub(crate) fn open(path: &Path) -> io::Result<Folder> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let open = |flags| File::options().read(true).custom_flags(flags).open(path);
        let (file, can_sync) = match open(libc::O_DIRECTORY) {
            // Its files can be opened all the same.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                (open(libc::O_DIRECTORY | libc::O_PATH)?, false)
            }
            opened => (opened?, true),
        };
        Ok(Folder { file: PrivateFile::new(file.into())?, can_sync })
    }

    /// Whether the process may sync the directory, which takes the permission to read it.
    pub(crate) fn can_sync(&self) -> bool {
        self.can_sync
    }

    /// Opens a file, which must be no symbolic link.
    pub(crate) fn open_file(&self, name: &OsStr, opening: Opening) -> io::Result<OwnedFd> {
        let (flags, permissions) = match opening {
            Opening::Read => (libc::O_RDONLY, 0),
            Opening::Write => (libc::O_RDWR, 0),
            Opening::Create { permissions } => {
                (libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, permissions)
            }
        };
        // A pipe would be waited for, a terminal could become that of the process.
        let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
        let name = c_string(name)?;
        loop {
            // SAFETY: the name ends with a zero; the call takes the permissions as this type.
            let number = unsafe { openat(self.number(), name.as_ptr(), flags, permissions) };
            match check(number) {
                // SAFETY: the call has opened it, and only this function knows it.
                Ok(()) => return Ok(unsafe { OwnedFd::from_raw_fd(number) }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Creates a file without a name, or, where the system cannot do that, with the name `spare`,
    /// which a file that was left there loses. Returns whether it has that name.
    pub(crate) fn create_unnamed(
        &self,
        spare: &OsStr,
        permissions: u32,
    ) -> io::Result<(OwnedFd, bool)> {
        if let Some(file) = self.create_without_name(permissions) {
            return Ok((file, false));
        }
        match self.remove(spare) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.open_file(spare, Opening::Create { permissions }).map(|file| (file, true))
    }

    /// Returns `None` if the file system has no such files, or on any other failure.
    #[cfg(target_os = "linux")]
    fn create_without_name(&self, permissions: u32) -> Option<OwnedFd> {
        let (flags, here) = (libc::O_RDWR | libc::O_TMPFILE | libc::O_CLOEXEC, c".".as_ptr());
        // SAFETY: the path ends with a zero; the call takes the permissions as this type.
        let number = unsafe { openat(self.number(), here, flags, permissions) };
        // SAFETY: the call has opened it, and only this function knows it.
        check(number).ok().map(|()| unsafe { OwnedFd::from_raw_fd(number) })
    }

    #[cfg(not(target_os = "linux"))]
    fn create_without_name(&self, _permissions: u32) -> Option<OwnedFd> {
        None
    }

    /// Gives a name, which must be free, to a file of [`Folder::create_unnamed`] that is not called
    /// `spare`.
    #[cfg(target_os = "linux")]
    pub(crate) fn give_name(&self, file: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        give_name(file, self.number(), &c_string(name)?)
    }

    /// There are no such files.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn give_name(&self, _file: BorrowedFd<'_>, _name: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Changes the name of a file to one that must be free. (Between the check and the change
    /// another process may create a file with the name, which is lost then.)
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        if self.attributes(to)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (here, from, to) = (self.number(), c_string(from)?, c_string(to)?);
        // SAFETY: both names end with a zero.
        check(unsafe { libc::renameat(here, from.as_ptr(), here, to.as_ptr()) })
    }

    /// Returns what the file system says about a file, or `None` if there is none.
    pub(crate) fn attributes(&self, name: &OsStr) -> io::Result<Option<Attributes>> {
        match attributes_at(self.as_fd(), &c_string(name)?) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the name of a file.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        let name = c_string(name)?;
        // SAFETY: the name ends with a zero.
        check(unsafe { libc::unlinkat(self.number(), name.as_ptr(), 0) })
    }

    fn number(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// open(2): how a file that was made by `O_TMPFILE` gets a name without privileges.
#[cfg(target_os = "linux")]
pub(super) fn give_name(
    file: BorrowedFd<'_>,
    folder: RawFd,
    name: &std::ffi::CStr,
) -> io::Result<()> {
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let (here, follow) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
    // SAFETY: both paths are C strings.
    check(unsafe { libc::linkat(here, from.as_ptr(), folder, name.as_ptr(), follow) })
}

fn c_string(name: &OsStr) -> io::Result<CString> {
    CString::new(name.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_gets_its_name_when_it_is_complete_and_replaces_none() {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::open(path.path()).unwrap();
        let [spare, name] = ["spare", "name"].map(OsStr::new);
        let (file, has_spare) = folder.create_unnamed(spare, 0o600).unwrap();
        let give = || match has_spare {
            true => folder.rename(spare, name),
            false => folder.give_name(file.as_fd(), name),
        };
        fs::write(path.path().join(name), "other").unwrap();
        assert_eq!(give().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(path.path().join(name)).unwrap(), b"other");
        folder.remove(name).unwrap();
        give().unwrap();
        let found = folder.attributes(name).unwrap().unwrap();
        assert_eq!(found, super::super::file::attributes(file.as_fd()).unwrap());
        assert_eq!((found.links, found.permissions), (1, 0o600));
        assert_eq!(folder.attributes(spare).unwrap(), None);
    }

    #[test]
    fn a_name_is_not_given_to_two_files() {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::open(path.path()).unwrap();
        let [spare, name] = ["spare", "name"].map(OsStr::new);
        drop(folder.open_file(spare, Opening::Create { permissions: 0o600 }).unwrap());
        folder.rename(spare, name).unwrap();
        drop(folder.open_file(spare, Opening::Create { permissions: 0o600 }).unwrap());
        let error = folder.rename(spare, name).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
}
