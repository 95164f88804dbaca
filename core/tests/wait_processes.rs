//! Waiting for a word that another process notifies.
//!
//! The words do not change. So only a wake-up ends a wait with `Notified`: a thread that checks the
//! word from time to time would time out.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android", windows),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    env,
    ops::Range,
    path::Path,
    process::{Child, Stdio, exit},
    sync::atomic::Ordering::{Acquire, Release, SeqCst},
    thread,
    time::Duration,
};

use safemap::{
    Access, Map, Options, Sharing,
    ipc::{Spin, Waited},
};
use safemap_testing::{TempFile, test_command};

const LONG: Option<Duration> = Some(Duration::from_secs(20));
const SHORT: Option<Duration> = Some(Duration::from_millis(200));

/// The path of the file, for the other process.
const PATH: &str = "SAFEMAP_TEST_WAIT_PATH";
/// The word that the other process changes, which shows that it runs.
const BEAT: usize = 0;
/// The word for which threads wait. It stays 0.
const WORD: usize = 70_000;
const LEN: usize = 80_000;

/// Another process, which is terminated when it is dropped.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes a file and runs `work` with it in another process. Returns when that has changed the first
/// word of the file.
///
/// The other process is the same test again. There this function does not return.
fn beside(work: impl FnOnce(&Path)) -> (TempFile, Other) {
    if let Some(path) = env::var_os(PATH) {
        work(path.as_ref());
        exit(0);
    }
    let file = TempFile::new(&[0; LEN]);
    let thread = thread::current();
    let test = thread.name().expect("the test harness names its threads after the tests");
    let mut command = test_command();
    command.args(["--exact", test, "--test-threads=1"]).env(PATH, file.path());
    let other = Other(command.stdout(Stdio::null()).spawn().expect("a test can start itself"));
    wait_until_beats(&file.map(), 1);
    (file, other)
}

fn beat(map: &Map) {
    map.atomic::<u32>(BEAT).unwrap().fetch_add(1, SeqCst).unwrap();
}

