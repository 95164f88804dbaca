//! Files of which another process cuts off the end, while they are used: each call reports that in
//! the documented way.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    fmt::Debug,
    fs::{File, OpenOptions},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use safemap::{
    Error, Result,
    ipc::{Channel, Journal, JournalReader, JournalWriter, Mutex, ReadFrom, Receiver, Sender},
    page_size,
};
use safemap_testing::{PAGE, TempFile, noise, succeeds_in_child};
use tempfile::TempDir;

const BRIEFLY: Duration = Duration::from_millis(2);

fn file_in(folder: &TempDir) -> File {
    OpenOptions::new().write(true).open(folder.path().join("file")).unwrap()
}

/// To what a file is cut. With larger pages, the rest of one looks like a file that is empty.
fn lengths() -> impl Iterator<Item = u64> {
    [0, 96, 4096, 5000, 8192, 20_000].into_iter().filter(|&len| len == 0 || page_size() == 4096)
}

/// `is_error`: nothing is left of the file.
#[track_caller]
fn assert_cut(result: &Result<()>, context: &dyn Debug, is_error: bool) {
    match result {
        Ok(()) => assert!(!is_error, "{context:?} succeeds"),
        Err(Error::Fault { .. }) => {}
        Err(error) => panic!("{context:?}: {error:?}"),
    }
}

struct Log {
    journal: Journal,
    writer: JournalWriter,
    reader: JournalReader,
}

type LogCall = fn(&mut Log) -> Result<()>;

const OF_JOURNALS: [(&str, LogCall); 13] = [
    ("writer", |it| it.journal.writer()?.append(b"more").map(drop)),
    ("reader, start", |it| it.journal.reader(ReadFrom::Start)?.try_next(&mut vec![]).map(drop)),
    ("reader, end", |it| it.journal.reader(ReadFrom::End)?.try_next(&mut vec![]).map(drop)),
    ("append", |it| it.writer.append(b"more").map(drop)),
    ("append, long", |it| it.writer.append(&[1; 100_000]).map(drop)),
    ("append_many", |it| it.writer.append_many([b"more"]).map(drop)),
    ("sync", |it| it.writer.sync()),
    ("finish", |it| it.writer.finish()),
    ("next", |it| it.reader.next(&mut vec![]).map(drop)),
    ("try_next", |it| it.reader.try_next(&mut vec![]).map(drop)),
    ("next_timeout", |it| it.reader.next_timeout(&mut vec![], BRIEFLY).map(drop)),
    ("available", |it| it.reader.available().try_for_each(|record| record.map(drop))),
    ("the first call that waits", |it| {
        let _ = it.reader.try_next(&mut vec![]);
        it.reader.next_timeout(&mut vec![], BRIEFLY).map(drop)
    }),
];

#[test]
fn calls_on_a_journal_that_was_cut_are_faults_or_damage() {
    succeeds_in_child(|| {
        for (name, call) in OF_JOURNALS {
            for len in lengths().filter(|&len| len < 9000) {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("file");
                let journal = Journal::options().allocate(4096).open_or_create(path).unwrap();
                let mut writer = journal.writer().unwrap();
                writer.append(&noise(1, 9000)).unwrap();
                let reader = journal.reader(ReadFrom::Start).unwrap();
                file_in(&folder).set_len(len).unwrap();
                let mut log = Log { journal, writer, reader };
                // The first call may map the shorter file.
                for time in 0..2 {
                    let result = call(&mut log);
                    if !matches!(result, Err(Error::Corrupt { .. })) {
                        assert_cut(&result, &(name, len, time), len == 0);
                    }
                }
            }
        }
    });
}

struct Ring {
    channel: Channel,
    sender: Sender,
    receiver: Receiver,
}

type RingCall = fn(&mut Ring) -> Result<()>;

const OF_CHANNELS: [(&str, RingCall); 17] = [
    ("sender", |it| it.channel.sender()?.try_send(b"more").map(drop)),
    ("receiver", |it| it.channel.receiver()?.try_recv(&mut vec![]).map(drop)),
    ("len", |it| it.channel.len().map(drop)),
    ("is_empty", |it| it.channel.is_empty().map(drop)),
    ("peers", |it| it.channel.peers().map(drop)),
    ("send", |it| it.sender.send(b"more")),
    ("try_send", |it| it.sender.try_send(b"more").map(drop)),
    ("send_timeout", |it| it.sender.send_timeout(b"more", BRIEFLY).map(drop)),
    ("send_many", |it| it.sender.send_many([b"more"]).map(drop)),
    ("claim", |it| {
        let claim = it.sender.claim(4)?;
        claim.write_at(b"more", 0)?;
        claim.commit()
    }),
    ("try_claim", |it| it.sender.try_claim(4).map(drop)),
    ("recv", |it| it.receiver.recv(&mut vec![]).map(drop)),
    ("try_recv", |it| it.receiver.try_recv(&mut vec![]).map(drop)),
    ("recv_timeout", |it| it.receiver.recv_timeout(&mut vec![], BRIEFLY).map(drop)),
    ("recv_many", |it| it.receiver.recv_many(&mut vec![], 9).map(drop)),
    ("peek", |it| it.receiver.peek()?.accept()),
    ("try_peek", |it| it.receiver.try_peek().map(drop)),
];

#[test]
fn calls_on_a_channel_that_was_cut_are_faults() {
    succeeds_in_child(|| {
        for (name, call) in OF_CHANNELS {
            for len in lengths() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("file");
                let channel = Channel::options().capacity(1 << 16).open_or_create(path).unwrap();
                let (sender, receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
                let mut ring = Ring { channel, sender, receiver };
                ring.sender.send(&noise(1, 30_000)).unwrap();
                file_in(&folder).set_len(len).unwrap();
                for time in 0..2 {
                    assert_cut(&call(&mut ring), &(name, len, time), len == 0);
                }
            }
        }
    });
}

type MapCall = fn(&safemap::Map) -> Result<()>;

const OF_MAPS: [(&str, MapCall); 10] = [
    ("Mutex::try_lock", |map| Mutex::new(map, PAGE)?.try_lock().map(drop)),
    ("Mutex::lock", |map| Mutex::new(map, PAGE)?.lock().map(drop)),
    ("Mutex::lock_timeout", |map| Mutex::new(map, PAGE)?.lock_timeout(BRIEFLY).map(drop)),
    ("Mutex::holder", |map| Mutex::new(map, PAGE)?.holder().map(drop)),
    ("load", |map| map.atomic::<u64>(PAGE)?.load(Relaxed).map(drop)),
    ("store", |map| map.atomic::<u64>(PAGE)?.store(1, Relaxed)),
    ("fetch_add", |map| map.atomic::<u32>(PAGE)?.fetch_add(1, Relaxed).map(drop)),
    ("swap", |map| map.atomic::<f64>(PAGE)?.swap(1.0, Relaxed).map(drop)),
    ("wait", |map| map.wait(PAGE, 0, Some(BRIEFLY)).map(drop)),
    ("notify", |map| map.notify(PAGE, 1)),
];

#[test]
fn words_and_mutexes_of_a_map_that_was_cut_are_faults() {
    succeeds_in_child(|| {
        for (name, call) in OF_MAPS {
            for len in [0, 1, PAGE as u64] {
                let file = TempFile::new(&[0; 2 * PAGE]);
                let map = file.map();
                file.set_len(len);
                let result = call(&map);
                assert!(
                    matches!(result, Err(Error::Fault { offset: PAGE })),
                    "{name}, {len}: {result:?}"
                );
            }
        }
    });
}
