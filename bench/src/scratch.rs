//! Scratch: files to measure on, and the page cache under them.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::peers;

/// A path that nobody uses, in the folder for temporary files; deleted when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn path_only() -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        Scratch(env::temp_dir().join(format!("safemap-bench-{}-{count}", std::process::id())))
    }

    /// A file with these bytes.
    pub(crate) fn file(bytes: &[u8]) -> io::Result<Scratch> {
        Scratch::repeated(bytes, bytes.len())
    }

    /// A file of `len` bytes: `block` over and over. In the page cache, and on the disk.
    pub(crate) fn repeated(block: &[u8], len: usize) -> io::Result<Scratch> {
        let scratch = Scratch::path_only();
        let mut file = File::create(&scratch.0)?;
        for at in (0..len).step_by(block.len()) {
            file.write_all(&block[..block.len().min(len - at)])?;
        }
        file.sync_all()?;
        Ok(scratch)
    }

    /// A file of `len` bytes that are all a hole.
    pub(crate) fn sparse(len: usize) -> io::Result<Scratch> {
        let scratch = Scratch::path_only();
        File::create(&scratch.0)?.set_len(len as u64)?;
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The file, to read and write.
    pub(crate) fn handle(&self) -> io::Result<File> {
        File::options().read(true).write(true).open(&self.0)
    }

    /// Takes the file out of the page cache; whether that worked.
    pub(crate) fn cool(&self) -> bool {
        self.handle().and_then(|file| peers::cool(&file)).unwrap_or(false)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
