//! System calls that a sandbox forbids (seccomp filters). The results are those without a filter,
//! or the error that the filter returns.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]
#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    time::Duration,
};

use libc::{
    ENOSYS, EPERM, F_SEAL_SHRINK, F_SEAL_WRITE, SYS_brk, SYS_exit_group, SYS_mmap,
    SYS_rt_sigreturn, SYS_write, c_long,
};
use safemap::{Access, Advice, Backing, Error, FileBytes, Map, Options, Protection, Result};
use safemap_testing::{
    PAGE, TempFile,
    memfd::{add_seals, memory_file},
    pattern,
    process::Fork,
    seccomp::{Forbidden, allow_only, filters_exist, forbid, forbid_shared_mappings},
    succeeds_in_child,
};

macro_rules! calls {
    ($($name:ident)*) => { [$((stringify!($name), libc::$name)),*] };
}

/// Calls that the library makes. Those that C libraries and Rust need in any case are absent.
const CALLS: [(&str, c_long); 28] = calls![
    SYS_close SYS_fallocate SYS_fcntl SYS_fstat SYS_fstatfs SYS_fsync SYS_ftruncate SYS_ioctl
    SYS_madvise SYS_mincore SYS_mlock SYS_mmap SYS_mprotect SYS_msync SYS_munlock SYS_munmap
    SYS_newfstatat SYS_openat SYS_prctl SYS_prlimit64 SYS_process_vm_readv SYS_process_vm_writev
    SYS_pwrite64 SYS_rt_sigaction SYS_rt_sigpending SYS_rt_sigprocmask SYS_rt_sigtimedwait SYS_statx
];

/// One of four maps: of a file, also with repair or private, and of memory.
fn map(which: usize, file: &File) -> Result<Map> {
    let mut options = Options::new();
    match which {
        0 => options.access(Access::Write).map(file),
        1 => options.access(Access::Write).repair(true).map(file),
        2 => options.access(Access::Copy).map(file),
        _ => options.len(9 * PAGE).anonymous(),
    }
}

/// The number of results for each map.
const STEPS: usize = 19;

/// Uses each part of the library that calls the system.
fn use_map(map: &Map) -> Vec<Result<()>> {
    let len = map.len();
    vec![
        map.flush(),
        map.sync_all(),
        map.verify(),
        map.file_len().map(drop),
        map.residency(..).map(drop),
        map.lock(8 * PAGE..9 * PAGE),
        map.unlock(8 * PAGE..9 * PAGE),
        map.protect(Protection::READ | Protection::WRITE, ..),
        map.advise(Advice::WillNeed, ..),
        map.advise(Advice::Remove, ..PAGE),
        map.advise(Advice::DontFork, ..),
        map.resize(len + 5 * PAGE),
        map.resize(1000 * PAGE),
        map.append(&[3; 3 * PAGE]).map(drop),
        map.resize(len),
        map.restore(),
        map.fill(2, 5..),
        map.compare(&[2; 100], 5).map(drop),
    ]
}

/// The last result is that of an access behind the end of the file.
fn use_and_cut(map: &Map, file: &File) -> Vec<Result<()>> {
    let mut results = use_map(map);
    let cut = file.set_len(PAGE as u64).map_err(|source| Error::Os { call: "set_len", source });
    results.push(cut.and_then(|()| map.get(8 * PAGE)).map(drop));
    results
}

/// What happens to each map, one after the other. It needs a new process, because a filter
/// stays. The maps are older than the filter if `early` is set.
fn results(early: bool, forbid: impl Fn()) -> Vec<Vec<Result<()>>> {
    let files: Vec<_> = (0..4).map(|_| memory_file(false).unwrap()).collect();
    files.iter().for_each(|file| file.set_len(9 * PAGE as u64).unwrap());
    let make = || files.iter().enumerate().map(|(i, file)| map(i, file)).collect();
    let older: Option<Vec<Result<Map>>> = early.then(make);
    forbid();
    let maps = older.unwrap_or_else(make).into_iter().zip(&files);
    maps.map(|(map, file)| match map {
        Ok(map) => use_and_cut(&map, file),
        Err(error) => vec![Err(error)],
    })
    .collect()
}

/// musl's `mmap` of anonymous memory reports EPERM as ENOMEM.
fn is_error(found: i32, expected: i32) -> bool {
    found == expected || (cfg!(target_env = "musl") && found == libc::ENOMEM && expected == EPERM)
}

/// Returns in a child's results the steps whose result is neither the expected one nor the error of
/// the filter.
fn unexpected(found: &[Vec<Result<()>>], expected: &str, number: i32) -> Vec<String> {
    let mut expected = expected.split('\n');
    let mut unexpected = Vec::new();
    for (map, results) in found.iter().enumerate() {
        for step in 0..STEPS {
            let expected = expected.next().unwrap();
            let Some(result) = results.get(step) else { continue };
            let is_refused = matches!(result, Err(Error::Os { source, .. })
                if source.raw_os_error().is_some_and(|found| is_error(found, number)));
            if !is_refused && format!("{result:?}") != expected {
                unexpected.push(format!("{map} {step} {result:?} {expected}"));
            }
        }
    }
    unexpected
}

