//! The shelf: where a map stands, who uses it, and when it may be taken away.

#![allow(unsafe_code)]

use std::{
    cell::UnsafeCell,
    mem,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use pyo3::prelude::*;
use safemap::{Error, Map, forks};

use super::wait::wait_while;
use crate::error::{closed, ending, exported, raise};

/// A map that can be closed while others use it.
///
/// A call that keeps the interpreter needs no more than that: whoever closes needs the interpreter too. A call that
/// lets go of the interpreter *pins* the map first, and a close waits for the pins. Where there is no interpreter lock
/// (free-threaded builds), every call pins.
pub(crate) struct Shelf {
    map: UnsafeCell<Option<Map>>,
    state: AtomicU64,
}

// SAFETY: `Map` is `Sync`, so a shared one may be used from every thread; it is taken out of the cell only by `close`,
// whose rules leave nobody else there.
unsafe impl Sync for Shelf {}

/// One word, so that each decision about a map is a single compare-and-swap, or less (see [`Shelf::replace`]):
/// closed (1 bit), resizing (1 bit), generation (14 bits), pins (16 bits), exports (32 bits).
#[derive(Clone, Copy, PartialEq, Eq)]
struct State(u64);

const CLOSED: u64 = 1 << 63;
const RESIZING: u64 = 1 << 62;
const GENERATION: u64 = ((1 << 14) - 1) << 48;
const PIN: u64 = 1 << 32;
const PINS: u64 = 0xffff * PIN;
const EXPORT: u64 = 1;
const EXPORTS: u64 = PIN - 1;

impl State {
    /// The state without what belongs to threads that a fork left behind.
    fn current(self) -> State {
        // Threads do not survive a fork, so in the child their pins are void.
        let generation = (forks() << 48) & GENERATION;
        match self.0 & GENERATION == generation {
            true => self,
            false => State(self.0 & !(GENERATION | PINS | RESIZING) | generation),
        }
    }

    fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }

    fn full(self, field: u64) -> bool {
        self.0 & field == field
    }
}

/// What a decision about the state comes to.
enum Verdict {
    Become(u64),
    /// Somebody is at it who will be done before long.
    Wait,
}

