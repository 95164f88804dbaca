//! What the tests share: files that vanish, and children that may die.
#![allow(dead_code)] // Each test binary takes what it needs.

use std::{env, ffi::OsString, fs::File, io::Write, process::Command};

use safemap::{Access, Map, Options, page_size};
use tempfile::NamedTempFile;

/// A page, or several where a processor knows larger ones: what the largest have in common.
pub(crate) const PAGE: usize = if cfg!(target_arch = "aarch64") { 65_536 } else { 4096 };

/// A file with these bytes, deleted when dropped.
pub(crate) fn file_with(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for the test's bytes");
    file
}

/// Bytes of which no two neighbouring runs are alike.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// A shared, writable map of the whole file.
pub(crate) fn writable(file: &NamedTempFile) -> Map {
    Options::new().access(Access::Write).open(file.path()).expect("a map of the test's file")
}

/// Grows a map of less than a page by one page 2000 times: it moves no more often than one that doubles, and keeps its bytes.
pub(crate) fn grow_by_pages(map: &Map) {
    let page = page_size();
    let mut places = vec![map.as_ptr()];
    for step in 1..=2000 {
        map.resize(step * page).unwrap();
        map.set(step * page - 1, step as u8).unwrap();
        if map.as_ptr() != *places.last().unwrap() {
            places.push(map.as_ptr());
        }
    }
    assert!(places.len() <= 12, "was at {} places", places.len());
    assert!((1..=2000).all(|step| map.get(step * page - 1).unwrap() == step as u8));
}

/// The same file through another descriptor, for doing what other processes do.
pub(crate) fn other_handle(file: &NamedTempFile) -> File {
    File::options().read(true).write(true).open(file.path()).expect("the file is there")
}

/// Whether a file can be cut, as by another process, while it is mapped.
pub(crate) fn cuts() -> bool {
    cfg!(unix) || env::var_os(HOST).is_some()
}

/// Where Wine's drive C lies on the host, as the chore says that runs these tests.
const HOST: &str = "SAFEMAP_DRIVE_C";

/// Makes the file `len` bytes long, as another process does.
#[cfg(unix)]
pub(crate) fn cut(file: &NamedTempFile, len: u64) {
    other_handle(file).set_len(len).expect("a file may have that length");
}

/// The same, which Windows refuses while the file is mapped. So the host does it, whose programs Wine starts without telling
/// how they end.
#[cfg(windows)]
pub(crate) fn cut(file: &NamedTempFile, len: u64) {
    let name = file.path().to_str().expect("a name of letters").replace('\\', "/");
    let drive = env::var(HOST).expect("tests that cut files ask before");
    let path = name.strip_prefix("C:").map(|rest| drive + rest).expect("temporary files are on drive C");
    let _ = Command::new("/usr/bin/truncate").args(["-s", &len.to_string(), &path]).status();
    while file.path().metadata().expect("the file is there").len() != len {
        std::thread::yield_now();
    }
}

/// Runs the rest of the test `name` in a child process, which may die; the parent returns how it ended.
///
/// `None` means: this is the child.
pub(crate) fn in_child(name: &str) -> Option<std::process::Output> {
    const MARK: &str = "SAFEMAP_TEST_CHILD";
    if env::var(MARK).as_deref() == Ok(name) {
        return None;
    }
    let words = this_program();
    let arguments = ["--exact", name, "--test-threads=1", "--nocapture"];
    let child = Command::new(&words[0]).args(&words[1..]).args(arguments).env(MARK, name).output();
    Some(child.expect("a test binary can run itself"))
}

/// What is typed to run this test binary: its path, behind the words of `SAFEMAP_TEST_RUNNER` if an emulator runs it.
pub(crate) fn this_program() -> Vec<OsString> {
    let runner = env::var("SAFEMAP_TEST_RUNNER").unwrap_or_default();
    let exe = env::current_exe().expect("tests are files");
    runner.split_whitespace().map(OsString::from).chain([exe.into()]).collect()
}

/// Runs `body` in a child process and fails with its output unless it ends well.
pub(crate) fn survives(name: &str, body: impl FnOnce()) {
    match in_child(name) {
        None => body(),
        Some(child) => assert!(
            child.status.success(),
            "{name}: the child ended with {}\n{}{}",
            child.status,
            String::from_utf8_lossy(&child.stdout),
            String::from_utf8_lossy(&child.stderr)
        ),
    }
}