#[test]
fn calls_that_a_sandbox_forbids_are_errors() {
    succeeds_in_child(|| {
        if !filters_exist() {
            return println!("skipped: this system has no filters");
        }
        let expected = results_without_filter();
        for (name, call) in CALLS {
            let errors = [EPERM, ENOSYS].into_iter();
            for (number, early) in errors.flat_map(|number| [(number, false), (number, true)]) {
                println!("{name}, error {number}, maps older than the filter: {early}");
                in_child(|| {
                    let forbid = || forbid(&[call], Forbidden::Fails(number)).unwrap();
                    let unexpected = unexpected(&results(early, forbid), &expected, number);
                    assert!(unexpected.is_empty(), "{unexpected:#?}");
                });
            }
        }
    });
}

#[cfg(target_arch = "x86_64")]
const READLINK: c_long = libc::SYS_readlink;
#[cfg(not(target_arch = "x86_64"))]
const READLINK: c_long = libc::SYS_readlinkat;

/// Calls that transactional maps make besides.
const CALLS_OF_TRANSACTIONS: [(&str, c_long); 13] = calls![
    SYS_fchmod SYS_fchown SYS_fdatasync SYS_geteuid SYS_getrandom SYS_linkat SYS_membarrier
    SYS_name_to_handle_at SYS_pread64 SYS_process_madvise SYS_renameat SYS_sched_yield SYS_unlinkat
];

const OLD: [u8; 3 * PAGE] = [1; 3 * PAGE];

fn open(path: &Path) -> Result<Map> {
    Options::new().access(Access::Write).transactional(true).open(path)
}

/// Changes a file by two commits, and reads it. Returns how many of them succeed. Fails with the
/// first error.
fn transact(map: &Map, path: &Path, done: &mut usize) -> Result<()> {
    map.write_at(b"abc", 2 * PAGE)?;
    map.append(b"more")?;
    map.commit()?;
    *done = 1;
    map.set(9, 1)?;
    map.rollback()?;
    // From now on the kernel is asked which pages were changed.
    let _ = map.as_mut_ptr();
    map.set(7, 0)?;
    map.changed()?;
    map.commit()?;
    *done = 2;
    map.checkpoint()?;
    drop(map.reading()?);
    let reader = Options::new().transactional(true).open(path)?;
    drop(reader.reading()?);
    Ok(())
}

/// What the file has after this number of commits.
fn committed(number: usize) -> Vec<u8> {
    let mut bytes = OLD.to_vec();
    if number > 0 {
        bytes[2 * PAGE..][..3].copy_from_slice(b"abc");
        bytes.extend(b"more");
    }
    if number > 1 {
        bytes[0] = 7;
    }
    bytes
}

/// Runs transactions in a child whose system refuses a call. Returns how many commits have
/// succeeded, and whether a call has failed.
fn transact_without(call: c_long, number: i32, early: bool, path: &Path) -> (usize, bool) {
    let child = Fork::run(|| {
        let older = early.then(|| open(path).unwrap());
        forbid(&[call], Forbidden::Fails(number)).unwrap();
        let mut done = 0;
        let map = older.map_or_else(|| open(path), Ok);
        let result = map.and_then(|map| {
            transact(&map, path, &mut done)?;
            map.close()
        });
        let is_expected = match &result {
            // A barrier that is refused is EPERM. Without `statx`, the library cannot know its own
            // descriptors, which has no number.
            Err(Error::Os { source, .. }) => source
                .raw_os_error()
                .is_none_or(|found| is_error(found, number) || is_error(found, EPERM)),
            // Without random bytes the map has no page that shows whether the file was cut.
            Err(Error::Fault { .. }) => call == libc::SYS_getrandom,
            result => matches!(result, Ok(()) | Err(Error::InDoubt | Error::Unsupported(_))),
        };
        println!("{done} commits, then {result:?}");
        if is_expected { 2 * done as i32 + i32::from(result.is_err()) } else { 100 }
    });
    let status = child.unwrap().wait_timeout(Duration::from_secs(30)).unwrap();
    let status = status.expect("the child hangs").code().unwrap();
    assert!(status < 6, "{status}");
    (status as usize / 2, status % 2 == 1)
}

