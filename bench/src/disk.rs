//! What the kernel has written to a disk.

use std::{fs, os::unix::fs::MetadataExt, path::Path, thread, time::Duration};

use crate::peers;

/// Of the numbers that the kernel reports.
const SECTOR: f64 = 512.0;

/// The block device that has the files of a folder. Other processes must not write to it.
#[derive(Clone, Debug)]
pub(crate) struct Disk(String);

impl Disk {
    /// Returns `None` if the kernel counts nothing, as for files in memory.
    pub(crate) fn of(folder: &Path) -> Option<Disk> {
        let device = fs::metadata(folder).ok()?.dev();
        let disk = Disk(format!("{} {}", libc::major(device), libc::minor(device)));
        disk.written().map(|_| disk)
    }

    /// Returns how many bytes were written since the start of the system.
    fn written(&self) -> Option<f64> {
        let text = fs::read_to_string("/proc/diskstats").ok()?;
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut lines = text.lines().map(words);
        let line = lines.find(|words| words[..2].join(" ") == self.0)?;
        // Documentation/admin-guide/iostats.rst: the tenth word is the number of sectors written.
        line.get(9)?.parse().ok().map(|sectors: f64| sectors * SECTOR)
    }

    /// Returns how many bytes are written while `work` runs. All that was written before is synced
    /// first.
    pub(crate) fn written_by(&self, work: impl FnOnce()) -> f64 {
        peers::sync();
        thread::sleep(Duration::from_millis(20));
        let before = self.written();
        work();
        let after = self.written();
        after.zip(before).map_or(f64::NAN, |(after, before)| after - before)
    }
}
