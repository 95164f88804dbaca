//! A block device in memory that fails on demand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::report::{Result, Skipped, require_mounts};

const CONTROL: &str = "/sys/class/zram-control";

/// A block device of compressed memory (zram). A write beyond its memory limit is an error. The
/// device is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Device {
    number: String,
    path: PathBuf,
}

impl Device {
    /// Creates a device of `size` bytes without a memory limit.
    pub(crate) fn new(size: u64) -> Result<Device> {
        let unavailable = |_| Skipped::because("zram devices cannot be created here");
        require_mounts("creating devices")?;
        let number = fs::read_to_string(format!("{CONTROL}/hot_add"))
            .map_err(unavailable)?
            .trim()
            .to_string();
        let device = Device { path: PathBuf::from(format!("/dev/zram{number}")), number };
        device.set("disksize", size).map_err(unavailable)?;
        Ok(device)
    }

    /// Limits the memory. Writes that need more fail.
    pub(crate) fn limit_memory(&self, bytes: u64) -> Result<()> {
        Ok(self.set("mem_limit", bytes)?)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn set(&self, name: &str, value: u64) -> std::io::Result<()> {
        fs::write(format!("/sys/block/zram{}/{name}", self.number), value.to_string())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // This fails if a map still uses a file system on the device. The device stays then.
        let _ = self.set("reset", 1);
        let _ = fs::write(format!("{CONTROL}/hot_remove"), &self.number);
    }
}
