//! What a handle makes of a look that finds no process.

use std::cell::Cell;

use super::super::{Channel, receiver::Receiver};
use crate::{Error, Result};

/// A receiver whose sender has left.
fn last_receiver() -> (Channel, Receiver) {
    let channel = Channel::anonymous().unwrap();
    let (sender, receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    drop(sender);
    (channel, receiver)
}

fn looked(receiver: &Receiver, is_ready: impl Fn() -> Result<bool>) -> Result<()> {
    receiver.waiter.look(&receiver.shared.file.memory("recv"), is_ready)
}

/// The last sender may have sent a message, and left, since the receiver found none.
#[test]
fn a_receiver_asks_for_messages_after_it_found_no_sender() {
    let (_channel, receiver) = last_receiver();
    assert!(looked(&receiver, || Ok(true)).is_ok());
    let gone = looked(&receiver, || Ok(false));
    assert!(matches!(gone, Err(Error::Disconnected { died: false })));
}

#[test]
fn a_receiver_that_finds_a_sender_does_not_ask_for_messages() {
    let (channel, receiver) = last_receiver();
    let _sender = channel.sender().unwrap();
    let asked = Cell::new(false);
    assert!(looked(&receiver, || Ok(asked.replace(true))).is_ok());
    assert!(!asked.get());
}
