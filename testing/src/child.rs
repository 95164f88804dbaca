//! Runs a test in a child process, which may be terminated by a signal.

use std::{
    env,
    ffi::OsString,
    process::{Command, Output, exit},
    thread,
};

use crate::can_truncate_mapped;

/// The environment variable that marks a child. Its value is the name of the test.
const CHILD: &str = "SAFEMAP_TEST_CHILD";

/// Runs `body` in a child process and returns how the child ended, and its output.
///
/// The child is the same test binary, which runs the calling test alone. There this function runs
/// `body` and exits with status 0. It must be called on the thread that runs the test.
pub fn output_of_child(body: impl FnOnce()) -> Output {
    let thread = thread::current();
    let test = thread.name().expect("the test harness names its threads after the tests");
    if env::var(CHILD).as_deref() == Ok(test) {
        body();
        exit(0);
    }
    let mut command = test_command();
    command.args(["--exact", test, "--test-threads=1", "--nocapture"]).env(CHILD, test);
    command.output().expect("a test binary can start itself")
}

/// Runs `body` in a child process. Panics with the child's output if it does not exit with 0.
pub fn succeeds_in_child(body: impl FnOnce()) {
    let Output { status, stdout, stderr } = output_of_child(body);
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success(), "the child ended with {status}\n{stdout}{stderr}");
}

/// As [`succeeds_in_child`], for a test that shrinks mapped files. Skipped where that is
/// impossible.
pub fn succeeds_while_truncated(body: impl FnOnce()) {
    if can_truncate_mapped() {
        succeeds_in_child(body);
    } else {
        println!("skipped: a mapped file cannot be truncated here");
    }
}

/// Whether an emulator of single processes runs this test binary.
#[must_use]
pub fn is_emulated() -> bool {
    env::var("SAFEMAP_TEST_RUNNER").is_ok()
}

/// Returns a command that starts this test binary, by the emulator that runs it if there is one.
#[must_use]
pub fn test_command() -> Command {
    let runner = env::var("SAFEMAP_TEST_RUNNER").unwrap_or_default();
    let program = env::current_exe().expect("the test binary has a path");
    let mut words = runner.split_whitespace().map(OsString::from).chain([program.into()]);
    let mut command = Command::new(words.next().expect("the last word is the program"));
    command.args(words);
    command
}
