//! Sends a million messages to another process, which sends each of them back: `cargo run --release
//! --example channel`.
//!
//! With arguments it is one of the two processes, and `python/examples/channel.py` may be the other
//! one: `channel FOLDER` sends, `channel FOLDER echo` sends back.
#![forbid(unsafe_code)]

use std::{env, error::Error, path::Path, process::Command, thread, time::Instant};

use safemap::{Error::Disconnected, ipc::Channel};

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => {
            let folder = tempfile::tempdir()?;
            let mut other =
                Command::new(env::current_exe()?).arg(folder.path()).arg("echo").spawn()?;
            exchange(folder.path(), 1_000_000)?;
            other.wait()?;
            Ok(())
        }
        [folder] => exchange(Path::new(folder), 1_000_000),
        [folder, _echo] => echo(Path::new(folder)),
        _ => Err("usage: channel [FOLDER [echo]]".into()),
    }
}

pub(crate) fn exchange(folder: &Path, count: u64) -> Result {
    let there = Channel::options().open_or_create(folder.join("there.ch"))?;
    let back = Channel::options().open_or_create(folder.join("back.ch"))?;
    let (mut sender, mut receiver) = (there.sender()?, back.receiver()?);
    let start = Instant::now();
    let sending = thread::spawn(move || (0..count).try_for_each(|n| sender.send(&n.to_le_bytes())));
    let mut message = Vec::new();
    for n in 0..count {
        receiver.recv(&mut message)?;
        assert_eq!(message, n.to_le_bytes());
    }
    sending.join().expect("the thread does not panic")?;
    println!("{count} messages there and back in {:.2?}", start.elapsed());
    Ok(())
}

pub(crate) fn echo(folder: &Path) -> Result {
    let there = Channel::options().open_or_create(folder.join("there.ch"))?;
    let back = Channel::options().open_or_create(folder.join("back.ch"))?;
    let (mut receiver, mut sender) = (there.receiver()?, back.sender()?);
    let mut message = Vec::new();
    loop {
        match receiver.recv(&mut message) {
            Err(Disconnected { died: false }) => return Ok(()),
            received => received?,
        };
        sender.send(&message)?;
    }
}
