//! Shows what the crate does: search, shared maps, resize, anonymous memory, and a truncated file.
//!
//! Run it with `cargo run --release --example tour -- [FILE]`.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use safemap::{Access, Error, Map, Options};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// First argument of the child process that [`share`] starts.
const CHILD: &str = "--child";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let mut arguments = env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == CHILD => {
            child(&PathBuf::from(arguments.next().unwrap_or_default()))
        }
        Some(file) => tour(&PathBuf::from(file)),
        None => tour(&large_file()?),
    }
}

/// Returns the largest library of the Rust compiler: about 100 MB, present wherever `cargo` is.
fn large_file() -> io::Result<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    let files = fs::read_dir(Path::new(&sysroot).join("lib")).into_iter().flatten().flatten();
    let largest = files.max_by_key(|file| {
        file.metadata().map_or(0, |data| if data.is_file() { data.len() } else { 0 })
    });
    largest.map_or_else(env::current_exe, |file| Ok(file.path()))
}

fn tour(file: &Path) -> Outcome {
    search(file)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger");
    fs::write(&path, "balance: 0000 EUR\n")?;
    share(&path)?;
    grow(&path)?;
    use_memory()?;
    truncate(&path)
}

/// Counts lines and searches, without reading the file into memory first.
fn search(file: &Path) -> Outcome {
    let map = Map::open(file)?;
    println!("mapped {}: {} bytes", file.display(), map.len());
    let (lines, speed) = timed(map.len(), || count_lines(&map));
    println!("  lines:               {}, {speed}", lines?);
    let needle = ["needle", "haystack"].concat();
    let (found, speed) = timed(map.len(), || map.find(needle.as_bytes(), ..));
    println!("  {needle:?}:    {}, {speed}", position(found?));
    println!("  last newline:        {}", position(map.rfind(b"\n", ..)?));
    Ok(())
}

fn position(found: Option<usize>) -> String {
    found.map_or("not found".into(), |offset| format!("at offset {offset}"))
}

fn count_lines(map: &Map) -> safemap::Result<usize> {
    let (mut lines, mut line, mut count) = (map.lines(), Vec::new(), 0);
    while lines.read_into(&mut line)? {
        count += 1;
    }
    Ok(count)
}

fn timed<T>(bytes: usize, work: impl FnOnce() -> T) -> (T, String) {
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    (result, format!("{:.1} GB/s", bytes as f64 / seconds / 1e9))
}

/// Writes through a shared map, and reads what a child process writes through its own map.
fn share(path: &Path) -> Outcome {
    let map = Options::new().access(Access::Write).open(path)?;
    let mut command = Command::new(env::current_exe()?);
    let mut child =
        command.arg(CHILD).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    map.write_at(b"0042", 9)?;
    child.stdin.take().ok_or("the child has no pipe")?.write_all(b"written\n")?;
    let output = child.wait_with_output()?;
    println!("shared a file with a child process");
    println!(
        "  the parent wrote \"0042\", the child {}",
        String::from_utf8_lossy(&output.stdout).trim_end()
    );
    println!("  the parent read {:?}", String::from_utf8_lossy(&map.to_vec(9..13)?));
    Ok(())
}

fn child(path: &Path) -> Outcome {
    let map = Options::new().access(Access::Write).open(path)?;
    io::stdin().lock().read_line(&mut String::new())?;
    println!("read {:?} and wrote \"1337\"", String::from_utf8_lossy(&map.to_vec(9..13)?));
    map.write_at(b"1337", 9)?;
    Ok(())
}

/// Extends the file. Each step is one system call, and the address of the map does not change.
fn grow(path: &Path) -> Outcome {
    let map = Options::new().access(Access::Write).reserve(1 << 30).open(path)?;
    let start = Instant::now();
    for kib in 1..=1000 {
        map.resize(kib << 10)?;
        map.set(b'.', (kib << 10) - 1)?;
    }
    let microseconds = start.elapsed().as_secs_f64() * 1e3;
    println!(
        "extended the file to {} bytes in 1000 steps: {microseconds:.1} µs per step",
        map.len()
    );
    Ok(())
}

/// Maps memory that belongs to no file.
fn use_memory() -> Outcome {
    let map = Options::new().len(1 << 20).anonymous()?;
    map.store(0x5afe_u32, 4096)?;
    println!(
        "mapped 1 MiB of anonymous memory; the integer at offset 4096 is {:#x}",
        map.load::<u32>(4096)?
    );
    Ok(())
}

/// Truncates the file while it is mapped. A plain memory access would raise SIGBUS here.
fn truncate(path: &Path) -> Outcome {
    let map = Map::open(path)?;
    if let Err(error) = fs::write(path, "short now\n") {
        println!("this system refuses to truncate a mapped file: {error}");
        return Ok(());
    }
    match map.to_vec(..) {
        Err(error @ Error::Fault { .. }) => {
            println!("truncated the mapped file; reading it returned an error:\n  {error}")
        }
        result => return Err(format!("expected a fault, got {result:?}").into()),
    }
    println!("  the map is still usable: {:?}", String::from_utf8_lossy(&map.to_vec(..9)?));
    Ok(())
}
