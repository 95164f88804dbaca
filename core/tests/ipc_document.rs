//! The examples of `docs/ipc.md`, which run here.
#![forbid(unsafe_code)]
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{env, sync::atomic::Ordering};

use safemap::{
    Access, Map, Options, Result,
    ipc::{self, Channel, Journal, Liveness, LockKind, Mutex, ReadFrom},
};
use safemap_testing::{TempFile, document, succeeds_in_child};

const OWNER: usize = 8;

fn map() -> Result<Map> {
    Options::new().access(Access::Write).open(TempFile::new(&[0; 128]).path())
}

#[test]
fn each_example_of_the_document_is_here() {
    let (text, here) = (include_str!("../../docs/ipc.md"), include_str!("ipc_document.rs"));
    document::ensure_examples_are_in(text, here, 6);
}

#[test]
fn a_word_is_changed_atomically() -> Result<()> {
    let map = map()?;
    let hits = map.atomic::<u64>(64)?;
    hits.fetch_add(1, Ordering::Relaxed)?;
    assert_eq!(map.load::<u64>(64)?, 1);
    Ok(())
}

#[test]
fn an_id_is_alive_as_its_process_is() -> Result<()> {
    let map = map()?;
    let take_over = || panic!("this process exists");
    let liveness = Liveness::join(&map)?;
    map.store(liveness.id().unwrap(), OWNER)?;
    // In another process:
    if !Liveness::is_alive(&map, map.load(OWNER)?)? {
        take_over();
    }
    Ok(())
}

#[test]
fn a_range_is_locked() -> Result<()> {
    let (map, record) = (map()?, [7; 64]);
    let guard = map.lock_range(0..64, LockKind::Exclusive)?; // or Shared
    map.write_at(&record, 0)?;
    drop(guard);
    Ok(())
}

#[test]
fn a_mutex_reports_that_its_owner_crashed() -> Result<()> {
    let map = map()?;
    // A crashed owner.
    map.store(7_u64 << 2, 0)?;
    let repair = |map: &Map| map.store(1_u64, 64);
    let mutex = Mutex::new(&map, 0)?; // 16 bytes of a shared, writable map of a file
    let guard = mutex.lock()?;
    if guard.owner_died() {
        repair(&map)?;
        guard.mark_consistent();
    }
    assert_eq!(map.load::<u64>(64)?, 1);
    Ok(())
}

#[test]
fn messages_are_sent_and_received() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        env::set_current_dir(folder.path()).unwrap();
        let (len, bytes) = exchange().unwrap();
        assert_eq!((len, &bytes[..64]), (5, &[1; 64][..]));
    });
}

/// Returns the length of the first message, and the second one.
fn exchange() -> Result<(usize, Vec<u8>)> {
    let (header, mut bytes) = ([1; 64], vec![]);
    let channel = Channel::options().capacity(1 << 20).open_or_create("jobs.ch")?;

    let mut sender = channel.sender()?;
    sender.send(b"hello")?; // also try_send, send_timeout, send_many
    let claim = sender.claim(4096)?; // space in the ring, to be written in place
    claim.write_at(&header, 0)?;
    claim.commit()?; // a claim that is dropped sends nothing

    let mut receiver = channel.receiver()?;
    let len = receiver.recv(&mut bytes)?; // at most once; also try_recv, recv_timeout, recv_many
    let message = receiver.peek()?; // at least once: it stays until it is accepted
    bytes.resize(message.len(), 0);
    message.read_at(&mut bytes, 0)?;
    message.accept()?;
    Ok((len, bytes))
}

#[test]
fn records_are_appended_and_read() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        env::set_current_dir(folder.path()).unwrap();
        append_and_read().unwrap();
    });
}

fn append_and_read() -> Result<()> {
    let mut record = vec![];
    let journal = Journal::open_or_create("events.jnl")?;

    let mut writer = journal.writer()?;
    let first = writer.append(b"hello")?; // other processes can read it; also append_many
    writer.sync()?; // it is on the disk, with all before it
    writer.finish()?; // readers learn that no more records come

    let mut reader = journal.reader(ReadFrom::Start)?; // or End, At(position), After(position)
    let position = reader.next(&mut record)?; // waits; also try_next, next_timeout
    assert_eq!((position, &record[..]), (first, &b"hello"[..]));
    for record in reader.available() {
        println!("{:?}", record?); // those that are there; records() waits, and ends at finish
    }
    Ok(())
}

#[test]
fn shared_memory_is_mapped_by_its_name() -> Result<()> {
    // What a test that was terminated has left.
    let _ = ipc::remove_shared_memory("frames-of-camera-2");
    let map = Options::new().create_new(true).len(640 * 480).shared_memory("frames-of-camera-2")?;
    map.fill(7, ..)?;
    // In another process:
    let same = Options::new().shared_memory("frames-of-camera-2")?;
    assert_eq!(same.get(0)?, 7);
    ipc::remove_shared_memory("frames-of-camera-2")?;
    Ok(())
}
