//! Commands that this program runs.

use std::{
    env,
    process::{Command, Stdio},
};

use crate::report::{Result, Skipped};

/// Returns a command that starts this program with `arguments`.
pub(crate) fn this_program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("the program has a path"));
    command.args(arguments);
    command
}

/// Runs a command and returns its output. If it fails, the scenario is skipped because of `reason`.
pub(crate) fn run_or_skip(command: &mut Command, reason: &str) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Skipped::because(format!("{reason}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Skipped::because(format!("{reason}: {}", text.lines().next().unwrap_or("no message"))))
}
