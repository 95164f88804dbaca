//! Scratch: files that a scenario may spoil, and another process that spoils them.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use safemap::{Access, Map, Options};

pub(crate) const PAGE: usize = 4096;

/// A path that nobody uses, in the folder for temporary files; deleted when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A file with these bytes.
    pub(crate) fn file(bytes: &[u8]) -> io::Result<Scratch> {
        Scratch::file_in(&env::temp_dir(), bytes)
    }

    pub(crate) fn file_in(folder: &Path, bytes: &[u8]) -> io::Result<Scratch> {
        let scratch = Scratch::path_in(folder);
        fs::write(&scratch.0, bytes)?;
        Ok(scratch)
    }

    pub(crate) fn folder() -> io::Result<Scratch> {
        let scratch = Scratch::path_in(&env::temp_dir());
        fs::create_dir(&scratch.0)?;
        Ok(scratch)
    }

    fn path_in(folder: &Path) -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        Scratch(folder.join(format!("safemap-stress-{}-{count}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A shared, writable map of the whole file.
    pub(crate) fn map(&self) -> safemap::Result<Map> {
        Options::new().access(Access::Write).open(&self.0)
    }

    /// The file through another descriptor.
    pub(crate) fn handle(&self) -> io::Result<File> {
        File::options().read(true).write(true).open(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The folder for temporary files is cleared by whoever made it; this is politeness.
        let _ = fs::remove_file(&self.0).or_else(|_| fs::remove_dir_all(&self.0));
    }
}

/// Bytes of which no two neighbouring runs are alike.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// This program once more, as another process.
pub(crate) fn myself(words: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("a program knows where it is"));
    command.args(words);
    command
}

/// Another process, which makes a file as long as it is told.
#[derive(Debug)]
pub(crate) struct Cutter {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Cutter {
    pub(crate) fn of(path: &Path) -> io::Result<Cutter> {
        let mut command = myself(&["--cutter"]);
        let mut child = command.arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (orders, answers) = child.stdin.take().zip(child.stdout.take()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Cutter { child, orders, answers: BufReader::new(answers) })
    }

    /// Returns when it is done.
    pub(crate) fn set_len(&mut self, len: usize) -> io::Result<()> {
        writeln!(self.orders, "{len}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer == "done\n" { Ok(()) } else { Err(io::Error::other(format!("the other process says {answer:?}"))) }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The life of that other process.
pub(crate) fn cutter(path: &str) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    for line in io::stdin().lines() {
        let len = line?.parse().map_err(io::Error::other)?;
        file.set_len(len)?;
        println!("done");
    }
    Ok(())
}
