//! Channels of the ipc-channel crate, which carry bytes through Unix sockets.

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};

use super::{Ends, Link};

pub(crate) struct Bytes(IpcBytesSender, IpcBytesReceiver);

impl Link for Bytes {
    fn send(&mut self, message: &[u8]) {
        self.0.send(message).expect("send");
    }

    fn recv(&mut self, message: &mut Vec<u8>) {
        *message = self.1.recv().expect("recv");
    }
}

pub(crate) fn ends() -> Ends<Bytes> {
    let ((to_there, there), (to_back, back)) = (bytes_channel()?, bytes_channel()?);
    Ok((Bytes(to_there, back), Box::new(move || Ok(Bytes(to_back, there)))))
}
