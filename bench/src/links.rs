//! Connections between two processes: ours, and what a program would use instead.

#[cfg(feature = "iceoryx2")]
pub(crate) mod iceoryx;
#[cfg(feature = "ipc-channel")]
pub(crate) mod ipc_channel;
pub(crate) mod journal;

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use safemap::ipc::{Channel, ChannelOptions, Receiver, Sender, Spin};

use crate::run::{KIB, MIB};

/// The end of a connection.
pub(crate) trait Link {
    fn send(&mut self, message: &[u8]);
    fn recv(&mut self, message: &mut Vec<u8>);
}

/// What makes the end of a connection in another process.
pub(crate) type Far<L> = Box<dyn FnOnce() -> io::Result<L>>;

/// The end of this process, and what makes that of the other one.
pub(crate) type Ends<L> = io::Result<(L, Far<L>)>;

/// The same with several other processes.
pub(crate) type Star<L, const N: usize> = io::Result<(L, [Far<L>; N])>;

pub(crate) struct Ours(Sender, Receiver);

impl Link for Ours {
    fn send(&mut self, message: &[u8]) {
        self.0.send(message).expect("send");
    }

    fn recv(&mut self, message: &mut Vec<u8>) {
        self.1.recv(message).expect("recv");
    }
}

/// Messages in a stream of bytes, each behind its length.
pub(crate) struct Framed<S: Read>(BufReader<S>, S, Vec<u8>);

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

/// The settings of all our channels.
pub(crate) fn channel(spin: Spin) -> ChannelOptions {
    let mut options = Channel::options();
    options.capacity(4 * MIB).spin(spin);
    options
}

/// Two channels, one for each direction.
pub(crate) fn ours(spin: Spin) -> Ends<Ours> {
    let (near, [far]) = ours_with(spin)?;
    Ok((near, far))
}

/// The same with several other processes.
pub(crate) fn ours_with<const N: usize>(spin: Spin) -> Star<Ours, N> {
    let (there, back) = (channel(spin).anonymous()?, channel(spin).anonymous()?);
    let near = Ours(there.sender()?, back.receiver()?);
    let far = |_| {
        let (there, back) = (there.clone(), back.clone());
        Box::new(move || Ok(Ours(back.sender()?, there.receiver()?))) as Far<Ours>
    };
    Ok((near, std::array::from_fn(far)))
}

pub(crate) fn sockets() -> Ends<Framed<UnixStream>> {
    let (near, far) = UnixStream::pair()?;
    let near = Framed::new(near.try_clone()?, near);
    Ok((near, Box::new(move || Ok(Framed::new(far.try_clone()?, far)))))
}

/// A Unix socket with one other end, as `ours_with`.
pub(crate) fn one_socket() -> Star<Framed<UnixStream>, 1> {
    sockets().map(|(near, far)| (near, [far]))
}

pub(crate) fn pipes() -> Ends<Framed<File>> {
    let file = |end: OwnedFd| File::from(end);
    let ((there, to_there), (back, to_back)) = (io::pipe()?, io::pipe()?);
    let near = Framed::new(file(back.into()), file(to_there.into()));
    Ok((near, Box::new(move || Ok(Framed::new(file(there.into()), file(to_back.into()))))))
}
