//! What is recorded about damage: ranges, the first fault, the number of faults, and a report. The
//! tests run in child processes, because they count the faults of the whole process.
#![cfg(unix)]
#![allow(unsafe_code)] // The tests access mapped memory directly.

use std::{ffi::OsStr, os::unix::fs::FileExt};

use safemap::{Damage, Map, Options, damages};
use safemap_testing::{PAGE, TempFile, output_of_child, pattern, process::Fork, succeeds_in_child};

fn repaired(file: &TempFile, offset: usize) -> Map {
    Options::new().offset(offset as u64).repair(true).open(file.path()).unwrap()
}

/// Reads a byte without the library's accessors, as code outside the library does.
fn read_directly(map: &Map, at: usize) {
    // SAFETY: `at` is in the map, which outlives the call. The test is about a missing page there.
    unsafe { map.as_ptr().wrapping_add(at).read_volatile() };
}

/// Returns the lowest offset in a range of which the page was accessed, by one comparison for each
/// byte.
fn first_in(range: std::ops::Range<usize>, accessed: &[usize], lead: usize) -> Option<usize> {
    let page = |at: usize| (at + lead) / PAGE;
    range.into_iter().find(|&at| accessed.iter().any(|&other| page(at) == page(other)))
}

#[test]
fn damage_is_known_for_each_range() {
    const LEN: usize = 9 * PAGE;
    succeeds_in_child(|| {
        for offset in [0, 100, PAGE + 7] {
            let file = TempFile::new(&pattern(LEN));
            let map = repaired(&file, offset);
            let (len, lead) = (map.len(), offset % PAGE);
            file.set_len(0);
            assert_eq!(map.damage_in(..), None, "nothing was accessed");
            let accessed = [6 * PAGE + 5, 2 * PAGE + 9, 3 * PAGE];
            accessed.iter().for_each(|&at| read_directly(&map, at));
            let edges = || {
                (0..10)
                    .flat_map(|page| [page * PAGE, page * PAGE + 1, page * PAGE + 4000])
                    .map(|at| at.saturating_sub(lead).min(len))
            };
            for start in edges() {
                for end in edges() {
                    let expected = first_in(start..end, &accessed, lead);
                    assert_eq!(map.damage_in(start..end), expected, "{start}..{end} of {len}");
                }
            }
            assert_eq!(map.damage_in(..), first_in(0..len, &accessed, lead));
            assert_eq!(map.damage_in(len..usize::MAX), None);
            assert_eq!(map.damage_in(usize::MAX..), None);
            file.open().write_all_at(&pattern(LEN), 0).unwrap();
            map.restore().unwrap();
            assert_eq!(map.damage_in(..), None);
        }
    });
}

#[test]
fn damage_is_known_for_the_ranges_of_a_map_that_has_moved() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(PAGE));
        let map =
            Options::new().access(safemap::Access::Write).repair(true).open(file.path()).unwrap();
        map.resize(100 * PAGE).unwrap();
        file.set_len(0);
        read_directly(&map, 70 * PAGE);
        assert_eq!(map.damage_in(..70 * PAGE), None);
        assert_eq!(map.damage_in(69 * PAGE..), Some(70 * PAGE));
    });
}

#[test]
fn each_fault_is_counted_and_the_first_one_is_known() {
    succeeds_in_child(|| {
        let (file, other) = (TempFile::new(&pattern(9 * PAGE)), TempFile::new(&pattern(PAGE)));
        let (map, second) = (repaired(&file, 0), repaired(&other, 0));
        assert_eq!((damages(), map.first_damage()), (0, None));
        file.set_len(0);
        other.set_len(0);
        for (number, at) in [(1, 5 * PAGE), (2, 3 * PAGE), (2, 5 * PAGE + 1), (3, 4 * PAGE)] {
            read_directly(&map, at);
            assert_eq!(damages(), number);
        }
        read_directly(&second, 0);
        assert_eq!(damages(), 4);
        assert!(matches!(map.first_damage(), Some(Damage { map: start, offset, number: 1, .. })
            if start == map.as_ptr().addr() && offset == 5 * PAGE));
        assert!(matches!(second.first_damage(), Some(Damage { number: 4, offset: 0, .. })));
        assert_eq!(map.damage(), Some(3 * PAGE));
        file.set_len(9 * PAGE as u64);
        map.restore().unwrap();
        assert_eq!((damages(), map.first_damage()), (4, None));
        file.set_len(0);
        read_directly(&map, 8 * PAGE);
        let damage = map.first_damage().unwrap();
        assert_eq!((damage.number, damage.offset), (5, 8 * PAGE));
    });
}

/// Truncates a file and reads the end of its map, in this process and in a forked one.
fn damage_a_map(report: bool) {
    let file = TempFile::new(&pattern(3 * PAGE));
    let map = Options::new().repair(true).report_damage(report).open(file.path()).unwrap();
    file.set_len(PAGE as u64);
    let child = Fork::run(|| {
        read_directly(&map, 2 * PAGE);
        read_directly(&map, PAGE);
        i32::from(map.damage().is_none())
    });
    assert!(child.unwrap().wait().unwrap().success());
    read_directly(&map, PAGE);
    read_directly(&map, 2 * PAGE);
    println!("\nname: {}", file.path().file_name().and_then(OsStr::to_str).unwrap());
}

/// Returns the lines of the report, and the name of the file.
fn report_of(body: fn()) -> (Vec<String>, String) {
    let child = output_of_child(body);
    let [stdout, stderr] =
        [child.stdout, child.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(child.status.success(), "{stdout}{stderr}");
    let name = stdout.lines().find_map(|line| line.strip_prefix("name: ")).unwrap();
    let lines = stderr.lines().filter(|line| line.starts_with("safemap: "));
    (lines.map(ToOwned::to_owned).collect(), name.to_owned())
}

#[test]
fn the_first_fault_of_a_map_is_reported_in_each_process() {
    let (lines, name) = report_of(|| damage_a_map(true));
    let known = cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));
    let name = if known { &format!("/{name}\"") } else { "a file of unknown name" };
    let expected = |page: usize| format!("{name} is damaged at offset {}: ", page * PAGE);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(&expected(2)), "{lines:?}");
    assert!(lines[1].contains(&expected(1)), "{lines:?}");
}

/// The control.
#[test]
fn without_the_setting_nothing_is_reported() {
    assert_eq!(report_of(|| damage_a_map(false)).0, Vec::<String>::new());
}

/// The lock would belong to this process until its end.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
#[test]
fn a_mutex_is_unlocked_also_if_another_page_is_damaged() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 3 * PAGE]);
        let mut options = Options::new();
        let map = options.access(safemap::Access::Write).repair(true).open(file.path()).unwrap();
        let mutex = safemap::ipc::Mutex::new(&map, 0).unwrap();
        let guard = mutex.lock().unwrap();
        file.set_len(PAGE as u64);
        read_directly(&map, 2 * PAGE);
        assert!(mutex.try_lock().is_err(), "the map is damaged");
        guard.unlock().unwrap();
        file.set_len(3 * PAGE as u64);
        map.restore().unwrap();
        assert!(!mutex.try_lock().unwrap().unwrap().owner_died());
    });
}
