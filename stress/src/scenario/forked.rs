//! Do maps survive a fork: a child that exits, drops them, resizes them, or meets a fault?
#![forbid(unsafe_code)]

use std::{
    fs::File,
    thread,
    time::{Duration, Instant},
};

use safemap::{Access, Error, Map, Options, Sharing};

use crate::{
    operations::look,
    raw::{process::Fork, signal},
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, pattern},
    stop::Stop,
};

const LEN: usize = 4 * PAGE;

/// The maps of a process that forks.
struct Maps {
    file: Map,
    repaired: Map,
    shared: Map,
    private: Map,
}

impl Maps {
    fn of(file: &Scratch) -> safemap::Result<Maps> {
        Ok(Maps {
            file: file.map()?,
            repaired: Options::new().access(Access::Write).repair().open(file.path())?,
            shared: Options::new().len(LEN).sharing(Sharing::Shared).reserve(2 * LEN).anonymous()?,
            private: Options::new().len(LEN).anonymous()?,
        })
    }
}

pub(crate) fn run(run: &Run) -> Outcome {
    let bytes = pattern(LEN);
    let rounds = run.times(100, 2000);
    for round in 0..rounds {
        let file = Scratch::file(&bytes)?;
        let (mut maps, handle) = (Some(Maps::of(&file)?), file.handle()?);
        let child = Fork::run(|| child(run, round, &mut maps, &handle))?;
        let status = child.wait()?;
        assert_eq!(status.code(), Some(0), "child {round} ended with {status}");
        parent(&maps.ok_or("the child has its own copy")?, &handle)?;
    }
    Ok(Facts::all(rounds, "children that exit, drop maps, resize or fault, in turn").note("the parent's maps work"))
}

/// What the child does; 0 is well.
fn child(run: &Run, round: usize, maps: &mut Option<Maps>, handle: &File) -> i32 {
    let Some(held) = maps.as_ref() else { return 1 };
    let well = match round % 4 {
        0 => true,
        1 => {
            maps.take();
            true
        }
        2 => {
            held.file.resize(20 * LEN).is_ok() && held.private.resize(20 * LEN).is_ok() && held.shared.set(0, 9).is_ok()
        }
        _ => {
            let cut = handle.set_len(PAGE as u64).is_ok();
            let fault = matches!(look(run, &held.file, 2 * PAGE), Err(Error::Fault { .. }));
            let zero = crate::raw::memory::peek(&held.repaired, 3 * PAGE) == 0;
            cut && fault && zero && held.repaired.damage() == Some(3 * PAGE)
        }
    };
    i32::from(!well)
}

/// Whatever the child did to the file is undone; then all of the parent's maps are as before.
fn parent(maps: &Maps, handle: &File) -> Result<(), Box<dyn std::error::Error>> {
    handle.set_len(LEN as u64)?;
    assert_eq!(maps.repaired.damage(), None, "the damage was the child's");
    for map in [&maps.file, &maps.repaired, &maps.shared, &maps.private] {
        map.set(LEN - 1, 3)?;
        assert_eq!((map.len(), map.get(LEN - 1)?), (LEN, 3));
    }
    maps.private.resize(2 * LEN)?;
    Ok(maps.file.resize(2 * LEN)?)
}

/// Forks while another thread resizes, meets faults and opens maps: the child must not wait for a thread that it does
/// not have.
pub(crate) fn beside_threads(run: &Run) -> Outcome {
    let rounds = run.times(60, 1000);
    let file = Scratch::file(&pattern(LEN))?;
    let (map, handle) = (file.map()?, file.handle()?);
    let stop = Stop::default();
    let hung: Vec<bool> = thread::scope(|scope| {
        scope.spawn(|| busy(&map, &file, &stop));
        let _end = stop.at_end();
        // A few are enough, as each takes its time.
        (0..rounds)
            .map(|_| hangs(run, &map, &handle))
            .filter(|hung| !matches!(hung, Ok(false)))
            .take(3)
            .collect::<std::io::Result<_>>()
    })?;
    assert!(hung.is_empty(), "{} of at most {rounds} children hung", hung.len());
    Ok(Facts::all(rounds, "forks while another thread resizes and faults"))
}

fn busy(map: &Map, file: &Scratch, stop: &Stop) {
    for round in (0..).take_while(|_| !stop.now()) {
        map.resize(PAGE + round % 40 * PAGE).expect("there is room");
        let _ = map.get(30 * PAGE);
        drop(Options::new().repair().open(file.path()).expect("the file is there"));
    }
}

/// Whether a child that uses the map does not come to its end.
fn hangs(run: &Run, map: &Map, handle: &File) -> std::io::Result<bool> {
    let child = Fork::run(|| {
        let _ = handle.set_len(0);
        let fault = look(run, map, 0).is_err();
        let _ = map.resize(2 * PAGE);
        i32::from(!fault && map.get(0).is_err())
    })?;
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        if let Some(status) = child.ended()? {
            assert!(status.success(), "the child ended with {status}");
            return Ok(false);
        }
        thread::sleep(Duration::from_micros(300));
    }
    signal::send(child.id(), signal::SIGABRT)?;
    child.wait().map(|_| true)
}
