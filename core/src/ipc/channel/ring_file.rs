//! The mapped file of a channel.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    Map, Result,
    ipc::{file::CreationLock, viewed::Viewed},
    sys::BorrowedFile,
};

/// The map is private to the channel, so that no code of the program changes its length.
pub(super) struct RingFile {
    pub(super) map: Map,
}

/// The pause between two attempts of [`RingFile::exclusive_within`].
const PAUSE: Duration = Duration::from_millis(1);

impl RingFile {
    #[inline]
    pub(super) fn memory(&self, call: &'static str) -> Viewed<'_> {
        Viewed::new(&self.map, call)
    }

    pub(super) fn borrow(&self) -> BorrowedFile<'_> {
        self.map.file().expect("the map of a channel keeps its file")
    }

    /// Excludes joining of other processes.
    pub(super) fn exclusive(&self, call: &'static str) -> Result<CreationLock> {
        CreationLock::take(call, self.borrow())
    }

    /// Like [`RingFile::exclusive`], and returns `None` if that takes longer than `time`: the
    /// process that has the lock may be stopped.
    pub(super) fn exclusive_within(
        &self,
        call: &'static str,
        time: Duration,
    ) -> Result<Option<CreationLock>> {
        let start = Instant::now();
        loop {
            let lock = CreationLock::try_take(call, self.borrow())?;
            if lock.is_some() || start.elapsed() >= time {
                return Ok(lock);
            }
            thread::sleep(PAUSE);
        }
    }
}
