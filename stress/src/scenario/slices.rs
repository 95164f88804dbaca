//! A hostile process truncates, overwrites and replaces files, and punches holes into them, while
//! threads and forked children hash slices of them. A slice never has another hash, and no process
//! is terminated.

use std::{
    fs::{self, File},
    io::Write,
    os::{fd::AsRawFd, unix::fs::FileExt},
    process::{self, Child},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use safemap::{Access, Advice, Backing, Error, FileBytes, Map, Options, Snapshot};
use safemap_testing::{Stop, TempFile, memfd::memory_file, pattern, process::Fork};

use crate::{
    process::this_program,
    raw::mapped_slice,
    report::{Report, Result, Settings},
};

/// A copy on the heap, and one in pages.
const SMALL: usize = 300_000;
const LARGE: usize = 34 << 20;
/// How often each slice is hashed.
const TIMES: usize = 20;

/// What threads and children share.
struct Shared {
    small: TempFile,
    large: TempFile,
    /// Slices, with their hashes before the hostile process began.
    slices: Vec<(FileBytes, u64)>,
    /// A snapshot of the large file, and the hashes of its pieces that are ready.
    snapshot: Snapshot,
    stop: Stop,
    hashed: AtomicUsize,
}

pub(crate) fn run(settings: &Settings) -> Result {
    let (small, large) = (TempFile::new(&pattern(SMALL)), TempFile::new(&pattern(LARGE)));
    let (sealed, memory) = sealed()?;
    let slices = [FileBytes::open(small.path())?, FileBytes::open(large.path())?, sealed];
    let backings = [Backing::Heap, Backing::Pages, Backing::Sealed];
    assert_eq!(slices.each_ref().map(FileBytes::backing), backings);
    let slices = slices.into_iter().map(|slice| (slice.clone(), hash(&slice))).collect();
    let snapshot = Snapshot::open(large.path())?;
    let (stop, hashed) = (Stop::default(), AtomicUsize::new(0));
    let shared = &Shared { small, large, slices, snapshot, stop, hashed };
    let mut hostile = Hostile::start(shared, &memory)?;
    let children = thread::scope(|scope| {
        let works: [fn(&Shared, &Settings) -> safemap::Result<()>; 4] =
            [hash_copies, hash_shared, hash_snapshots, hash_scratch];
        for work in works {
            scope.spawn(move || {
                let _stop = shared.stop.set_on_panic();
                while !shared.stop.is_set() {
                    match work(shared, settings) {
                        Ok(()) | Err(Error::Fault { .. } | Error::Os { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        let _stop = shared.stop.set_on_drop();
        fork_children(shared, Instant::now() + settings.time(3000, 60_000))
    })?;
    let rounds = hostile.stop()?;
    let note = format!("{} hashes, {children} children", shared.hashed.load(SeqCst));
    Ok(Report::new(rounds, "changes by a hostile process").note(note))
}

/// Returns the bytes of a memory file that is sealed, and the file.
fn sealed() -> Result<(FileBytes, File)> {
    let file = memory_file(false)?;
    file.write_all_at(&pattern(SMALL), 0)?;
    let map = Options::new().access(Access::Write).map(&file)?;
    Ok((map.seal().map_err(|(error, _)| error)?, file))
}

impl Shared {
    /// Hashes a slice again and again.
    fn check(&self, slice: &[u8]) {
        let first = hash(slice);
        let times = if slice.len() > SMALL { TIMES / 5 } else { TIMES };
        for _ in 0..times {
            assert_eq!(hash(slice), first, "a slice has changed");
            self.hashed.fetch_add(1, SeqCst);
        }
    }

    fn are_same(&self) -> bool {
        self.slices.iter().all(|(slice, expected)| hash(slice) == *expected)
    }
}

/// New copies. For the control: slices of mapped memory.
fn hash_copies(shared: &Shared, settings: &Settings) -> safemap::Result<()> {
    if settings.control {
        let map = Map::open(shared.small.path())?;
        shared.check(mapped_slice(&map));
        return Ok(());
    }
    shared.check(&FileBytes::open(shared.small.path())?);
    let large = FileBytes::open(shared.large.path())?;
    shared.check(&large.slice(large.len() / 2..)?);
    Ok(())
}

/// Slices of before.
fn hash_shared(shared: &Shared, _: &Settings) -> safemap::Result<()> {
    assert!(shared.are_same(), "a slice has changed");
    shared.hashed.fetch_add(shared.slices.len(), SeqCst);
    Ok(())
}

/// Parts of snapshots: of a new one, and of one that all threads and children use.
fn hash_snapshots(shared: &Shared, _: &Settings) -> safemap::Result<()> {
    let (mut random, mut new) = (Rng::new(), Snapshot::open(shared.small.path())?);
    for _ in 0..10 {
        let ours = random_range(&mut random, new.len());
        shared.check(new.get(ours.clone())?);
        let view = new.slice(ours)?;
        shared.check(&view);
        if let Ok(bytes) = shared.snapshot.get(random_range(&mut random, LARGE)) {
            shared.check(bytes);
        }
    }
    new.forget(..)
}

/// Copies for the time of a call.
fn hash_scratch(shared: &Shared, _: &Settings) -> safemap::Result<()> {
    let map = Map::open(shared.small.path())?;
    map.with_slice(.., |bytes| shared.check(bytes))?;
    let mut chunks = map.chunks(1 << 16);
    while let Some(chunk) = chunks.next_chunk()? {
        shared.check(chunk);
    }
    Ok(())
}

fn random_range(random: &mut Rng, len: usize) -> std::ops::Range<usize> {
    let start = random.usize(..=len);
    start..(start + random.usize(..200_000)).min(len)
}

/// Forks children that hash the slices, and parts of the snapshot twice. Returns their number.
fn fork_children(shared: &Shared, end: Instant) -> Result<usize> {
    let mut count = 0;
    while Instant::now() < end && !shared.stop.is_set() {
        let child = Fork::run(|| {
            let mut random = Rng::with_seed(count);
            let parts_are_same = (0..50).all(|_| {
                let range = random_range(&mut random, LARGE);
                let part = || shared.snapshot.get(range.clone()).ok();
                part().is_none_or(|first| part().is_some_and(|again| hash(again) == hash(first)))
            });
            i32::from(!(shared.are_same() && parts_are_same))
        })?;
        let status = child.wait_timeout(Duration::from_secs(60))?.ok_or("a child hangs")?;
        assert_eq!(status.code(), Some(0), "child {count} ended with {status}");
        count += 1;
    }
    Ok(count as usize)
}

fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let words = words.iter().copied().map(u64::from_le_bytes);
    let all = words.chain(rest.iter().copied().map(u64::from));
    all.fold(bytes.len() as u64, |sum, word| {
        (sum ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(5)
    })
}

/// The process that changes the files.
struct Hostile {
    child: Child,
    log: TempFile,
}

impl Hostile {
    fn start(shared: &Shared, memory: &File) -> Result<Hostile> {
        let log = TempFile::new(b"");
        let memory = format!("/proc/{}/fd/{}", process::id(), memory.as_raw_fd());
        let paths = [shared.small.path(), shared.large.path(), log.path()];
        let mut command = this_program(&["--hostile"]);
        let child = command.args(paths).arg(memory).spawn()?;
        Ok(Hostile { child, log })
    }

    /// Ends the process. Returns how often it has changed a file.
    fn stop(&mut self) -> Result<usize> {
        assert_eq!(self.child.try_wait()?, None, "the hostile process has ended");
        self.child.kill()?;
        Ok(fs::metadata(self.log.path())?.len() as usize)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Changes files until it is killed. Appends a byte to the log for each change.
pub(crate) fn attack(small: &str, large: &str, log: &str, memory: &str) -> Result<()> {
    let (mut random, mut log) = (Rng::new(), File::options().append(true).open(log)?);
    loop {
        for (path, len) in [(small, SMALL), (large, LARGE), (memory, SMALL)] {
            // Some changes are refused: all those of the sealed file.
            let _ = change(&mut random, path, len);
            log.write_all(b".")?;
        }
    }
}

fn change(random: &mut Rng, path: &str, len: usize) -> Result<()> {
    let at = random.usize(..len);
    let bytes = vec![random.u8(..); random.usize(..100_000)];
    let open = || File::options().write(true).read(true).open(path);
    match random.u8(..6) {
        0 => open()?.set_len(at as u64)?,
        1 => open()?.write_all_at(&vec![random.u8(..); len], 0)?,
        2 => open()?.write_all_at(&bytes, at as u64)?,
        3 => {
            let map = Options::new().access(Access::Write).map(open()?)?;
            map.advise(Advice::Remove, at.min(map.len())..)?;
        }
        4 => {
            let map = Options::new().access(Access::Write).map(open()?)?;
            map.fill(random.u8(..), at.min(map.len())..)?;
        }
        _ => replace(path, &bytes)?,
    }
    Ok(())
}

/// Another file takes the place of the file.
fn replace(path: &str, bytes: &[u8]) -> Result<()> {
    let other = format!("{path}.new");
    fs::write(&other, bytes)?;
    fs::rename(other, path)?;
    Ok(())
}
