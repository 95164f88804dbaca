//! The two files of the protocol on the file system.

use std::{
    io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    log::{Files, Which},
    place::Place,
};
use crate::sys::{self, BorrowedFile, PrivateFile, boot::boot_id};

/// The data file and its journal.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) place: Arc<Place>,
    pub(super) data: Arc<PrivateFile>,
    pub(super) journal: PrivateFile,
    boot: [u64; 4],
    /// Of a journal without its name: whether it has another one.
    new: Mutex<Option<bool>>,
}

impl Disk {
    /// For `new` see [`Journal`](super::journal::Journal).
    pub(super) fn new(
        place: Arc<Place>,
        data: Arc<PrivateFile>,
        journal: PrivateFile,
        new: Option<bool>,
    ) -> Disk {
        let boot = boot(sys::borrow(&*data));
        Disk { place, data, journal, boot, new: Mutex::new(new) }
    }

    fn file(&self, which: Which) -> BorrowedFile<'_> {
        match which {
            Which::Data => sys::borrow(&*self.data),
            Which::Journal => sys::borrow(&self.journal),
        }
    }
}

/// Returns numbers of this start of the system and of this mount, or zeros if one is not known.
fn boot(file: BorrowedFile<'_>) -> [u64; 4] {
    let id = u128::from_le_bytes(boot_id());
    match sys::file::mount(file) {
        Some(mount) if id != 0 => [id as u64, (id >> 64) as u64, mount, 1],
        _ => [0; 4],
    }
}

impl Files for Arc<Disk> {
    type Error = io::Error;

    fn len(&self, which: Which) -> io::Result<u64> {
        sys::file::status_len(self.file(which))
    }

    fn read(&self, which: Which, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        sys::read::read_full(self.file(which), buffer, at)
    }

    fn write(&self, which: Which, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(test)]
        steps::write(|part| sys::file::write_at(self.file(which), &bytes[..part], at), bytes.len());
        sys::file::write_at(self.file(which), bytes, at)
    }

    fn set_len(&self, which: Which, len: u64) -> io::Result<()> {
        #[cfg(test)]
        steps::step();
        sys::file::set_len(self.file(which), len)
    }

    fn allocate(&self, range: Range<u64>) -> io::Result<()> {
        // fallocate(2) does not ask for the limit if it keeps the length.
        sys::file::ensure_size_is_allowed(range.end)?;
        sys::file::allocate_range(self.file(Which::Data), range)
    }

    fn sync(&self, which: Which) -> io::Result<()> {
        #[cfg(test)]
        steps::sync();
        sys::file::sync_data(self.file(which))
    }

    fn publish(&self) -> io::Result<()> {
        #[cfg(test)]
        steps::step();
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(has_spare) = *new {
            self.place.name_journal(self.file(Which::Journal), has_spare)?;
            *new = None;
        }
        #[cfg(test)]
        steps::step();
        sys::file::sync(sys::borrow(&self.place.folder))
    }

    fn boot(&self) -> [u64; 4] {
        self.boot
    }

    fn random(&self) -> io::Result<u64> {
        sys::random::word()
    }
}

/// The operations that change a file, each of which may be the last one of a process, or
/// interrupted.
#[cfg(test)]
pub(super) mod steps {
    use std::{
        cell::RefCell,
        io,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    pub(in super::super) const MESSAGE: &str = "the step to end at";

    /// How many steps the process may take yet, plus one; 0: any number.
    static REST: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static INTERRUPTION: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    /// Has the next sync of this thread do this first, as another thread might.
    pub(in super::super) fn interrupt_sync(work: impl FnOnce() + 'static) {
        INTERRUPTION.set(Some(Box::new(work)));
    }

    pub(super) fn sync() {
        step();
        if let Some(work) = INTERRUPTION.take() {
            work();
        }
    }

    /// Has the process end when it has taken so many steps.
    pub(in super::super) fn end_at(step: usize) {
        REST.store(step + 1, Relaxed);
    }

    pub(super) fn step() {
        if is_last() {
            end();
        }
    }

    /// A write is two steps: before it, and in its middle.
    pub(super) fn write(write: impl FnOnce(usize) -> io::Result<()>, len: usize) {
        step();
        if is_last() {
            write(len / 2).unwrap();
            end();
        }
    }

    fn is_last() -> bool {
        let rest = REST.load(Relaxed);
        REST.store(rest.saturating_sub(1), Relaxed);
        rest == 1
    }

    /// No destructor runs, as after `kill -9`.
    fn end() -> ! {
        eprintln!("{MESSAGE}");
        std::process::abort()
    }
}
