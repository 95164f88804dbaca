//! Temporary files, which tests truncate while they are mapped.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use safemap::{Access, Map, Options};
use tempfile::{NamedTempFile, TempPath};

/// A file that is deleted when it is dropped. No descriptor of it is kept open.
#[derive(Debug)]
pub struct TempFile(TempPath);

impl TempFile {
    /// Creates a file with these bytes in the directory for temporary files.
    #[must_use]
    pub fn new(bytes: &[u8]) -> TempFile {
        TempFile::filled(NamedTempFile::new(), |file| file.write_all(bytes))
    }

    /// Creates a file with these bytes in `folder`.
    #[must_use]
    pub fn new_in(folder: &Path, bytes: &[u8]) -> TempFile {
        TempFile::filled(NamedTempFile::new_in(folder), |file| file.write_all(bytes))
    }

    /// Creates a file of `len` bytes without data blocks. It reads as zeros.
    #[must_use]
    pub fn sparse(len: u64) -> TempFile {
        TempFile::filled(NamedTempFile::new(), |file| file.set_len(len))
    }

    /// Creates a file of `len` bytes that repeats `block`, and writes it to the disk.
    #[must_use]
    pub fn repeated(block: &[u8], len: usize) -> TempFile {
        TempFile::filled(NamedTempFile::new(), |file| {
            for at in (0..len).step_by(block.len()) {
                file.write_all(&block[..block.len().min(len - at)])?;
            }
            file.sync_all()
        })
    }

    fn filled(
        file: std::io::Result<NamedTempFile>,
        fill: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> TempFile {
        let mut file = file.expect("create a temporary file");
        fill(file.as_file_mut()).expect("write a temporary file");
        TempFile(file.into_temp_path())
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the file for reading and writing.
    #[must_use]
    pub fn open(&self) -> File {
        File::options().read(true).write(true).open(&self.0).expect("open a temporary file")
    }

    /// Maps the whole file, shared and writable.
    #[must_use]
    pub fn map(&self) -> Map {
        Options::new().access(Access::Write).open(&self.0).expect("map a temporary file")
    }

    /// Returns the content of the file.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        fs::read(&self.0).expect("read a temporary file")
    }

    /// Returns the length of the file.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        fs::metadata(&self.0).expect("query a temporary file").len()
    }

    /// Changes the length of the file through another descriptor, as another process would.
    #[cfg(unix)]
    pub fn set_len(&self, len: u64) {
        self.open().set_len(len).expect("resize a temporary file");
    }

    /// Changes the length of the file, also while it is mapped.
    ///
    /// Windows refuses that. Under Wine the host's `truncate` does it. Wine starts programs of the
    /// host without reporting their end, so this polls the length.
    #[cfg(windows)]
    pub fn set_len(&self, len: u64) {
        let Some(drive) = std::env::var_os(DRIVE_C) else {
            return self.open().set_len(len).expect("resize a temporary file");
        };
        let name = self.0.to_str().expect("the path is Unicode").replace('\\', "/");
        let rest = name.strip_prefix("C:").expect("temporary files are on drive C");
        let path = drive.into_string().expect("the path is Unicode") + rest;
        let _ = std::process::Command::new("/usr/bin/truncate")
            .args(["-s", &len.to_string(), &path])
            .status();
        while self.file_len() != len {
            std::thread::yield_now();
        }
    }
}

/// The environment variable with the path of Wine's drive C on the host.
const DRIVE_C: &str = "SAFEMAP_DRIVE_C";

/// Returns whether [`TempFile::set_len`] can shrink a file while it is mapped.
#[must_use]
pub fn can_truncate_mapped() -> bool {
    cfg!(unix) || std::env::var_os(DRIVE_C).is_some()
}
