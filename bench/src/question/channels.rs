//! How fast do messages go from one process to another?

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::atomic::Ordering::{Acquire, Release},
    thread,
    time::Instant,
};

use safemap::{
    Sharing,
    ipc::{Channel, Receiver, Sender, Spin},
};
use safemap_testing::process::Fork;

use super::*;
use crate::measure::since;

const SOCKET: &str = "Unix socket";
const PIPE: &str = "pipe";
const THREADS: &str = "rtrb, two threads";
const SLEEPING: &str = "safemap, Spin::Never";

/// The end of a connection.
trait Link {
    fn send(&mut self, message: &[u8]);
    fn recv(&mut self, message: &mut Vec<u8>);
}

struct Ours(Sender, Receiver);

impl Link for Ours {
    fn send(&mut self, message: &[u8]) {
        self.0.send(message).expect("send");
    }

    fn recv(&mut self, message: &mut Vec<u8>) {
        self.1.recv(message).expect("recv");
    }
}

/// Messages in a stream of bytes, each behind its length.
struct Framed<S: Read>(BufReader<S>, S, Vec<u8>);

impl<S: Read + Write> Framed<S> {
    fn new(reader: S, writer: S) -> Framed<S> {
        Framed(BufReader::with_capacity(64 * KIB, reader), writer, Vec::new())
    }
}

impl<S: Read + Write> Link for Framed<S> {
    fn send(&mut self, message: &[u8]) {
        // One call of the system takes less time than two.
        self.2.clear();
        self.2.extend((message.len() as u32).to_le_bytes());
        self.2.extend(message);
        self.1.write_all(&self.2).expect("write");
    }

    fn recv(&mut self, message: &mut Vec<u8>) {
        let mut len = [0; 4];
        self.0.read_exact(&mut len).expect("read");
        message.resize(u32::from_le_bytes(len) as usize, 0);
        self.0.read_exact(message).expect("read");
    }
}

/// The end of this process, and what makes that of the other one.
type Ends<L> = io::Result<(L, Box<dyn FnOnce() -> io::Result<L>>)>;

fn ours(spin: Spin) -> Ends<Ours> {
    let channel = || Channel::options().capacity(4 * MIB).spin(spin).anonymous();
    let (there, back) = (channel()?, channel()?);
    let near = Ours(there.sender()?, back.receiver()?);
    Ok((near, Box::new(move || Ok(Ours(back.sender()?, there.receiver()?)))))
}

fn sockets() -> Ends<Framed<UnixStream>> {
    let (near, far) = UnixStream::pair()?;
    let near = Framed::new(near.try_clone()?, near);
    Ok((near, Box::new(move || Ok(Framed::new(far.try_clone()?, far)))))
}

fn pipes() -> Ends<Framed<File>> {
    let file = |end: OwnedFd| File::from(end);
    let ((there, to_there), (back, to_back)) = (io::pipe()?, io::pipe()?);
    let near = Framed::new(file(back.into()), file(to_there.into()));
    Ok((near, Box::new(move || Ok(Framed::new(file(there.into()), file(to_back.into()))))))
}

pub(super) fn answer(run: &Run) -> Outcome {
    for (len, name, aim) in [(64, "64 B", 0.05), (4 * KIB, "4 KiB", 0.2)] {
        Row::new(format!("{name} there and back"))
            .with("safemap", there_and_back(ours(Spin::Learn), len))
            .with(SLEEPING, there_and_back(ours(Spin::Never), len))
            .with(SOCKET, there_and_back(sockets(), len))
            .with(PIPE, there_and_back(pipes(), len))
            .aim(SOCKET, aim)
            .done(run);
    }
    Row::new("64 B there and back, without spinning")
        .with(SLEEPING, there_and_back(ours(Spin::Never), 64))
        .with(SOCKET, there_and_back(sockets(), 64))
        .aim(SOCKET, 1.0)
        .done(run);
    Row::new("1 MiB there and back")
        .with("safemap", there_and_back(ours(Spin::Learn), MIB))
        .with(SOCKET, there_and_back(sockets(), MIB))
        .done(run);
    for (len, name, aim) in [(64, "64 B", 0.1), (4 * KIB, "4 KiB", 0.35), (MIB, "1 MiB", 0.95)] {
        let mut row = Row::new(format!("{name} one way"))
            .with("safemap", one_way(ours(Spin::Learn), len))
            .with(SOCKET, one_way(sockets(), len))
            .with(PIPE, one_way(pipes(), len))
            .aim(SOCKET, aim);
        if len == 64 {
            row = row.with(THREADS, two_threads()).aim(PIPE, 0.15).aim(THREADS, 2.0);
        }
        row.done(run);
    }
    Ok(())
}

/// A process that ends with the value.
struct Other(Option<Fork>);

impl Other {
    fn start(work: impl FnOnce()) -> Other {
        let work = || {
            work();
            0
        };
        Other(Some(Fork::run(work).expect("fork")))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.take().map(Fork::kill).transpose().expect("kill");
    }
}

/// Sends messages to a process that sends them back.
fn there_and_back<L: Link + 'static>(ends: Ends<L>, len: usize) -> Work<'static> {
    let (mut near, far) = ends.expect("a connection");
    let (message, mut answer) = (vec![7; len], Vec::new());
    let other = Other::start(|| {
        let (mut far, mut message) = (far().expect("a connection"), Vec::new());
        loop {
            far.recv(&mut message);
            far.send(&message);
        }
    });
    Box::new(move |times| {
        let (_other, begun) = (&other, Instant::now());
        for _ in 0..times {
            near.send(&message);
            near.recv(&mut answer);
        }
        since(begun)
    })
}

/// Sends messages to a process that counts them.
fn one_way<L: Link + 'static>(ends: Ends<L>, len: usize) -> Work<'static> {
    let (mut near, far) = ends.expect("a connection");
    let (message, mut sent) = (vec![7; len], 0);
    let counts = Options::new().len(4 * KIB).sharing(Sharing::Shared).anonymous();
    let counts = counts.expect("map a page");
    let other = Other::start(|| {
        let (mut far, mut message) = (far().expect("a connection"), Vec::new());
        let count = counts.atomic::<u64>(0).expect("a word");
        for received in 1.. {
            far.recv(&mut message);
            count.store(received, Release).expect("store");
        }
    });
    Box::new(move |times| {
        let (_other, begun) = (&other, Instant::now());
        for _ in 0..times {
            near.send(&message);
        }
        sent += times;
        let count = counts.atomic::<u64>(0).expect("a word");
        while count.load(Acquire).expect("load") < sent {
            thread::yield_now();
        }
        since(begun)
    })
}

/// The bound: messages of 64 bytes from one thread to another.
fn two_threads() -> Work<'static> {
    let (mut near, mut far) = rtrb::RingBuffer::<[u8; 64]>::new(32 * KIB);
    Box::new(move |times| {
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..times {
                    while far.pop().map(black_box).is_err() {
                        std::hint::spin_loop();
                    }
                }
            });
            for _ in 0..times {
                while near.push(black_box([7; 64])).is_err() {
                    std::hint::spin_loop();
                }
            }
        });
        since(begun)
    })
}
