//! Does foreign code survive that reads a cut map from many threads, while maps come and go?
#![forbid(unsafe_code)]

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use safemap::{Access, Map, Options};

use crate::{
    raw::memory,
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, pattern},
    stop::Stop,
};

const LEN: usize = 32 * PAGE;
const READERS: usize = 4;

/// Each round: the file is cut, threads read everything, and the file comes back.
pub(crate) fn run(run: &Run) -> Outcome {
    let bytes = pattern(LEN);
    let file = Scratch::file(&bytes)?;
    let handle = file.handle()?;
    let map = open(run, &file)?;
    let rounds = run.times(100, 3000);
    let (stop, others) = (Stop::default(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| come_and_go(run, &file, &stop, &others));
        }
        let _end = stop.at_end();
        (0..rounds).try_for_each(|round| {
            let left = round % 16;
            handle.set_len((left * PAGE) as u64)?;
            read_all(&map, left);
            // Whoever came first to the first page that is gone.
            let damage = map.damage().ok_or("there was damage")?;
            assert!((1..=READERS).contains(&(damage - left * PAGE)), "damage at {damage}, {left} pages left");
            map.get(0).expect_err("the map is damaged");
            std::os::unix::fs::FileExt::write_all_at(&handle, &bytes, 0)?;
            map.restore()?;
            assert!(map.to_vec(..)? == bytes, "the map is whole again");
            Ok::<_, Box<dyn std::error::Error>>(())
        })
    })?;
    let note = format!("{READERS} threads each time; {} other maps came, were read and went", others.load(SeqCst));
    Ok(Facts::all(rounds, "cuts under foreign readers").note(note))
}

/// Pages far from each other: each one that is replaced parts a mapping in three, and the system counts mappings.
pub(crate) fn scattered(run: &Run) -> Outcome {
    let pages = run.times(40_000, 100_000);
    let file = Scratch::file(b"")?;
    let handle = file.handle()?;
    let whole = (2 * pages * PAGE) as u64;
    for _ in 0..run.times(1, 3) {
        handle.set_len(whole)?;
        let map = open(run, &file)?;
        handle.set_len(0)?;
        assert!((0..pages).all(|page| memory::peek(&map, 2 * page * PAGE) == 0), "what is gone reads as zeros");
        assert_eq!(map.damage(), Some(0));
        handle.set_len(whole)?;
        map.restore()?;
        map.set(0, 1)?;
        let mut seen = [0];
        std::os::unix::fs::FileExt::read_exact_at(&handle, &mut seen, 0)?;
        assert_eq!(seen, [1], "the page is the file's again");
    }
    Ok(Facts::all(pages, "scattered pages of a cut map, read by foreign code"))
}

fn open(run: &Run, file: &Scratch) -> safemap::Result<Map> {
    let mut options = Options::new();
    options.access(Access::Write);
    if !run.control {
        options.repair();
    }
    options.open(file.path())
}

/// What is gone reads as zeros, for every thread.
fn read_all(map: &Map, left: usize) {
    thread::scope(|scope| {
        for reader in 0..READERS {
            scope.spawn(move || {
                let pages = (left..LEN / PAGE).map(|page| page * PAGE + reader + 1);
                assert!(pages.into_iter().all(|at| memory::peek(map, at) == 0), "what is gone reads as zeros");
            });
        }
    });
}

/// Maps of the same file that are made, read while the file may be cut, resized by nobody, and dropped.
fn come_and_go(run: &Run, file: &Scratch, stop: &Stop, count: &AtomicUsize) {
    while !stop.now() {
        // At a moment when the file has no bytes there is nothing to read.
        let maps: Vec<Map> = (0..3).map(|_| open(run, file).expect("the file is there")).collect();
        maps.iter().filter(|map| !map.is_empty()).for_each(|map| {
            memory::peek(map, map.len() - 1);
        });
        count.fetch_add(maps.len(), SeqCst);
    }
}
