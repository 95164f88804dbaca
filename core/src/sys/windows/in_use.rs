//! The in-use count: the calls that are using a view of a file, which must not be unmapped then.
//!
//! A mapped file cannot be cut, and a view cannot grow beyond its file. So a resize unmaps the view
//! and maps another one, and another thread may map memory at the old addresses at once. No call
//! may use the view then. A call increments the count while its accessor runs, which costs one
//! addition and one subtraction. A resize blocks new calls and waits until the count is 0.
//! Accessors never wait, so that takes a short time.
//!
//! Maps whose views never move do not count.

use std::{
    sync::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    thread,
    time::Duration,
};

/// Whether a resize may unmap the region of a map, so that it must wait until the in-use count is
/// 0.
pub(crate) const COUNTED: bool = true;

/// The bit of the state that blocks new calls. The other bits are the count.
const SHUT: usize = 1 << (usize::BITS - 1);

/// The in-use count of a map.
#[derive(Debug)]
pub(crate) struct InUseCount {
    needed: bool,
    state: AtomicUsize,
}

/// A call that uses the region. The region stays mapped until this is dropped.
#[derive(Debug)]
pub(crate) struct InUse<'a>(Option<&'a AtomicUsize>);

/// No call uses the region, and new calls wait, until this is dropped.
#[derive(Debug)]
pub(crate) struct Shut<'a>(&'a AtomicUsize);

impl InUseCount {
    pub(crate) fn new(needed: bool) -> InUseCount {
        InUseCount { needed, state: AtomicUsize::new(0) }
    }

    /// Waits while new calls are blocked. A thread must not call this again before it drops the
    /// result.
    #[inline]
    pub(crate) fn enter(&self) -> InUse<'_> {
        if !self.needed {
            return InUse(None);
        }
        // Acquire: synchronises with the release of the last resize.
        if self.state.fetch_add(1, Acquire) & SHUT != 0 {
            self.wait_and_enter();
        }
        InUse(Some(&self.state))
    }

    #[cold]
    fn wait_and_enter(&self) {
        loop {
            self.state.fetch_sub(1, Release);
            wait_until(|| self.state.load(Acquire) & SHUT == 0);
            if self.state.fetch_add(1, Acquire) & SHUT == 0 {
                return;
            }
        }
    }

    /// Blocks new calls and waits until the count is 0. The caller has locked the regions, so only
    /// one thread does this at a time.
    pub(crate) fn shut(&self) -> Shut<'_> {
        self.state.fetch_or(SHUT, AcqRel);
        wait_until(|| self.state.load(Acquire) == SHUT);
        Shut(&self.state)
    }
}

impl Drop for InUse<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(state) = self.0 {
            // Release: the call happens before the resize that waits for it.
            state.fetch_sub(1, Release);
        }
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.fetch_and(!SHUT, Release);
    }
}

/// The number of views (`Map::view`) of a map, which exclude that its memory is replaced: they may
/// live for any time, in the thread that resizes too.
#[derive(Debug)]
pub(crate) struct ViewCount {
    needed: bool,
    /// The number of views, or `SHUT` while the memory is being replaced.
    state: AtomicUsize,
}

/// A view of the memory, which is not replaced until this is dropped.
#[derive(Debug)]
pub(crate) struct Viewed<'a>(Option<&'a AtomicUsize>);

/// No views exist, and new ones wait, until this is dropped.
#[derive(Debug)]
pub(crate) struct Unviewed<'a>(&'a AtomicUsize);

impl ViewCount {
    pub(crate) fn new(needed: bool) -> ViewCount {
        ViewCount { needed, state: AtomicUsize::new(0) }
    }

    /// Waits while the memory is being replaced.
    pub(crate) fn add(&self) -> Viewed<'_> {
        if !self.needed {
            return Viewed(None);
        }
        let one_more = |count: usize| (count < SHUT).then(|| count + 1);
        // Acquire: synchronises with the release of the last resize.
        wait_until(|| self.state.fetch_update(Acquire, Relaxed, one_more).is_ok());
        Viewed(Some(&self.state))
    }

    /// Excludes new views. Returns `None` if there are views.
    pub(crate) fn exclude(&self) -> Option<Unviewed<'_>> {
        let excluded = self.state.compare_exchange(0, SHUT, AcqRel, Relaxed);
        excluded.is_ok().then(|| Unviewed(&self.state))
    }
}

impl Drop for Viewed<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.0 {
            // Release: the accesses of the view happen before the resize that follows.
            state.fetch_sub(1, Release);
        }
    }
}

impl Drop for Unviewed<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}

fn wait_until(done: impl Fn() -> bool) {
    for round in 0_u32.. {
        if done() {
            return;
        }
        match round {
            0..100 => thread::yield_now(),
            // A flush may take long.
            _ => thread::sleep(Duration::from_millis(1)),
        }
    }
}
