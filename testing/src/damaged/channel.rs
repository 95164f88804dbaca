//! Channels with damaged words.

use std::fs::File;

use safemap::{
    Error, Result,
    ipc::{Channel, Receiver, Sender},
};

use super::{TIMEOUT, Words};
use crate::decode::Decoder;

const CAPACITY: usize = 4096;
const USED: [usize; 14] = [16, 18, 19, 32, 48, 64, 80, 96, 97, 98, 99, 128, 192, 512];

/// Runs the program that `bytes` encode. Each call may return any result.
///
/// # Panics
///
/// If a call takes much longer than its timeout, or returns a message longer than the channel.
pub fn use_damaged_channel(bytes: &[u8]) {
    let mut steps = Decoder(bytes);
    let limit = u64::from(steps.byte() % 3);
    let Ok(file) = file_of_a_channel(limit) else { return };
    let words = Words::of(&file, &USED);
    words.damage_beside(&mut steps, |steps| {
        let channel = Channel::from_file(file)?;
        let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
        words.repeat(steps, |steps| call(&channel, &mut sender, &mut receiver, steps));
        Ok(())
    });
}

/// Returns the file of a channel with some messages.
fn file_of_a_channel(limit: u64) -> Result<File> {
    let channel = Channel::options().capacity(CAPACITY).max_messages(limit).anonymous()?;
    let mut sender = channel.sender()?;
    for len in [5, 0, 1000] {
        sender.try_send(&vec![7; len])?;
    }
    let file = channel.file().try_clone_to_owned();
    file.map(File::from).map_err(|source| Error::Os { call: "clone", source })
}

fn call(
    channel: &Channel,
    sender: &mut Sender,
    receiver: &mut Receiver,
    steps: &mut Decoder<'_>,
) -> Result<()> {
    let (mut bytes, mut messages) = (Vec::new(), Vec::new());
    match steps.byte() % 32 {
        31 => sender.send_timeout(&message(steps), TIMEOUT).map(drop)?,
        30 => receiver.recv_timeout(&mut bytes, TIMEOUT).map(drop)?,
        29 => receiver.recv_many_timeout(&mut messages, 5, TIMEOUT).map(drop)?,
        0..6 => receiver.try_peek()?.map_or(Ok(()), |message| message.accept())?,
        6..9 => drop(receiver.try_peek()?),
        9..12 => sender.try_claim(steps.number())?.map_or(Ok(()), |claim| claim.commit())?,
        12..14 => drop((channel.sender()?, channel.receiver()?)),
        14..17 => drop((channel.len()?, channel.is_empty()?, channel.peers()?)),
        17..24 => sender.try_send(&message(steps)).map(drop)?,
        _ => receiver.try_recv(&mut bytes).map(drop)?,
    }
    assert!(bytes.len() <= CAPACITY && messages.iter().all(|it: &Vec<u8>| it.len() <= CAPACITY));
    Ok(())
}

fn message(steps: &mut Decoder<'_>) -> Vec<u8> {
    vec![7; steps.number() % (CAPACITY + 9)]
}
