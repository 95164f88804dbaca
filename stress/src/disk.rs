//! Disks: small file systems that a scenario fills and breaks, in a mount namespace of its own.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::{
    run::{Skipped, may_mount},
    scratch::Scratch,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A mounted file system; unmounted when dropped, or with the last process of the namespace.
#[derive(Debug)]
pub(crate) struct Disk {
    place: Scratch,
    /// The file that the file system lives in; none for tmpfs, and for a block device.
    image: Option<Scratch>,
}

impl Disk {
    /// Memory with so many bytes of room.
    pub(crate) fn tmpfs(room: u64) -> Result<Disk> {
        let place = Scratch::folder()?;
        mount(&["-t", "tmpfs", "-o", &format!("size={room}"), "safemap-stress"], place.path())?;
        Ok(Disk { place, image: None })
    }

    /// An ext4 file system in a file of so many bytes.
    pub(crate) fn ext4(size: u64) -> Result<Disk> {
        Disk::ext4_in(&std::env::temp_dir(), size)
    }

    /// The same with its file in `folder`, where it takes as much room as was written to it.
    pub(crate) fn ext4_in(folder: &Path, size: u64) -> Result<Disk> {
        let image = Scratch::file_in(folder, b"")?;
        image.handle()?.set_len(size)?;
        make_ext4(image.path())?;
        let mut disk = Disk { place: Scratch::folder()?, image: Some(image) };
        disk.mount_again()?;
        Ok(disk)
    }

    /// An ext4 file system on a block device.
    pub(crate) fn ext4_on(device: &Path) -> Result<Disk> {
        make_ext4(device)?;
        let place = Scratch::folder()?;
        mount(&[&device.display().to_string()], place.path())?;
        Ok(Disk { place, image: None })
    }

    /// Mounts what [`Disk::unmount`] took away: nothing of it is in memory then.
    pub(crate) fn mount_again(&mut self) -> Result<()> {
        let image = self.image.as_ref().ok_or("a tmpfs is gone when it is unmounted")?.path().display().to_string();
        mount(&["-o", "loop", &image], self.place.path())
    }

    pub(crate) fn unmount(&mut self) -> Result<()> {
        allowed(Command::new("umount").arg(self.place.path()), "unmounting is not allowed here")
    }

    /// Gives a tmpfs so many bytes of room.
    pub(crate) fn make_room(&self, room: u64) -> Result<()> {
        let options = format!("remount,size={room}");
        allowed(Command::new("mount").args(["-o", &options]).arg(self.place.path()), "remounting is not allowed here")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.place.path()
    }

    /// The file behind it, to break the device with.
    pub(crate) fn image(&self) -> Option<io::Result<File>> {
        self.image.as_ref().map(Scratch::handle)
    }

    /// Fills all the room there is, until the ballast is dropped.
    pub(crate) fn fill(&self) -> io::Result<Ballast> {
        let mut ballast = Ballast(Vec::new());
        let mut file = ballast.file(self.place.path())?;
        // Large pieces first, and then what is left.
        for size in [64 << 10, 4096, 512] {
            while write_all(&mut file, &vec![1; size])? {}
            // Room that was only promised is taken, or given back.
            let _ = file.sync_data();
        }
        Ok(ballast)
    }

    /// Fills all room but `count` single blocks that lie apart.
    pub(crate) fn fill_but_crumbs(&self, count: usize) -> io::Result<Ballast> {
        let mut crumbs = Ballast(Vec::new());
        for _ in 0..2 * count {
            let mut crumb = crumbs.file(self.place.path())?;
            crumb.write_all(&[1; 4096])?;
            crumb.sync_all()?;
        }
        let mut ballast = self.fill()?;
        let (keep, give): (Vec<_>, Vec<_>) = crumbs.0.drain(..).enumerate().partition(|(i, _)| i % 2 == 0);
        ballast.0.extend(keep.into_iter().map(|(_, path)| path));
        drop(Ballast(give.into_iter().map(|(_, path)| path).collect()));
        Ok(ballast)
    }
}

/// Whether there was room for them.
fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<bool> {
    match file.write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(false),
        done => done.map(|()| true),
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a map of a file may still be there, as after a failed assertion.
        let _ = Command::new("umount").arg("-l").arg(self.place.path()).stderr(Stdio::null()).status();
    }
}

/// Files that take the room of a disk.
#[derive(Debug)]
pub(crate) struct Ballast(Vec<PathBuf>);

impl Ballast {
    fn file(&mut self, folder: &Path) -> io::Result<File> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let path = folder.join(format!("ballast-{}", COUNT.fetch_add(1, Relaxed)));
        let file = File::create(&path)?;
        self.0.push(path);
        Ok(file)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| drop(std::fs::remove_file(path)));
        // Some file systems hand room out again only after they wrote down that it is free.
        let folder = self.0.first().and_then(|path| path.parent());
        let _ = folder.and_then(|folder| File::open(folder).ok()).map(|folder| folder.sync_all());
    }
}

fn make_ext4(place: &Path) -> Result<()> {
    // Without a journal nothing else is written at its own time.
    let options = ["-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=0"];
    allowed(Command::new("mkfs.ext4").args(options).arg(place), "no ext4 file system can be made")
}

fn mount(words: &[&str], place: &Path) -> Result<()> {
    if !may_mount() {
        return Err(Skipped::because("mounting is not allowed here"));
    }
    allowed(Command::new("mount").args(words).arg(place), "mounting is not allowed here")
}

/// Runs what the machine may refuse.
pub(crate) fn allowed(command: &mut Command, otherwise: &str) -> Result<()> {
    let done = command.stdin(Stdio::null()).output();
    let said = done.map_err(|error| Skipped::because(format!("{otherwise}: {error}")))?;
    if said.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&said.stderr);
    Err(Skipped::because(format!("{otherwise}: {}", text.lines().next().unwrap_or("no reason given"))))
}
