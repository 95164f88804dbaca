//! What does a message cost if many processes wait for it?

use std::{
    io::{self, Read, Write},
    sync::atomic::Ordering::SeqCst,
    thread,
    time::Duration,
};

use safemap::ipc::Spin;
use safemap_testing::process::Fork;

use super::*;
use crate::{
    links::channel,
    traffic::{Numbered, load, store, words},
};

const RECEIVERS: u64 = 63;
const LEN: usize = 64;
/// Offsets of words: how many processes wait, how many messages came, and the number of the last.
const READY: usize = 0;
const CAME: usize = 8;
const LAST: usize = 16;

pub(super) fn answer(run: &Run) {
    let name = "64 B, processor time, 63 idle receivers";
    if !run.asks(name) {
        return;
    }
    let messages = if run.quick { 2 } else { 50 };
    Row::new(name)
        .unit("µs of processor time")
        .per(messages as usize * 1000)
        .rounds(15)
        .with("safemap", ours(Spin::Learn, messages))
        .with("safemap, Spin::Never", ours(Spin::Never, messages))
        .with("pipe", pipe(messages))
        .done(run);
}

fn ours(spin: Spin, messages: u64) -> Work<'static> {
    let channel = channel(spin).anonymous().expect("a channel");
    let receiver = || {
        let mut receiver = channel.receiver().expect("a receiver");
        move |message: &mut Vec<u8>| {
            receiver.recv(message).expect("recv");
        }
    };
    let crowd = Crowd::start(receiver);
    // Not before: a child would inherit it, and more than 64 processes cannot send.
    let mut sender = channel.sender().expect("a sender");
    crowd.served(messages, move |message| sender.send(message).expect("send"))
}

/// The messages have one length, so that none needs to be read in two calls by one process.
fn pipe(messages: u64) -> Work<'static> {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let receiver = || {
        |message: &mut Vec<u8>| {
            message.resize(LEN, 0);
            (&reader).read_exact(message).expect("read");
        }
    };
    let crowd = Crowd::start(receiver);
    crowd.served(messages, move |message| writer.write_all(message).expect("write"))
}

/// Processes that wait for messages of one channel.
struct Crowd {
    processes: Vec<Fork>,
    words: Map,
}

impl Crowd {
    fn start<R: FnMut(&mut Vec<u8>)>(receiver: impl Fn() -> R) -> Crowd {
        let words = words();
        let wait = || receive(receiver(), &words);
        let start = |_| Fork::run(wait).expect("fork");
        let processes = (0..RECEIVERS).map(start).collect();
        until(|| load(&words, READY) == RECEIVERS);
        Crowd { processes, words }
    }

    /// Sends that many messages for each piece of work, each when all processes sleep. Returns the
    /// processor time of all processes that take part.
    fn served(self, messages: u64, mut send: impl FnMut(&[u8]) + 'static) -> Work<'static> {
        let (mut sent, mut count) = (Numbered::new(LEN, 0), 0);
        Box::new(move |times| {
            let (before, mut sending) = (self.processor_time(), 0.0);
            for _ in 0..times * messages {
                let begun = peers::own_processor_time();
                send(sent.next());
                sending += peers::own_processor_time() - begun;
                count += 1;
                until(|| load(&self.words, CAME) == count);
                assert_eq!(load(&self.words, LAST), count);
            }
            sending + self.processor_time() - before
        })
    }

    fn processor_time(&self) -> f64 {
        let time = |process: &Fork| peers::processor_time(process.id()).expect("it runs");
        self.processes.iter().map(time).sum()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.processes.drain(..).for_each(|process| process.kill().expect("kill"));
    }
}

/// Waits until something is the case, and then until the processes sleep again. Sleeping costs the
/// other processes nothing.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_micros(100));
    }
    thread::sleep(Duration::from_millis(1));
}

/// Receives messages for ever, and counts them.
fn receive(mut receive: impl FnMut(&mut Vec<u8>), words: &Map) -> i32 {
    let mut message = Vec::new();
    add(words, READY);
    loop {
        receive(&mut message);
        assert_eq!(message.len(), LEN);
        let (number, _) = message.split_first_chunk().expect("its length is known");
        store(words, LAST, u64::from_ne_bytes(*number));
        add(words, CAME);
    }
}

fn add(words: &Map, at: usize) {
    words.atomic::<u64>(at).and_then(|word| word.fetch_add(1, SeqCst)).expect("add to a word");
}