impl Shelf {
    pub(crate) fn new(map: Map) -> Shelf {
        Shelf { map: UnsafeCell::new(Some(map)), state: AtomicU64::new(State(0).current().0) }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Acquire) & CLOSED != 0
    }

    /// Whether somebody holds a view of the map.
    pub(crate) fn is_exported(&self) -> bool {
        self.state.load(Acquire) & EXPORTS != 0
    }

    /// Runs a short call on the map; its error becomes an exception by `raise`. `call` is `Send`, so that it holds
    /// nothing of the interpreter and runs no Python code, which could close the map under it.
    // Always inlined, and no result within a result: moving those about costs as much as a short call does.
    #[inline(always)]
    pub(crate) fn with<R>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
        raise: impl FnOnce(Error) -> PyErr,
    ) -> PyResult<R> {
        let outcome = {
            #[cfg(Py_GIL_DISABLED)]
            let _pin = self.pin(py)?;
            let _ = py;
            if self.is_closed() {
                return Err(closed());
            }
            // SAFETY: not closed, and `close` cannot get further meanwhile: it needs the interpreter, which this thread
            // holds and `call` cannot let go, or waits for the pin.
            let Some(map) = (unsafe { &*self.map.get() }) else { return Err(closed()) };
            call(map)
        };
        match outcome {
            Ok(value) => Ok(value),
            Err(error) => Err(raise(error)),
        }
    }

    /// Runs a short call as [`Shelf::with`] does, on the quick road: whatever is in the way is `None`, and to be found out on the
    /// ordinary one.
    #[inline(always)]
    pub(crate) fn attempt<R>(&self, py: Python<'_>, call: impl FnOnce(&Map) -> Option<R> + Send) -> Option<R> {
        #[cfg(Py_GIL_DISABLED)]
        let _pin = self.pin(py).ok()?;
        let _ = py;
        if self.is_closed() {
            return None;
        }
        // SAFETY: as in `with`.
        let map = unsafe { &*self.map.get() }.as_ref();
        // SAFETY: only `take` leaves none behind, after the shelf was closed.
        call(unsafe { map.unwrap_unchecked() })
    }

    /// Runs a long call on the map, while other threads run Python code.
    pub(crate) fn with_detached<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
    ) -> PyResult<R> {
        self.pin(py)?.run_detached(py, call)?.map_err(raise)
    }

    /// Runs `call`, which changes the size of the map, while nobody exports a view.
    pub(crate) fn resize(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<()> + Send,
        raise: impl FnOnce(Error) -> PyErr,
    ) -> PyResult<()> {
        self.change(py, |state| match state {
            _ if state.has(EXPORTS) => Err(exported("mmap can't resize with extant buffers exported.")),
            _ if state.has(RESIZING) || state.full(PINS) => Ok(Verdict::Wait),
            _ => Ok(Verdict::Become((state.0 | RESIZING) + PIN)),
        })?;
        Pin { shelf: self, bits: RESIZING + PIN }.run_detached(py, call)?.map_err(raise)
    }

    /// Closes the map: at once for new calls, and then waits until those under way are done. A second close does
    /// nothing.
    ///
    /// # Errors
    ///
    /// BufferError while somebody holds a view; nothing has changed then. OSError if the system reports one.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_closed() {
            return Ok(());
        }
        let closing = self.change(py, |state| match state {
            _ if state.has(EXPORTS) => Err(exported("cannot close exported pointers exist")),
            _ => Ok(Verdict::Become(state.0 | CLOSED)),
        });
        match closing {
            // Another thread was faster.
            Err(_) if self.is_closed() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.take(py).map_or(Ok(()), |map| py.detach(|| map.close()).map_err(raise)),
        }
    }

    /// Waits for the pins of a closed shelf and takes its map. None is taken if the interpreter ends while a thread has one.
    fn take(&self, py: Python<'_>) -> Option<Map> {
        let pinned = || State(self.state.load(Acquire)).current().has(PINS);
        if pinned() && !py.detach(|| wait_while(pinned)) {
            return None;
        }
        // SAFETY: closed by this thread, so no new call gets here, and none is left: pins are zero, and without a pin
        // one needs the interpreter, which this thread holds.
        unsafe { &mut *self.map.get() }.take()
    }

    fn pin(&self, py: Python<'_>) -> PyResult<Pin<'_>> {
        self.change(py, |state| match state.full(PINS) {
            true => Ok(Verdict::Wait),
            false => Ok(Verdict::Become(state.0 + PIN)),
        })?;
        Ok(Pin { shelf: self, bits: PIN })
    }

    /// Counts one more view, and returns the map for its address. A view asked for during a resize waits for its end.
    pub(super) fn export(&self, py: Python<'_>) -> PyResult<&Map> {
        self.change(py, |state| match state {
            _ if state.full(EXPORTS) => Err(exported("too many exported pointers")),
            _ if state.has(RESIZING) => Ok(Verdict::Wait),
            _ => Ok(Verdict::Become(state.0 + EXPORT)),
        })?;
        // SAFETY: the export just counted keeps `close` away until `release`.
        unsafe { &*self.map.get() }.as_ref().ok_or_else(closed)
    }

    /// As [`Shelf::export`], if the state allows it at once.
    #[inline]
    pub(super) fn quick_export(&self, _py: Python<'_>) -> Option<&Map> {
        let seen = self.state.load(Acquire);
        // Open, not resizing, and of this process: one comparison, as these bits stand at the top.
        if seen >> 48 != forks() & (GENERATION >> 48) || State(seen).full(EXPORTS) {
            return None;
        }
        if !self.replace(seen, seen + EXPORT) {
            return None;
        }
        // SAFETY: as in `export`.
        let map = unsafe { &*self.map.get() }.as_ref();
        // SAFETY: only `take` leaves none behind, after the shelf was closed.
        Some(unsafe { map.unwrap_unchecked() })
    }

    /// Counts one view less. For threads that are attached.
    #[inline]
    pub(super) fn release(&self) {
        self.subtract(EXPORT);
    }

    /// Replaces the state if it is still `seen`, or fails for no reason.
    ///
    /// Whoever changes the state is attached. So with an interpreter lock nobody comes between, and no other processor needs to be
    /// asked, which would be a twentieth of what `memoryview(m).release()` takes.
    #[inline]
    fn replace(&self, seen: u64, next: u64) -> bool {
        if cfg!(Py_GIL_DISABLED) {
            return self.state.compare_exchange_weak(seen, next, AcqRel, Relaxed).is_ok();
        }
        self.state.store(next, Release);
        true
    }

    #[inline]
    fn subtract(&self, bits: u64) {
        if cfg!(Py_GIL_DISABLED) {
            self.state.fetch_sub(bits, AcqRel);
        } else {
            self.state.store(self.state.load(Relaxed) - bits, Release);
        }
    }

    /// Replaces the state of an open shelf by what `decide` makes of it.
    fn change(&self, py: Python<'_>, decide: impl Fn(State) -> PyResult<Verdict> + Sync) -> PyResult<()> {
        loop {
            let seen = self.state.load(Acquire);
            let state = State(seen).current();
            if state.has(CLOSED) {
                return Err(closed());
            }
            match decide(state)? {
                Verdict::Become(next) => {
                    if self.replace(seen, next) {
                        return Ok(());
                    }
                }
                Verdict::Wait => {
                    let blocked = || {
                        let now = State(self.state.load(Acquire)).current();
                        !now.has(CLOSED) && matches!(decide(now), Ok(Verdict::Wait))
                    };
                    if !py.detach(|| wait_while(blocked)) {
                        return Err(ending());
                    }
                }
            }
        }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let Some(map) = self.map.get_mut().take() else { return };
        if State(*self.state.get_mut()).current().has(PINS) {
            // The interpreter ended while a thread was inside, which may still read.
            return mem::forget(map);
        }
        // Giving back many pages takes long. At the interpreter's end there is nobody left to be let through.
        Python::try_attach(|py| py.detach(|| drop(map)));
    }
}

/// The promise that the map stays until this is dropped, by a thread that is attached.
struct Pin<'a> {
    shelf: &'a Shelf,
    /// What to take from the state again.
    bits: u64,
}

impl Pin<'_> {
    /// Runs `call` on the map while other threads run Python code, and ends.
    ///
    /// So an error becomes an exception after the pin is gone: to make one may collect garbage, up to Python 3.11, and a finalizer
    /// that closes the map would wait for a pin of its own thread.
    fn run_detached<R: Send>(self, py: Python<'_>, call: impl FnOnce(&Map) -> R + Send) -> PyResult<R> {
        // SAFETY: the pin was counted on an open shelf, and `close` waits for it before it takes the map.
        let map = unsafe { &*self.shelf.map.get() }.as_ref().ok_or_else(closed)?;
        Ok(py.detach(|| call(map)))
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.shelf.subtract(self.bits);
    }
}
