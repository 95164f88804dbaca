//! Several copies of the crate in one process, as in several extension modules, beside handlers of
//! a program.

use std::sync::Barrier;

use super::{
    handlers::{access_directly, truncated_map},
    *,
};

const COPIES: usize = 4;
/// Handlers that the program installs in each process.
const HANDLERS: usize = 10;

/// Copies start concurrently. Then the program installs handlers, and one of the copies puts its
/// own first again.
pub(crate) fn run(settings: &Settings) -> Result {
    let rounds = settings.times(10, 60);
    for round in 0..rounds {
        let status = Fork::run(|| work(settings, round as u64))?.wait()?;
        assert!(status.success(), "round {round} ended with {status}");
    }
    let note = format!(
        "{COPIES} copies and that of the program; other faults reach the program's first handler"
    );
    Ok(Report::new(rounds * HANDLERS, "handlers installed beside copies of the crate").note(note))
}

fn work(settings: &Settings, seed: u64) -> i32 {
    let mut random = fastrand::Rng::with_seed(seed);
    signal::alternate_stack(Some(64 << 10));
    [SIGBUS, SIGSEGV].into_iter().for_each(install_ending);
    let copies = start_copies(settings);
    let (_file, map) = truncated_map();
    for _ in 0..HANDLERS {
        let install = random.choice([install_chaining, install_ending]).expect("one of two");
        [SIGBUS, SIGSEGV].into_iter().for_each(install);
        match random.usize(..=COPIES) {
            COPIES => create_protected_map(),
            copy => copies[copy].create_another_map(),
        }
        assert_all_report_faults(&copies, &map);
    }
    let child = access_directly(&map).and_then(|child| Ok(child.wait()?));
    assert_eq!(child.expect("fork").code(), Some(HANDLED));
    0
}

/// Creates and drops a map by the program's own copy.
fn create_protected_map() {
    let map = Options::new().len(PAGE).protection(Protection::NONE).anonymous();
    map.expect("map memory");
}

/// Loads the copies and creates their maps in threads. A control's copies do not find each other.
fn start_copies(settings: &Settings) -> Vec<LibraryCopy> {
    let start = Barrier::new(COPIES);
    let load = || {
        let copy =
            if settings.control { LibraryCopy::load_without_note() } else { LibraryCopy::load() };
        start.wait();
        copy.create_maps();
        assert!(copy.reports_faults());
        copy
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..COPIES).map(|_| scope.spawn(load)).collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread loads a copy")).collect()
    })
}

fn assert_all_report_faults(copies: &[LibraryCopy], map: &Map) {
    assert!(copies.iter().all(LibraryCopy::reports_faults));
    assert!(matches!(map.get(PAGE), Err(Error::Fault { offset: PAGE })));
}