/// After that, a commit that has succeeded is there. The next one may be, if it was in doubt.
#[test]
fn a_call_that_a_sandbox_forbids_does_not_divide_a_transaction() {
    succeeds_in_child(|| {
        if !filters_exist() {
            return println!("skipped: this system has no filters");
        }
        let others = CALLS_OF_TRANSACTIONS.into_iter().chain([("readlink", READLINK)]);
        for (name, call) in CALLS.into_iter().chain(others) {
            if cfg!(target_env = "musl") && call == libc::SYS_mmap {
                // Without it no memory can be allocated, which ends the process.
                continue;
            }
            let errors = [EPERM, ENOSYS].into_iter();
            for (number, early) in errors.flat_map(|number| [(number, false), (number, true)]) {
                println!("{name}, error {number}, map older than the filter: {early}");
                let file = TempFile::new(&OLD);
                let (done, has_failed) = transact_without(call, number, early, file.path());
                let found = open(file.path()).unwrap().to_vec(..).unwrap();
                assert!(found == committed(done) || (has_failed && found == committed(done + 1)));
                // Without barriers stores are slower. A map that relies on them cannot commit.
                let expected = if early { (0, true) } else { (2, false) };
                assert!(call != libc::SYS_membarrier || (done, has_failed) == expected);
            }
        }
    });
}

/// SIGSYS would terminate the child. The allocator may need `brk` and `mmap`.
#[test]
fn accesses_and_faults_need_no_call_but_the_return_from_the_handler() {
    succeeds_in_child(|| {
        let have_assembly = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
        if !filters_exist() || cfg!(safemap_portable) || !have_assembly {
            return println!("skipped: no filters here, or accesses are system calls");
        }
        let file = memory_file(false).unwrap();
        file.set_len(9 * PAGE as u64).unwrap();
        let map = map(0, &file).unwrap();
        file.set_len(PAGE as u64).unwrap();
        in_child(|| {
            let needed = [SYS_rt_sigreturn, SYS_exit_group, SYS_brk, SYS_mmap, SYS_write];
            allow_only(&needed, Forbidden::Terminates).unwrap();
            map.fill(7, 5..100).unwrap();
            assert_eq!(map.find(&[7, 0], ..PAGE).unwrap(), Some(99));
            assert_eq!(map.to_vec(98..101).unwrap(), [7, 7, 0]);
            assert!(matches!(map.get(PAGE), Err(Error::Fault { offset: PAGE })));
        });
    });
}

/// Linux before 6.7 refuses shared mappings of such a file if its descriptor is open for writing.
#[test]
fn a_sealed_file_is_mapped_privately_where_shared_mappings_are_refused() {
    succeeds_in_child(|| {
        if !filters_exist() {
            return println!("skipped: this system has no filters");
        }
        let (file, expected) = (memory_file(false).unwrap(), pattern(3 * PAGE + 1));
        file.write_all_at(&expected, 0).unwrap();
        add_seals(&file, F_SEAL_WRITE | F_SEAL_SHRINK).unwrap();
        for (is_refused, mode) in [(false, "r--s"), (true, "r--p")] {
            in_child(|| {
                if is_refused {
                    forbid_shared_mappings(EPERM).unwrap();
                }
                let bytes = FileBytes::from_file(&file).unwrap();
                assert_eq!(bytes.backing(), Backing::Sealed);
                assert!(*bytes == *expected);
                let maps = fs::read_to_string("/proc/self/maps").unwrap();
                let start = format!("{:x}-", bytes.as_ptr().addr());
                let mapping = maps.lines().find(|line| line.starts_with(&start)).unwrap();
                assert!(mapping.contains(mode), "{mapping}");
            });
        }
    });
}

/// As above: the slice that `seal` makes, and others of the same file.
#[test]
fn a_map_is_sealed_where_shared_mappings_are_refused() {
    succeeds_in_child(|| {
        if !filters_exist() {
            return println!("skipped: this system has no filters");
        }
        let file = memory_file(false).unwrap();
        file.set_len(9 * PAGE as u64).unwrap();
        let map = map(0, &file).unwrap();
        map.fill(7, ..).unwrap();
        forbid_shared_mappings(EPERM).unwrap();
        let sealed = map.seal().unwrap();
        let opened = FileBytes::from_file(&file).unwrap();
        assert_eq!((sealed.backing(), opened.backing()), (Backing::Sealed, Backing::Sealed));
        assert!(sealed.iter().chain(&*opened).all(|&byte| byte == 7));
    });
}

/// A line for each result.
fn results_without_filter() -> String {
    let file = TempFile::new(b"");
    in_child(|| {
        let results = results(false, || ()).into_iter().flatten();
        let lines: Vec<String> = results.map(|result| format!("{result:?}")).collect();
        fs::write(file.path(), lines.join("\n")).unwrap();
    });
    String::from_utf8(file.read()).unwrap()
}

fn in_child(work: impl FnOnce()) {
    let child = Fork::run(|| {
        work();
        0
    });
    let status = child.unwrap().wait_timeout(Duration::from_secs(30)).unwrap();
    assert!(status.expect("the child hangs").success(), "{status:?}");
}
