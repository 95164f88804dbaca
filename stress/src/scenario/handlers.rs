//! Do maps get on with handlers of signals that a program installs after ours?
#![forbid(unsafe_code)]

use std::{os::unix::process::ExitStatusExt, thread, time::Duration, time::Instant};

use safemap::{Error, Map};

use crate::{
    operations::look,
    raw::{
        memory,
        process::Fork,
        signal::{self, SIGBUS, SIGSEGV, THEIRS, Theirs, alternate_stack, no_alternate_stack},
    },
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, pattern},
};

const LEN: usize = 4 * PAGE;

/// A map whose file is gone, all but the first page.
fn cut() -> Result<(Scratch, Map), Box<dyn std::error::Error>> {
    let file = Scratch::file(&pattern(LEN))?;
    let map = file.map()?;
    file.handle()?.set_len(PAGE as u64)?;
    Ok((file, map))
}

fn faults(run: &Run, map: &Map) -> bool {
    matches!(look(run, map, PAGE), Err(Error::Fault { offset: PAGE }))
}

/// One that calls whom it replaced, installed again and again with maps made in between.
pub(crate) fn chaining(run: &Run) -> Outcome {
    let (file, map) = cut()?;
    let rounds = run.times(20, 200);
    for round in 0..rounds {
        [SIGBUS, SIGSEGV].into_iter().for_each(|signal| Theirs::Chains.install(signal));
        let before = Theirs::calls();
        assert!(faults(run, &map), "theirs is first, and calls ours");
        assert_eq!(Theirs::calls(), before + 1);
        drop(Map::open(file.path())?);
        assert!(faults(run, &map), "ours is first again");
        assert_eq!(Theirs::calls(), before + 1, "a fault of ours is no affair of theirs");
        // One of theirs goes the whole round and ends the process, whatever the chain has become.
        let status = within(Duration::from_secs(5), || i32::from(memory::peek(&map, PAGE)))?;
        assert_eq!(status, Some(SIGBUS), "a foreign fault in round {round}");
    }
    Ok(Facts::all(rounds, "handlers installed later that call ours").note("foreign faults still end the process"))
}

/// One that does not: until the next map it comes first, and then ours does.
pub(crate) fn not_chaining(run: &Run) -> Outcome {
    let (file, map) = cut()?;
    let rounds = run.times(20, 200);
    for round in 0..rounds {
        [SIGBUS, SIGSEGV].into_iter().for_each(|signal| Theirs::Ends.install(signal));
        if !run.control {
            drop(Map::open(file.path())?);
        }
        assert!(faults(&Run { control: false, ..*run }, &map), "round {round}");
        let ended = Fork::run(|| i32::from(memory::peek(&map, PAGE)))?.wait()?;
        assert_eq!(ended.code(), Some(THEIRS), "a foreign fault is theirs");
    }
    Ok(Facts::all(rounds, "handlers installed later that call nobody").note("the next map comes first again"))
}

/// Threads with stacks of their own for handlers, and without any.
pub(crate) fn alternate_stacks(run: &Run) -> Outcome {
    let (_file, map) = cut()?;
    let rounds = run.times(5000, 200_000);
    thread::scope(|scope| {
        for kind in 0..3 {
            let map = &map;
            scope.spawn(move || {
                match kind {
                    0 => alternate_stack(64 << 10),
                    1 => no_alternate_stack(),
                    _ => Ok(()),
                }
                .expect("a thread may choose its stack");
                (0..rounds).for_each(|_| assert!(faults(run, map)));
            });
        }
    });
    Ok(Facts::all(3 * rounds, "faults in threads with, without and with the usual alternate stack"))
}

/// A signal that somebody sends is no fault: it ends the process, also one that is busy with faults.
pub(crate) fn sent(run: &Run) -> Outcome {
    let (_file, map) = cut()?;
    let rounds = run.times(30, 300);
    let mut signals = 0;
    for round in 0..rounds {
        let signal = [SIGBUS, SIGSEGV][round % 2];
        let child = Fork::run(|| {
            if run.control {
                Theirs::Ignores.install(signal);
            }
            let end = Instant::now() + Duration::from_secs(2);
            while Instant::now() < end {
                let _ = map.get(if round % 4 < 2 { PAGE } else { 0 });
            }
            0
        })?;
        thread::sleep(Duration::from_millis(2));
        let ended = send_until_ended(&child, signal, &mut signals)?;
        assert_eq!(ended, Some(signal), "after {signals} signals");
    }
    Ok(Facts::all(rounds, "processes that were sent SIGBUS or SIGSEGV")
        .note(format!("{signals} signals; each process died of one")))
}

/// Sends a signal until the process dies of it, and returns of which it died. The standard library's handler takes the
/// first for a fault that will come again, and lets go of the signal; so does any Rust program.
fn send_until_ended(child: &Fork, signal: i32, signals: &mut usize) -> std::io::Result<Option<i32>> {
    for _ in 0..20 {
        signal::send(child.id(), signal)?;
        *signals += 1;
        thread::sleep(Duration::from_millis(3));
        if let Some(ended) = child.ended()? {
            return Ok(ended.signal());
        }
    }
    signal::send(child.id(), signal::SIGABRT)?;
    Ok(None)
}

/// The signal of which a forked copy of this process dies at `work`; `None` if it does not die in time.
fn within(time: Duration, work: impl FnOnce() -> i32) -> std::io::Result<Option<i32>> {
    let child = Fork::run(work)?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        if let Some(ended) = child.ended()? {
            return Ok(ended.signal());
        }
        thread::sleep(Duration::from_micros(200));
    }
    signal::send(child.id(), signal::SIGABRT)?;
    child.wait().map(|_| None)
}
