//! Another process that changes the length of a file on request.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use crate::{process::this_program, report::Result};

/// The process; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Resizer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Resizer {
    pub(crate) fn start(path: &Path) -> io::Result<Resizer> {
        let mut command = this_program(&["--resizer"]);
        let mut child = command.arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (requests, answers) = child.stdin.take().zip(child.stdout.take()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Resizer { child, requests, answers: BufReader::new(answers) })
    }

    /// Changes the length of the file and waits until it is done.
    pub(crate) fn set_len(&mut self, len: usize) -> Result<()> {
        writeln!(self.requests, "{len}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer == "done\n" { Ok(()) } else { Err(format!("the other process answered {answer:?}").into()) }
    }
}

impl Drop for Resizer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The main function of that process.
pub(crate) fn main(path: &str) -> Result<()> {
    let file = File::options().write(true).open(path)?;
    for line in io::stdin().lines() {
        file.set_len(line?.parse()?)?;
        println!("done");
    }
    Ok(())
}