fn wait_until_beats(map: &Map, count: u32) {
    while map.load::<u32>(BEAT).unwrap() < count {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Opens files for maps on which threads sleep at once.
fn sleepy() -> Options {
    let mut options = Options::new();
    options.access(Access::Write).spin(Spin::Never);
    options
}

/// Notifies words again and again.
fn notify_forever(map: &Map, words: &[usize], count: u32) -> ! {
    loop {
        words.iter().for_each(|&word| map.notify(word, count).unwrap());
        beat(map);
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn another_process_wakes_a_thread() {
    let (file, _other) = beside(|path| notify_forever(&sleepy().open(path).unwrap(), &[WORD], 1));
    let map = sleepy().open(file.path()).unwrap();
    assert_eq!(map.wait(WORD, 0, LONG).unwrap(), Waited::Notified);
}

/// The word's offset in the file counts, and neither the access nor whether the map keeps the file.
#[test]
fn maps_of_each_kind_are_woken() {
    let (file, _other) = beside(|path| {
        notify_forever(&sleepy().untracked(true).open(path).unwrap(), &[WORD], u32::MAX)
    });
    let kinds: [fn(&mut Options) -> &mut Options; 4] = [
        |options| options.untracked(true),
        |options| options.offset(4),
        |options| options.offset(4096).len(LEN - 4096).untracked(true),
        |options| options.access(Access::Read).sharing(Sharing::Shared),
    ];
    for kind in kinds {
        let map = kind(&mut sleepy()).open(file.path()).unwrap();
        let at = WORD - map.offset() as usize;
        assert_eq!(map.wait(at, 0, LONG).unwrap(), Waited::Notified, "{map:?}");
    }
}

#[test]
fn a_map_of_a_part_that_is_read_only_wakes_a_thread() {
    let (file, _other) = beside(|path| {
        let part = Options::new().sharing(Sharing::Shared).offset(4096).open(path).unwrap();
        let whole = sleepy().open(path).unwrap();
        loop {
            part.notify(WORD - 4096, 1).unwrap();
            beat(&whole);
            thread::sleep(Duration::from_millis(1));
        }
    });
    let map = sleepy().open(file.path()).unwrap();
    assert_eq!(map.wait(WORD, 0, LONG).unwrap(), Waited::Notified);
}

#[test]
fn several_threads_of_a_process_are_woken() {
    let (file, _other) =
        beside(|path| notify_forever(&sleepy().open(path).unwrap(), &[WORD], u32::MAX));
    let wait = || sleepy().open(file.path()).unwrap().wait(WORD, 0, LONG).unwrap();
    thread::scope(|scope| {
        for waiting in [(); 5].map(|()| scope.spawn(wait)) {
            assert_eq!(waiting.join().unwrap(), Waited::Notified);
        }
    });
}

#[test]
fn notifications_of_other_words_and_other_files_wake_no_thread() {
    let others = [WORD - 4, WORD + 4, WORD + 4096, WORD % 65_536];
    let (file, _other) =
        beside(|path| notify_forever(&sleepy().open(path).unwrap(), &others, u32::MAX));
    let second = TempFile::new(&[0; LEN]);
    for (file, at) in [(&file, WORD), (&second, others[0])] {
        let map = sleepy().open(file.path()).unwrap();
        // The kernel may end a wait without a reason; notifications would end all of these.
        let times_out = || map.wait(at, 0, SHORT).unwrap() == Waited::TimedOut;
        assert!((0..5).any(|_| times_out()), "{map:?}");
    }
    let beats = file.map().load::<u32>(BEAT).unwrap();
    wait_until_beats(&file.map(), beats + 1);
}

#[test]
fn a_waiting_process_that_is_killed_leaves_nothing_behind() {
    let (file, other) = beside(|path| {
        let map = sleepy().open(path).unwrap();
        beat(&map);
        let _ = map.wait(WORD, 0, None);
    });
    let map = sleepy().open(file.path()).unwrap();
    thread::sleep(Duration::from_millis(100));
    drop(other);
    map.notify(WORD, 1).unwrap();
    assert_eq!(map.wait(WORD, 0, SHORT).unwrap(), Waited::TimedOut, "a wake-up was kept");
}

/// One of two waiting processes is killed. The other one is woken as before.
#[test]
fn a_waiting_process_that_is_killed_takes_no_wake_up() {
    let (file, other) = beside(|path| {
        let map = sleepy().open(path).unwrap();
        beat(&map);
        let _ = map.wait(WORD, 0, None);
    });
    let map = sleepy().open(file.path()).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| map.wait(WORD, 0, LONG).unwrap());
        thread::sleep(Duration::from_millis(100));
        drop(other);
        while !waiting.is_finished() {
            map.notify(WORD, 1).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(waiting.join().unwrap(), Waited::Notified);
    });
}

/// Waits for each number of one parity, stores the next one, and notifies.
fn take_turns(map: &Map, turns: Range<u32>) {
    let word = map.atomic::<u32>(WORD).unwrap();
    for turn in turns.step_by(2) {
        loop {
            let seen = word.load(Acquire).unwrap();
            if seen == turn {
                break;
            }
            map.wait(WORD, seen, None).unwrap();
        }
        word.store(turn + 1, Release).unwrap();
        map.notify(WORD, 1).unwrap();
    }
}

#[test]
fn two_processes_take_turns() {
    const TURNS: u32 = 400;
    let (file, mut other) = beside(|path| {
        let map = sleepy().open(path).unwrap();
        beat(&map);
        take_turns(&map, 1..TURNS);
    });
    let map = sleepy().open(file.path()).unwrap();
    take_turns(&map, 0..TURNS);
    assert!(other.0.wait().unwrap().success());
    assert_eq!(map.load::<u32>(WORD).unwrap(), TURNS);
}
