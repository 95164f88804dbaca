//! Messages to and from other processes: the work of the other side, and its time.

use std::{
    io::{PipeReader, PipeWriter, Read, Write, pipe},
    sync::atomic::Ordering::{Acquire, Release},
    thread,
    time::{Duration, Instant},
};

use safemap::{Map, Options, Sharing};
use safemap_testing::process::Fork;

use crate::{
    links::{Ends, Far, Link, Star},
    measure::{Work, since},
    run::KIB,
};

/// How many messages are compared as a whole, before the time counts.
const COMPARED: u64 = 32;
/// What the other process stores instead of a number when it has failed.
const FAILED: u64 = u64::MAX;

/// Another process, which works whenever it is asked to.
pub(crate) struct Other {
    process: Option<Fork>,
    ask: PipeWriter,
    begun: PipeReader,
}

impl Other {
    /// Starts a process. `prepare` runs there, and returns what does that many pieces of the work.
    pub(crate) fn start<W: FnMut(u64)>(prepare: impl FnOnce() -> W) -> Other {
        let ((mut asked, ask), (begun, mut begin)) = (pipe().expect("pipe"), pipe().expect("pipe"));
        let work = || {
            let mut work = prepare();
            let mut times = [0; 8];
            while asked.read_exact(&mut times).is_ok() && times != [0; 8] {
                begin.write_all(&[0]).expect("write");
                work(u64::from_ne_bytes(times));
            }
            0
        };
        let process = Some(Fork::run(work).expect("fork"));
        Other { process, ask, begun }
    }

    /// Lets the process do the work that many times. Returns when it begins.
    pub(crate) fn begin(&mut self, times: u64) {
        self.ask.write_all(&times.to_ne_bytes()).expect("write");
        self.begun.read_exact(&mut [0]).expect("the other process works");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.ask.write_all(&[0; 8]);
        let process = self.process.take().expect("it was started");
        process.wait_timeout(Duration::from_secs(1)).expect("wait");
    }
}

/// Messages that begin with their numbers, from 1 on, and end with the index of their sender.
#[derive(Debug, PartialEq)]
pub(crate) struct Numbered {
    bytes: Vec<u8>,
    number: u64,
}

impl Numbered {
    pub(crate) fn new(len: usize, sender: u8) -> Numbered {
        let mut bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
        bytes[len - 1] = sender;
        Numbered { bytes, number: 0 }
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> &[u8] {
        self.number += 1;
        self.bytes[..8].copy_from_slice(&self.number.to_ne_bytes());
        &self.bytes
    }

    /// Panics if a message is not the next one. Compares the first ones as a whole.
    pub(crate) fn check(&mut self, message: &[u8]) {
        let compared = if self.number < COMPARED { self.bytes.len() } else { 8 };
        let next = self.next();
        assert_eq!(message.len(), next.len());
        assert_eq!(message[..compared], next[..compared]);
    }
}

/// A page of words that processes share.
pub(crate) fn words() -> Map {
    let page = Options::new().len(4 * KIB).sharing(Sharing::Shared).anonymous();
    page.expect("map a page")
}

/// Loads a word of such a page.
pub(crate) fn load(words: &Map, at: usize) -> u64 {
    words.atomic::<u64>(at).and_then(|word| word.load(Acquire)).expect("load a word")
}

/// Stores a word of such a page.
pub(crate) fn store(words: &Map, at: usize, value: u64) {
    words.atomic::<u64>(at).and_then(|word| word.store(value, Release)).expect("store a word");
}

/// Waits until the word at offset 0 has the value. Panics if the other process has failed.
fn await_word(words: &Map, value: u64) {
    while load(words, 0) != value {
        assert_ne!(load(words, 0), FAILED, "the other process has failed");
        thread::yield_now();
    }
}

/// Reports a panic of this process to the one that waits for a word.
struct Report<'a>(&'a Map);

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            store(self.0, 0, FAILED);
        }
    }
}

/// Sends messages to a process that sends them back.
pub(crate) fn there_and_back<L: Link + 'static>(ends: Ends<L>, len: usize) -> Work<'static> {
    let (mut near, far) = ends.expect("a connection");
    let mut other = Other::start(|| echo(far));
    let (mut sent, mut expected) = (Numbered::new(len, 0), Numbered::new(len, 0));
    let mut answer = Vec::new();
    warm(move |times| {
        other.begin(times);
        let begun = Instant::now();
        for _ in 0..times {
            near.send(sent.next());
            near.recv(&mut answer);
            expected.check(&answer);
        }
        since(begun)
    })
}

/// Sends back that many messages.
fn echo<L: Link>(far: Far<L>) -> impl FnMut(u64) {
    let (mut far, mut message) = (far().expect("a connection"), Vec::new());
    move |times| {
        for _ in 0..times {
            far.recv(&mut message);
            far.send(&message);
        }
    }
}

/// Sends that many messages for each piece of work, to a process that counts them.
pub(crate) fn one_way<L: Link + 'static>(
    ends: Ends<L>,
    len: usize,
    messages: u64,
) -> Work<'static> {
    let ((mut near, far), counted) = (ends.expect("a connection"), words());
    let mut other = Other::start(|| count(far, len, &counted));
    let mut sent = Numbered::new(len, 0);
    warm(move |times| {
        let total = times * messages;
        other.begin(total);
        let begun = Instant::now();
        for _ in 0..total {
            near.send(sent.next());
        }
        await_word(&counted, sent.number);
        since(begun)
    })
}

/// Receives that many messages, and then stores the number of the last one.
fn count<L: Link>(far: Far<L>, len: usize, counted: &Map) -> impl FnMut(u64) {
    let (mut far, mut message) = (far().expect("a connection"), Vec::new());
    let mut expected = Numbered::new(len, 0);
    move |times| {
        let _report = Report(counted);
        for _ in 0..times {
            far.recv(&mut message);
            expected.check(&message);
        }
        store(counted, 0, expected.number);
    }
}

/// Receives that many messages of `N` other processes for each piece of work.
pub(crate) fn from_others<L: Link + 'static, const N: usize>(
    ends: Star<L, N>,
    len: usize,
    messages: u64,
) -> Work<'static> {
    let ((mut near, far), start) = (ends.expect("connections"), words());
    let mut expected: Vec<Numbered> = (0..N).map(|at| Numbered::new(len, at as u8)).collect();
    let begin = |(at, far): (usize, Far<L>)| {
        Other::start(|| send(far, Numbered::new(len, at as u8), &start))
    };
    let mut others: Vec<Other> = far.into_iter().enumerate().map(begin).collect();
    let (mut message, mut batch) = (Vec::new(), 0);
    warm(move |times| {
        let total = times * messages;
        others.iter_mut().for_each(|other| other.begin(total / N as u64));
        batch += 1;
        let begun = Instant::now();
        store(&start, 0, batch);
        for _ in 0..total {
            near.recv(&mut message);
            expected[usize::from(message[len - 1])].check(&message);
        }
        since(begun)
    })
}

/// Sends that many messages when the word has been stored.
fn send<L: Link>(far: Far<L>, mut sent: Numbered, start: &Map) -> impl FnMut(u64) {
    let (mut far, mut batch) = (far().expect("a connection"), 0);
    move |times| {
        batch += 1;
        await_word(start, batch);
        for _ in 0..times {
            far.send(sent.next());
        }
    }
}

/// Does the work once, so that the first messages are not timed.
fn warm(mut work: impl FnMut(u64) -> f64 + 'static) -> Work<'static> {
    work(COMPARED);
    Box::new(work)
}
