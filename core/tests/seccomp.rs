//! System calls that a sandbox forbids (seccomp filters). The results are those without a filter,
//! or the error that the filter returns.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]
#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
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
