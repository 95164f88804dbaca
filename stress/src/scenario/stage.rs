//! A file that processes use until they are killed, and the messages that they write to it.
//!
//! Each message says which process wrote it and which of its messages it is, and its other bytes
//! follow from that. So a process that checks knows every byte.

use std::collections::BTreeMap;

use super::*;

pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(1500);
pub(super) const WORKERS: usize = 3;

/// Where the words of the file of counts are. Of each worker one says how many of its messages were
/// acknowledged.
pub(super) const END: usize = 0;
/// In microseconds.
pub(super) const WAITED: usize = 8;
pub(super) const MESSAGES: usize = 16;
pub(super) const COUNTS: usize = 64;

/// The place of the file, and a file in which processes count.
pub(super) struct Stage {
    folder: tempfile::TempDir,
    counts: TempFile,
    pub(super) control: bool,
}

impl Stage {
    pub(super) fn new(settings: &Settings) -> Result<Stage> {
        let (folder, counts) = (tempfile::tempdir()?, TempFile::sparse(1 << 24));
        Ok(Stage { folder, counts, control: settings.control })
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("file")
    }

    /// Without the protection all owners count as crashed.
    pub(super) fn hide_tokens(&self) -> Result<()> {
        if self.control {
            unmap_inaccessible_pages(&self.path())?;
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> Map {
        self.counts.map()
    }

    pub(super) fn has_ended(&self) -> Result<bool> {
        Ok(self.counts().load::<u64>(END)? == 1)
    }

    /// Starts a process that does `work` until it is killed, or its parent ends.
    pub(super) fn start(&self, work: impl FnOnce() -> Result<()>) -> std::io::Result<Fork> {
        Fork::run(|| match work() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("a process ended: {error}");
                1
            }
        })
    }

    /// Returns what the processes have counted.
    pub(super) fn report(
        &self,
        settings: &Settings,
        (kills, what): (usize, &'static str),
        takeovers: u64,
    ) -> Result {
        let counts = self.counts();
        let waited = Duration::from_micros(counts.load(WAITED)?);
        assert!(waited < LONGEST_WAIT, "a process waited for {waited:?}");
        assert!(takeovers >= settings.times(1, 100) as u64, "{takeovers} locks taken over");
        let messages: u64 = counts.load(MESSAGES)?;
        let note =
            format!("{messages} messages, {takeovers} locks taken over, longest wait {waited:?}");
        Ok(Report::new(kills, what).note(note))
    }
}

pub(super) fn note_wait(counts: &Map, start: Instant) -> Result<()> {
    let waited = start.elapsed().as_micros() as u64;
    Ok(counts.store(counts.load::<u64>(WAITED)?.max(waited), WAITED)?)
}

/// Where the number of acknowledged messages of a worker is.
pub(super) fn acknowledged(id: u64) -> usize {
    COUNTS - 8 + 8 * id as usize
}

/// Returns a message of at most `LONGEST` bytes and 16 more.
pub(super) fn message<const LONGEST: u64>(id: u64, number: u64) -> Vec<u8> {
    let len = (id * 7919 + number * 104_729) % LONGEST;
    let mut message = [id.to_le_bytes(), number.to_le_bytes()].concat();
    message.extend(noise(id << 32 | number, len as usize));
    message
}

/// Returns the writer and the number of a message that is complete.
pub(super) fn checked<const LONGEST: u64>(bytes: &[u8]) -> (u64, u64) {
    let [id, number] =
        [0, 8].map(|at| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")));
    assert!(bytes == message::<LONGEST>(id, number), "message {number} of process {id} is torn");
    (id, number)
}

/// Checks that no message of a worker is missing that was acknowledged. `next`: of each worker, the
/// number behind its last message that came.
pub(super) fn ensure_all_came(counts: &Map, next: &BTreeMap<u64, u64>) -> Result<()> {
    for (id, acknowledged) in (1..).zip(counts.view(COUNTS..)?.chunks(8)) {
        let (acknowledged, next) = (acknowledged.load::<u64>(0)?, next.get(&id).unwrap_or(&0));
        assert!(acknowledged <= *next, "worker {id}: {acknowledged} acknowledged, {next} came");
    }
    Ok(())
}
