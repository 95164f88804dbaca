//! How fast do messages go from one process to another?

use std::{thread, time::Instant};

use safemap::ipc::Spin;
use safemap_testing::process::Fork;

use super::*;
#[cfg(feature = "iceoryx2")]
use crate::links::iceoryx::{self, Wait};
#[cfg(feature = "ipc-channel")]
use crate::links::ipc_channel;
use crate::{
    links::{one_socket, ours, ours_with, pipes, sockets},
    measure::since,
    traffic::{Numbered, from_others, one_way, there_and_back},
};

const SOCKET: &str = "Unix socket";
const PIPE: &str = "pipe";
const THREADS: &str = "rtrb, two threads";
const SLEEPING: &str = "safemap, Spin::Never";
const IPC_CHANNEL: &str = "ipc-channel";
const ICEORYX: &str = "iceoryx2, polling";
const ICEORYX_EVENTS: &str = "iceoryx2, events";

const ONE_SOCKET: &str = "Unix socket, one sender";
/// The messages of a piece of work with two senders.
const PAIR: u64 = 2;
/// The messages of a piece of work on busy processors.
const BUSY_MESSAGES: u64 = 1000;

/// Measures a row if it is asked for: its contenders are processes.
fn row(run: &Run, name: &str, contenders: impl FnOnce(Row<'static>) -> Row<'static>) {
    if run.asks(name) {
        contenders(Row::new(name)).done(run);
    }
}

pub(super) fn answer(run: &Run) -> Outcome {
    row(run, "64 B there and back", |row| {
        let polling = optional!("iceoryx2", there_and_back(iceoryx::ends(Wait::Polling, 64), 64));
        round_trip(row, 64).maybe(ICEORYX, polling).aim(SOCKET, 0.05).aim(ICEORYX, 0.4)
    });
    row(run, "4 KiB there and back", |row| round_trip(row, 4 * KIB).aim(SOCKET, 0.2));
    row(run, "64 B there and back, without spinning", |row| {
        let events = optional!("iceoryx2", there_and_back(iceoryx::ends(Wait::Events, 64), 64));
        row.with(SLEEPING, there_and_back(ours(Spin::Never), 64))
            .with(SOCKET, there_and_back(sockets(), 64))
            .maybe(ICEORYX_EVENTS, events)
            .aim(SOCKET, 1.0)
            .aim(ICEORYX_EVENTS, 0.8)
    });
    row(run, "64 B there and back, 2 busy processes on each processor", |row| {
        row.per(BUSY_MESSAGES as usize)
            .with("safemap", under_load(there_and_back(ours(Spin::Learn), 64)))
            .with(SLEEPING, under_load(there_and_back(ours(Spin::Never), 64)))
            .with(SOCKET, under_load(there_and_back(sockets(), 64)))
    });
    row(run, "1 MiB there and back", |row| {
        row.with("safemap", there_and_back(ours(Spin::Learn), MIB))
            .with(SOCKET, there_and_back(sockets(), MIB))
    });
    one_ways(run);
    row(run, "64 B one way, 2 senders", |row| {
        row.per(PAIR as usize)
            .with("safemap", from_others(ours_with::<2>(Spin::Learn), 64, PAIR))
            .with(SLEEPING, from_others(ours_with::<2>(Spin::Never), 64, PAIR))
            .with(ONE_SOCKET, from_others(one_socket(), 64, PAIR))
            .aim(ONE_SOCKET, 0.25)
    });
    idle::answer(run);
    Ok(())
}

fn round_trip(row: Row<'static>, len: usize) -> Row<'static> {
    row.with("safemap", there_and_back(ours(Spin::Learn), len))
        .with(SLEEPING, there_and_back(ours(Spin::Never), len))
        .with(SOCKET, there_and_back(sockets(), len))
        .with(PIPE, there_and_back(pipes(), len))
}

fn one_ways(run: &Run) {
    row(run, "64 B one way", |row| {
        let ipc_channel = optional!("ipc-channel", one_way(ipc_channel::ends(), 64, 1));
        let polling = optional!("iceoryx2", one_way(iceoryx::ends(Wait::Polling, 64), 64, 1));
        streams(row, 64, 1)
            .with(THREADS, two_threads())
            .maybe(IPC_CHANNEL, ipc_channel)
            .maybe(ICEORYX, polling)
            .aim(SOCKET, 0.1)
            .aim(PIPE, 0.15)
            .aim(THREADS, 2.0)
            .aim(IPC_CHANNEL, 0.1)
            .aim(ICEORYX, 0.15)
    });
    row(run, "4 KiB one way", |row| streams(row, 4 * KIB, 1).aim(SOCKET, 0.35));
    // Several for each sample: a single one would be a way there, and no stream.
    row(run, "1 MiB one way", |row| streams(row.per(16), MIB, 16).aim(SOCKET, 0.95));
}

fn streams(row: Row<'static>, len: usize, messages: u64) -> Row<'static> {
    row.with("safemap", one_way(ours(Spin::Learn), len, messages))
        .with(SOCKET, one_way(sockets(), len, messages))
        .with(PIPE, one_way(pipes(), len, messages))
}

/// Processes that compute all the time, two for each processor.
struct Load(Vec<Fork>);

impl Load {
    fn start() -> Load {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let compute = || loop {
            std::hint::spin_loop();
        };
        Load((0..2 * processors).map(|_| Fork::run(compute).expect("fork")).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|process| process.kill().expect("kill"));
    }
}

/// Exchanges messages while all processors are busy. A piece of the work is longer than the time
/// slice of a process.
fn under_load(mut work: Work<'static>) -> Work<'static> {
    Box::new(move |times| {
        let _load = Load::start();
        work(times * BUSY_MESSAGES)
    })
}

/// The bound: messages of 64 bytes from one thread to another.
fn two_threads() -> Work<'static> {
    let (mut near, mut far) = rtrb::RingBuffer::<[u8; 64]>::new(32 * KIB);
    let (mut sent, mut expected) = (Numbered::new(64, 0), Numbered::new(64, 0));
    Box::new(move |times| {
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..times {
                    expected.check(&spin(|| far.pop().ok()));
                }
            });
            for _ in 0..times {
                let message = *sent.next().first_chunk().expect("64 bytes");
                spin(|| near.push(message).ok());
            }
        });
        since(begun)
    })
}

/// Tries until there is a result.
fn spin<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        std::hint::spin_loop();
    }
}
