//! How long does it take to open a file, map it, read a byte, and close both?

use std::{fs::File, os::unix::fs::FileExt};

use super::*;

pub(super) fn time(run: &Run) -> Outcome {
    for size in [4 * KIB, MIB] {
        let file = TempFile::new(&vec![1; size]);
        let path = file.path();
        Row::new(sized(size))
            .time("safemap", || ours(path))
            .time("memmap2", || theirs(path))
            .time("pread", || read(path))
            .aim("memmap2", 1.05)
            .done(run);
    }
    Ok(())
}

fn ours(path: &Path) -> u8 {
    open(path).get(black_box(0)).expect(IN_BOUNDS)
}

fn theirs(path: &Path) -> u8 {
    peers::map(&File::open(path).expect("open a file"))[black_box(0)]
}

fn read(path: &Path) -> u8 {
    let mut bytes = [0; 64];
    File::open(path).and_then(|file| file.read_exact_at(&mut bytes, 0)).expect("read a file");
    bytes[0]
}

pub(super) fn system_calls(run: &Run) -> Outcome {
    let name = "system calls for each map";
    if !installed("strace", name) {
        return Ok(());
    }
    let file = TempFile::new(&vec![1; 4 * KIB]);
    let path = file.path();
    Row::new(name)
        .unit("calls")
        .rounds(1)
        .known("safemap", calls_per_map("safemap", path))
        .known("memmap2", calls_per_map("memmap2", path))
        .known("the least", 5.0)
        .aim("memmap2", 1.0)
        .done(run);
    Ok(())
}

fn calls_per_map(contender: &str, path: &Path) -> f64 {
    let [few, many] =
        ["100", "1100"].map(|times| traced(contender, times, path).unwrap_or(f64::NAN));
    (many - few) / 1000.0
}

/// The number of system calls of a process that runs [`repeat`].
fn traced(contender: &str, times: &str, path: &Path) -> Option<f64> {
    let log = TempFile::new(b"");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(log.path()).arg(env::current_exe().ok()?);
    let status = strace.args(["--open", contender, times]).arg(path).status().ok()?;
    let text = status.success().then(|| fs::read(log.path()).ok())??;
    Some(text.iter().filter(|&&byte| byte == b'\n').count() as f64)
}

/// Opens and closes a map that many times.
pub(crate) fn repeat(contender: &str, times: &str, path: &str) -> Outcome {
    let once = if contender == "safemap" { ours } else { theirs };
    for _ in 0..times.parse()? {
        once(Path::new(path));
    }
    Ok(())
}
