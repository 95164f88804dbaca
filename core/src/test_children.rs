//! Child processes that run one test of this program, also with other mounts.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
    process::Command,
};

/// The folder of a child process, whose test does not run otherwise.
pub(crate) const FOLDER: &str = "SAFEMAP_TEST_FILES";

/// Returns a command that runs the test `name` of `module`, the caller's `module_path!()`, by the
/// emulator that runs this process. Its words follow `before`, if that has any.
///
/// As `safemap_testing::test_command`, which cannot be linked here: it contains the crate again.
pub(crate) fn child(before: &[&str], module: &str, name: &str, folder: &Path) -> Command {
    let module = module.split_once("::").expect("the name of the crate").1;
    let name = format!("{module}::{name}");
    let (runner, program) = (env::var("SAFEMAP_TEST_RUNNER"), env::current_exe().unwrap());
    let runner = runner.unwrap_or_default();
    let words = before.iter().copied().chain(runner.split_whitespace()).map(OsString::from);
    let mut words = words.chain([program.into()]);
    let mut command = Command::new(words.next().expect("the last word is the program"));
    command.args(words).args([OsStr::new("--exact"), name.as_ref(), "--nocapture".as_ref()]);
    command.env(FOLDER, folder);
    command
}

/// Runs the test `name` of `module` after `commands` of the shell, where mounts are those of the
/// child. In them `$SAFEMAP_TEST_FILES` is the folder. Skips it if the user may not do that.
#[cfg(target_os = "linux")]
pub(crate) fn succeeds_after(commands: &str, module: &str, name: &str, folder: &Path) {
    const SKIPPED: i32 = 77;
    let script = format!("{{ {commands}; }} || exit {SKIPPED}; exec \"$@\"");
    let shell = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    let Ok(output) = child(&shell, module, name, folder).output() else {
        return println!("skipped: there is no unshare");
    };
    let text = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    let is_skipped = output.status.code() == Some(SKIPPED) || text[1].starts_with("unshare:");
    println!("{}{}", text[0], text[1]);
    assert!(is_skipped || (output.status.success() && text[0].contains("1 passed")));
}
