//! What safemap is for, in a few lines that one can run: `cargo run --release --example tour -- [FILE]`.
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

/// First argument of the second process that [`share`] starts.
const OTHER: &str = "--the-other-process";

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
        Some(first) if first == OTHER => the_other_process(&PathBuf::from(arguments.next().unwrap_or_default())),
        Some(file) => tour(&PathBuf::from(file)),
        None => tour(&a_large_file()?),
    }
}

/// The compiler's library: everybody who can run this has one, of a hundred megabytes or so.
fn a_large_file() -> io::Result<PathBuf> {
    let asked = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = asked.map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned()).unwrap_or_default();
    let files = fs::read_dir(Path::new(&sysroot).join("lib")).into_iter().flatten().flatten();
    let largest =
        files.max_by_key(|file| file.metadata().map_or(0, |data| if data.is_file() { data.len() } else { 0 }));
    largest.map_or_else(env::current_exe, |file| Ok(file.path()))
}

fn tour(file: &Path) -> Outcome {
    search(file)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger");
    fs::write(&path, "balance: 0000 EUR\n")?;
    share(&path)?;
    grow(&path)?;
    memory()?;
    survive(&path)
}

/// Search and line count, straight on the mapping.
fn search(file: &Path) -> Outcome {
    let map = Map::open(file)?;
    println!("{} has {} bytes.", file.display(), map.len());
    let (lines, speed) = timed(map.len(), || count_lines(&map));
    println!("  lines     {}, {speed}", lines?);
    let needle = ["needle", "haystack"].concat();
    let (found, speed) = timed(map.len(), || map.find(needle.as_bytes(), ..));
    let place = found?.map_or("nowhere".into(), |at| format!("at {at}"));
    println!("  search    {needle:?} is {place}, {speed}");
    let last = map.rfind(b"\n", ..)?;
    println!("  backwards the last newline is at {}", last.map_or("no place".into(), |at| at.to_string()));
    Ok(())
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

/// An edit through a shared map, seen and answered by another process.
fn share(path: &Path) -> Outcome {
    let map = Options::new().access(Access::Write).open(path)?;
    let mut child =
        Command::new(env::current_exe()?).arg(OTHER).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    map.write_at(b"0042", 9)?;
    child.stdin.take().ok_or("no pipe")?.write_all(b"look\n")?;
    let seen = child.wait_with_output()?;
    println!("Another process {}", String::from_utf8_lossy(&seen.stdout).trim_end());
    println!("  and what it wrote is here: {:?}", String::from_utf8_lossy(&map.to_vec(9..13)?));
    Ok(())
}

fn the_other_process(path: &Path) -> Outcome {
    let map = Options::new().access(Access::Write).open(path)?;
    io::stdin().lock().read_line(&mut String::new())?;
    println!("reads {:?} in the map that both share,", String::from_utf8_lossy(&map.to_vec(9..13)?));
    map.write_at(b"1337", 9)?;
    Ok(())
}

/// Growing: one system call, and the address stays.
fn grow(path: &Path) -> Outcome {
    let map = Options::new().access(Access::Write).reserve(1 << 30).open(path)?;
    let start = Instant::now();
    for kib in 1..=1000 {
        map.resize(kib << 10)?;
        map.set((kib << 10) - 1, b'.')?;
    }
    println!("The file grew to {} bytes in 1000 steps, {:.1} µs each.", map.len(), start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

/// Memory without a file.
fn memory() -> Outcome {
    let map = Options::new().len(1 << 20).anonymous()?;
    map.store(4096, 0x5afe_u32)?;
    println!("A mebibyte of anonymous memory holds {:#x} at 4096.", map.load::<u32>(4096)?);
    Ok(())
}

/// Somebody cuts the file under the map. Elsewhere this is the end of the process.
fn survive(path: &Path) -> Outcome {
    let map = Map::open(path)?;
    if let Err(refused) = fs::write(path, "short now\n") {
        println!("Nobody cuts the file under the map here: {refused}.");
        return Ok(());
    }
    match map.to_vec(..) {
        Err(error @ Error::Fault { .. }) => println!("The file was cut under the map: {error}."),
        other => return Err(format!("expected a fault, got {other:?}").into()),
    }
    println!("  The program goes on, and so does the map: {:?}.", String::from_utf8_lossy(&map.to_vec(..9)?));
    Ok(())
}
