//! Small file systems that a scenario fills and breaks, in a mount namespace of the process.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use safemap_testing::TempFile;
use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::{
    process::run_or_skip,
    report::{Result, require_mounts},
};

/// A mounted file system. It is unmounted when it is dropped, or with the last process of the
/// namespace.
#[derive(Debug)]
pub(crate) struct Disk {
    mount_point: TempDir,
    /// The file that contains the file system, if it is in one.
    image: Option<TempFile>,
}

impl Disk {
    /// Mounts a tmpfs of `size` bytes.
    pub(crate) fn tmpfs(size: u64) -> Result<Disk> {
        Disk::mounted(&["-t", "tmpfs", "-o", &format!("size={size}"), "safemap-stress"], None)
    }

    /// Mounts an ext4 file system in a file of `size` bytes.
    pub(crate) fn ext4(size: u64) -> Result<Disk> {
        Disk::ext4_in(&std::env::temp_dir(), size)
    }

    /// Mounts an ext4 file system in a sparse file in `folder`.
    pub(crate) fn ext4_in(folder: &Path, size: u64) -> Result<Disk> {
        let image = TempFile::new_in(folder, b"");
        image.set_len(size);
        make_ext4(image.path())?;
        let path = image.path().display().to_string();
        Disk::mounted(&["-o", "loop", &path], Some(image))
    }

    /// Mounts an ext4 file system on a block device.
    pub(crate) fn ext4_on(device: &Path) -> Result<Disk> {
        make_ext4(device)?;
        Disk::mounted(&[&device.display().to_string()], None)
    }

    fn mounted(arguments: &[&str], image: Option<TempFile>) -> Result<Disk> {
        let disk = Disk { mount_point: tempfile::tempdir()?, image };
        require_mounts("mounting")?;
        disk.mount(arguments)?;
        Ok(disk)
    }

    fn mount(&self, arguments: &[&str]) -> Result<()> {
        run_or_skip(
            Command::new("mount").args(arguments).arg(self.folder()),
            "mounting is not allowed here",
        )
        .map(drop)
    }

    /// Unmounts the file system and mounts it again. Its page cache is empty then.
    pub(crate) fn remount(&self) -> Result<()> {
        run_or_skip(Command::new("umount").arg(self.folder()), "unmounting is not allowed here")?;
        let image = self.image.as_ref().ok_or("a tmpfs does not survive unmounting")?;
        self.mount(&["-o", "loop", &image.path().display().to_string()])
    }

    /// Changes the size of a tmpfs.
    pub(crate) fn set_size(&self, size: u64) -> Result<()> {
        self.mount(&["-o", &format!("remount,size={size}")])
    }

    pub(crate) fn folder(&self) -> &Path {
        self.mount_point.path()
    }

    /// Opens the file that contains the file system.
    pub(crate) fn image(&self) -> Option<File> {
        self.image.as_ref().map(TempFile::open)
    }

    /// Fills the file system.
    pub(crate) fn fill(&self) -> io::Result<Filling> {
        let mut file = NamedTempFile::new_in(self.folder())?;
        // Large blocks first, then what is left.
        for size in [64 << 10, 4096, 512] {
            while has_space(file.write_all(&vec![1; size]))? {}
            // Allocates what was only reserved, or frees it.
            let _ = file.as_file().sync_data();
        }
        Ok(Filling { folder: self.folder().into(), files: vec![file.into_temp_path()] })
    }

    /// Fills the file system except for `count` single blocks that are not adjacent.
    pub(crate) fn fill_except(&self, count: usize) -> io::Result<Filling> {
        let block = || {
            let mut file = NamedTempFile::new_in(self.folder())?;
            file.write_all(&[1; 4096])?;
            file.as_file().sync_all()?;
            Ok(file.into_temp_path())
        };
        let blocks: Vec<TempPath> = (0..2 * count).map(|_| block()).collect::<io::Result<_>>()?;
        let mut filling = self.fill()?;
        filling.files.extend(blocks.into_iter().step_by(2));
        File::open(self.folder())?.sync_all()?;
        Ok(filling)
    }
}

fn has_space(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(false),
        result => result.map(|()| true),
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because a map of a file may still exist after a failed assertion.
        let _ = Command::new("umount").arg("-l").arg(self.folder()).stderr(Stdio::null()).status();
    }
}

/// Files that occupy the space of a disk; deleted when they are dropped.
#[derive(Debug)]
pub(crate) struct Filling {
    folder: PathBuf,
    files: Vec<TempPath>,
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.files.clear();
        // Some file systems reuse blocks only after a sync.
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
    }
}

fn make_ext4(path: &Path) -> Result<()> {
    // Without a journal and lazy initialisation nothing is written in the background.
    let options = ["-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=0"];
    run_or_skip(
        Command::new("mkfs.ext4").args(options).arg(path),
        "an ext4 file system cannot be created",
    )
    .map(drop)
}
