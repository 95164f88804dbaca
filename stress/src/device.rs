//! Devices: a block device of memory that fails on demand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::run::{Skipped, may_mount};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const CONTROL: &str = "/sys/class/zram-control";

/// Compressed memory as a block device (zram), which answers a write beyond its limit with an error; removed when dropped.
#[derive(Debug)]
pub(crate) struct Device {
    number: String,
    path: PathBuf,
}

impl Device {
    /// A device of so many bytes, without a limit.
    pub(crate) fn compressed(size: u64) -> Result<Device> {
        let otherwise = |_| Skipped::because("no device of compressed memory can be made (zram)");
        if !may_mount() {
            return Err(Skipped::because("making devices is not allowed here"));
        }
        let number = fs::read_to_string(format!("{CONTROL}/hot_add")).map_err(otherwise)?.trim().to_string();
        let device = Device { path: PathBuf::from(format!("/dev/zram{number}")), number };
        device.set("disksize", size).map_err(otherwise)?;
        Ok(device)
    }

    /// Has every write fail for which more memory would be needed than this.
    pub(crate) fn limit(&self, bytes: u64) -> Result<()> {
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
        // A file system on it is unmounted by now, or lazily unmounted with a map still there: then it stays, which nobody
        // can help.
        let _ = self.set("reset", 1);
        let _ = fs::write(format!("{CONTROL}/hot_remove"), &self.number);
    }
}
