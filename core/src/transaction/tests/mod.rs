//! Tests on real files: locks, places, journals of others, killed writers.

mod buffers;
mod journals;
mod kills;
mod limits;
mod locks;
mod places;
mod threads;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    log::Change,
    opened::{Opened, Request},
    reading::ReaderGuard,
    writer::failed,
};
use crate::{Result, polling::Wait, sys::segment::Creation};

/// A data file in a folder that exists as long as this.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// The data file has these bytes.
    fn with(bytes: &[u8]) -> Folder {
        Folder::with_in(tempfile::tempdir().unwrap(), bytes)
    }

    /// Where the system has one, on a file system in memory, which takes no time to sync.
    fn in_memory(bytes: &[u8]) -> Folder {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Folder::with_in(folder.unwrap(), bytes)
    }

    fn with_in(folder: tempfile::TempDir, bytes: &[u8]) -> Folder {
        let folder = Folder { folder };
        fs::write(folder.data(), bytes).unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn journal(&self) -> PathBuf {
        journal_of(&self.data())
    }
}

fn journal_of(data: &Path) -> PathBuf {
    let mut path = data.as_os_str().to_owned();
    path.push("-commit");
    path.into()
}

fn request(timeout: Duration) -> Request<'static> {
    let wait = Wait::within(timeout);
    Request { is_writer: true, creation: Creation::Never, truncate: false, wait }
}

/// Opens the file for writing, without waiting.
fn writer(path: &Path) -> Result<Opened> {
    Opened::open(path, &request(Duration::ZERO))
}

/// Opens the file for reading, without waiting for a recovery.
fn reader(path: &Path) -> Result<Opened> {
    Opened::open(path, &Request { is_writer: false, ..request(Duration::ZERO) })
}

/// Commits a change.
fn commit(opened: &Opened, change: &Change<'_>) -> Result<()> {
    let mut commit = opened.lock_for_commit("commit", &Wait::FOREVER)?.unwrap();
    commit.write(change).map_err(failed("commit"))
}

/// Commits these bytes at this offset.
fn put(opened: &Opened, bytes: &[u8], at: u64) -> Result<()> {
    commit(opened, &Change { ranges: &[(at, bytes)], len: None })
}

/// Excludes commits, without an end.
fn enter(opened: &Opened) -> Result<ReaderGuard> {
    let patience = Wait::within(Duration::ZERO).until;
    Ok(opened.enter("reading", &Wait::FOREVER, patience)?.expect("it waits for ever"))
}

/// Like [`enter`], and returns `None` if that takes longer than `timeout`.
fn enter_within(opened: &Opened, timeout: Duration) -> Result<Option<ReaderGuard>> {
    opened.enter("reading", &Wait::within(timeout), None)
}
