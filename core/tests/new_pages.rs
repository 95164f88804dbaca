//! What `Options` does to the pages of a new map, and `Map::path`.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use safemap::{Access, Error, Map, Options};
use safemap_testing::{PAGE, TempFile, can_truncate_mapped, pattern};

#[test]
fn a_map_knows_the_path_that_it_was_opened_with() {
    let file = TempFile::new(b"abc");
    assert_eq!(Map::open(file.path()).unwrap().path(), Some(file.path()));
    // This program: emulated computers have no file of the project.
    let relative = relative(&std::env::current_exe().unwrap());
    let map = Options::new().len(3).open(&relative).unwrap();
    assert_eq!(map.path(), Some(&*relative));
    assert!(format!("{map:?}").contains(relative.file_name().unwrap().to_str().unwrap()));
    assert_eq!(Options::new().map(file.open()).unwrap().path(), None);
    assert_eq!(Options::new().len(3).anonymous().unwrap().path(), None);
}

/// The path from the current folder. Windows has no path from one drive to another.
fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap();
    if cfg!(windows) {
        return path.into();
    }
    let up = here.components().skip(1).map(|_| "..");
    up.collect::<PathBuf>().join(path.strip_prefix("/").unwrap())
}

#[test]
fn populated_memory_is_resident_and_other_memory_is_not() {
    let is_resident = |populate| {
        let map = Options::new().len(100 * PAGE).populate(populate).anonymous().unwrap();
        map.residency(..).map(|pages| pages.iter().all(|&is| is))
    };
    if let Ok(without) = is_resident(false) {
        assert!(!without && is_resident(true).unwrap());
    }
}

#[test]
fn populating_does_not_change_bytes() {
    let expected = pattern(10 * PAGE + 7);
    let file = TempFile::new(&expected);
    for access in [Access::Read, Access::Write, Access::Copy] {
        let map = Options::new().access(access).offset(5).populate(true).open(file.path()).unwrap();
        assert!(map.to_vec(..).unwrap() == expected[5..]);
        for range in [0..0, 3..4, PAGE - 5..PAGE - 4, 7..9 * PAGE, map.len()..map.len()] {
            map.populate(range).unwrap();
        }
        let beyond = map.populate(..map.len() + 1);
        assert!(matches!(beyond, Err(Error::OutOfBounds { call: "populate", .. })));
    }
    Options::new().populate(true).open(TempFile::new(b"").path()).unwrap();
}

#[test]
fn populating_reports_pages_that_a_file_has_lost() {
    if !can_truncate_mapped() {
        return println!("skipped: a mapped file cannot be truncated here");
    }
    let file = TempFile::new(&pattern(3000 * PAGE));
    let map = file.map();
    file.set_len(2000 * PAGE as u64);
    assert!(matches!(map.populate(..), Err(Error::Fault { offset }) if offset == 2000 * PAGE));
    map.populate(..2000 * PAGE).unwrap();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use safemap::{Advice, Map, Options};
    use safemap_testing::{PAGE, TempFile};

    /// The flags of the kernel for the pages of a map, as in `/proc/self/smaps`.
    fn flags(map: &Map) -> Vec<String> {
        let (maps, start) = (fs::read_to_string("/proc/self/smaps").unwrap(), map.as_ptr().addr());
        let mapping = maps.split_once(&format!("{start:x}-")).unwrap().1;
        let flags = mapping.lines().find_map(|line| line.strip_prefix("VmFlags:")).unwrap();
        flags.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_map_is_advised_and_locked_as_its_options_say() {
        let file = TempFile::new(&[1; 3 * PAGE]);
        let has = |options: &mut Options, flag: &str| {
            flags(&options.open(file.path()).unwrap()).iter().any(|has| has == flag)
        };
        if !has(&mut Options::new(), "rd") {
            return println!("skipped: smaps has no flags here");
        }
        for (advice, flag) in [(Advice::Sequential, "sr"), (Advice::Random, "rr")] {
            assert!(has(Options::new().advise(advice), flag) && !has(&mut Options::new(), flag));
        }
        assert!(has(Options::new().lock(true), "lo") && !has(&mut Options::new(), "lo"));
        assert!(Options::new().advise(Advice::Other(-7)).open(file.path()).is_err());
    }
}
