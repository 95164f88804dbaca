//! What a transactional map keeps.

use std::{
    fmt, io,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    time::Duration,
};

use super::{
    gate::{Closed, Gate, Obstacle},
    modified::Modified,
    opened::Opened,
    reading::ReaderGuard,
};
use crate::{
    Error, Result,
    sys::{
        self, BorrowedFile, canary::Canary, fork, own_maps::OwnMap, private_pages::PrivatePages,
        repair::Mark,
    },
};

/// What [`Reading`](super::Reading) holds.
pub(super) type HeldReading = ReaderGuard;

/// What a transactional map keeps.
pub(crate) struct Transactional {
    pub(super) opened: Opened,
    pub(super) timeout: Duration,
    own: OwnMap,
    pub(super) forks: u64,
    /// For a map that can be written to.
    pub(super) changes: Option<Changes>,
}

/// What is known of the changes since the last commit.
pub(super) struct Changes {
    pub(super) gate: Gate,
    /// The pages that calls have stored to. Noted inside the gate, or with `inner` locked.
    pub(super) modified: Modified,
    /// The binary logarithm of the page size.
    pub(super) page_bits: u32,
    pub(super) kernel: PrivatePages,
    /// How many buffers of the memory code outside the library has.
    pub(super) loans: AtomicUsize,
    /// Whether the program has a pointer to the memory, which it may use until the next resize.
    pub(super) has_pointer: AtomicBool,
    /// Whether other code may have stored to pages that are not noted, which then are private.
    pub(super) was_exported: AtomicBool,
    /// The length of the file after the last commit.
    pub(super) file_len: AtomicUsize,
    pub(super) inner: Mutex<Inner>,
}

/// What one thread uses at a time: one that commits, rolls back or changes the length.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) is_in_block: bool,
    /// None for an empty file, or if it could not be made.
    pub(super) canary: Option<Canary>,
    /// The parts of the region, in whole pages, that show no file but zeros. In ascending order;
    /// none are adjacent.
    pub(super) zeros: Vec<Range<usize>>,
}

impl Transactional {
    /// `len` is the length of the file. The mark and the capacity are the map's.
    pub(crate) fn new(
        opened: Opened,
        mark: Arc<Mark>,
        timeout: Duration,
        (len, capacity): (usize, usize),
    ) -> Self {
        let new = || Changes::new(opened.file(), Arc::clone(&mark), len, capacity);
        let changes = opened.is_writer().then(new);
        let (own, forks) = (OwnMap::new(mark), fork::current());
        Transactional { opened, timeout, own, forks, changes }
    }

    /// Closes the file, its journal and its locks. What is not committed is lost.
    pub(crate) fn close(self) -> Result<()> {
        self.opened.close()
    }

    pub(super) fn file(&self) -> BorrowedFile<'_> {
        self.opened.file()
    }

    /// Has all calls fail from now on.
    pub(super) fn doubt(&self) {
        self.opened.doubt();
        self.notice_doubt();
    }

    /// Has all calls fail from now on, if the outcome of a commit is not known.
    pub(super) fn notice_doubt(&self) {
        if self.opened.is_in_doubt() {
            self.own.mark().end();
        }
    }
}

impl Changes {
    fn new(file: BorrowedFile<'_>, mark: Arc<Mark>, len: usize, capacity: usize) -> Changes {
        let page_bits = sys::page_size().trailing_zeros();
        let inner = Inner { is_in_block: false, canary: None, zeros: Vec::new() };
        let changes = Changes {
            gate: Gate::new(mark, len),
            modified: Modified::new(page_bits, capacity),
            page_bits,
            kernel: PrivatePages::new(),
            loans: AtomicUsize::new(0),
            has_pointer: AtomicBool::new(false),
            was_exported: AtomicBool::new(false),
            file_len: AtomicUsize::new(len),
            inner: Mutex::new(inner),
        };
        changes.renew_canary(file, &mut changes.lock());
        changes
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn file_len(&self) -> usize {
        self.file_len.load(Acquire)
    }

    pub(super) fn set_file_len(&self, len: usize) {
        self.file_len.store(len, Release);
    }

    pub(super) fn page_size(&self) -> usize {
        1 << self.page_bits
    }

    /// The start of the first page at `at` or behind it.
    pub(super) fn page_end(&self, at: usize) -> usize {
        at.next_multiple_of(self.page_size())
    }

    /// The pages with bytes of `range`.
    pub(super) fn pages_of(&self, range: Range<usize>) -> Range<usize> {
        range.start >> self.page_bits..self.page_end(range.end) >> self.page_bits
    }

    /// Whether code outside the library may store to the memory now.
    pub(super) fn is_exported(&self) -> bool {
        self.loans.load(Acquire) > 0 || self.has_pointer.load(Acquire)
    }

    /// Returns whether pages that are not noted may be private, and clears that if no code outside
    /// the library has the memory now. The caller has closed the gate.
    pub(super) fn take_exported(&self) -> bool {
        let is_exported = self.is_exported();
        self.was_exported.swap(is_exported, AcqRel) || is_exported
    }

    /// Makes a canary for the file as it is now, if there is none at its end.
    pub(super) fn renew_canary(&self, file: BorrowedFile<'_>, inner: &mut Inner) {
        let len = self.file_len() as u64;
        let fits = |canary: &Canary| canary.is_for(len) && canary.lives();
        if !inner.canary.as_ref().is_some_and(fits) {
            inner.canary = None;
            inner.canary = Canary::new(file, len).ok();
        }
    }

    /// Returns whether the kernel may have dropped private pages, because the file was cut.
    pub(super) fn was_cut(&self, file: BorrowedFile<'_>, inner: &Inner) -> Result<bool, io::Error> {
        let len = self.file_len() as u64;
        let has_canary = len == 0 || inner.canary.as_ref().is_some_and(Canary::lives);
        Ok(!has_canary || sys::file::status_len(file)? < len)
    }

    /// Closes the gate.
    pub(super) fn close_gate(&self, call: &'static str) -> Result<Closed<'_>> {
        self.gate.close().map_err(|obstacle| obstacle.error(call))
    }
}

impl Obstacle {
    pub(super) fn error(&self, call: &'static str) -> Error {
        match self {
            Obstacle::OwnThread => Error::WouldDeadlock { call },
            Obstacle::NoBarrier => {
                Error::Os { call, source: io::Error::from_raw_os_error(libc::EPERM) }
            }
        }
    }
}

impl fmt::Debug for Transactional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactional").field("path", &self.opened.path()).finish_non_exhaustive()
    }
}
