//! The map of an `mmap` object: whether it is open, how many calls use it, how many buffers are
//! exported.

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
use safemap::{Error, Map, forks, try_forks};

use super::wait::wait_while;
use crate::error::{buffers_exist, closed, exported, finalized, to_exception};

/// A map that one thread can close while other threads use it.
///
/// A call that stays attached to the interpreter needs no protection with the GIL, because `close`
/// runs attached as well. A call that detaches first increments the in-use count, and `close` waits
/// until the count is zero. On free-threaded builds every call is counted.
pub(crate) struct SharedMap {
    map: UnsafeCell<Option<Map>>,
    state: AtomicU64,
}

// SAFETY: `Map` is `Sync`, so threads may share a reference to it. Only `close` and `drop` take the
// map out of the cell, when no other call uses it.
unsafe impl Sync for SharedMap {}

/// The state in one word, so that each transition is one compare-and-swap, or one store
/// ([`SharedMap::try_replace`]). Its fields are: closed (1 bit), resizing (1 bit), number of forks
/// (14 bits), in-use count (16 bits), number of exported buffers (32 bits).
#[derive(Clone, Copy, PartialEq, Eq)]
struct State(u64);

const CLOSED: u64 = 1 << 63;
const RESIZING: u64 = 1 << 62;
const FORKS_SHIFT: u32 = 48;
const FORKS: u64 = ((1 << 14) - 1) << FORKS_SHIFT;
const ONE_USER: u64 = 1 << 32;
const USERS: u64 = 0xffff * ONE_USER;
const ONE_EXPORT: u64 = 1;
const EXPORTS: u64 = ONE_USER - 1;

impl State {
    /// Clears what threads of the parent process left in the state: they do not survive a fork.
    fn current(self) -> State {
        let forks = (forks() << FORKS_SHIFT) & FORKS;
        match self.0 & FORKS == forks {
            true => self,
            false => State(self.0 & !(FORKS | USERS | RESIZING) | forks),
        }
    }

    fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }

    fn is_full(self, field: u64) -> bool {
        self.0 & field == field
    }
}

/// How a state changes.
enum Transition {
    To(u64),
    /// Wait for another thread, which will be done soon.
    Wait,
}

impl SharedMap {
    #[inline(always)]
    pub(crate) fn new(map: Map) -> SharedMap {
        // First, so that the map is moved once.
        let state = AtomicU64::new(State(0).current().0);
        SharedMap { map: UnsafeCell::new(Some(map)), state }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Acquire) & CLOSED != 0
    }

    /// Whether a buffer of the map is exported.
    pub(crate) fn is_exported(&self) -> bool {
        self.exports() != 0
    }

    /// Returns how many buffers of the map are exported.
    pub(crate) fn exports(&self) -> u64 {
        self.state.load(Acquire) & EXPORTS
    }

    /// Runs a short call on the map. Converts its error with `to_exception`.
    ///
    /// `call` is `Send`, so it holds no Python object and no `Python` token. It cannot run Python
    /// code, which could close the map.
    // Always inlined, with the results unnested: moving them costs as much as a short call.
    #[inline(always)]
    pub(crate) fn with<R>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
        to_exception: impl FnOnce(Error) -> PyErr,
    ) -> PyResult<R> {
        let result = {
            #[cfg(Py_GIL_DISABLED)]
            let _in_use = self.enter(py)?;
            let _ = py;
            if self.is_closed() {
                return Err(closed());
            }
            // SAFETY: the map is open. `close` cannot take it during the call: it needs the GIL,
            // which this thread holds and `call` cannot release, or it waits for `_in_use`.
            let Some(map) = (unsafe { &*self.map.get() }) else { return Err(closed()) };
            call(map)
        };
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(to_exception(error)),
        }
    }

    /// Fast path of [`SharedMap::with`]. Returns `None` if `call` does, or if the map is closed.
    #[inline(always)]
    pub(crate) fn try_with<R>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> Option<R> + Send,
    ) -> Option<R> {
        #[cfg(Py_GIL_DISABLED)]
        let _in_use = self.enter(py).ok()?;
        let _ = py;
        if self.is_closed() {
            return None;
        }
        // SAFETY: as in `with`.
        let map = unsafe { &*self.map.get() }.as_ref();
        // SAFETY: only `take` empties the cell, and only after the state became closed.
        call(unsafe { map.unwrap_unchecked() })
    }

    /// Runs a long call on the map, detached from the interpreter.
    pub(crate) fn with_detached<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
        to_exception: impl FnOnce(Error) -> PyErr,
    ) -> PyResult<R> {
        self.enter(py)?.run_detached(py, call)?.map_err(to_exception)
    }

    /// Runs `call`, which changes the size of the map, detached from the interpreter.
    ///
    /// # Errors
    ///
    /// BufferError if a buffer is exported.
    pub(crate) fn resize<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
        to_exception: impl FnOnce(Error) -> PyErr,
    ) -> PyResult<R> {
        self.change(py, |state| match state {
            _ if state.has(EXPORTS) => Err(buffers_exist()),
            _ if state.has(RESIZING) || state.is_full(USERS) => Ok(Transition::Wait),
            _ => Ok(Transition::To((state.0 | RESIZING) + ONE_USER)),
        })?;
        InUse { shared: self, bits: RESIZING + ONE_USER }
            .run_detached(py, call)?
            .map_err(to_exception)
    }

    /// Like [`SharedMap::resize`], for a call that does not move the map if its second argument is
    /// true: while buffers are exported.
    pub(crate) fn grow<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map, bool) -> safemap::Result<R> + Send,
        to_exception: impl FnOnce(Error) -> PyErr,
    ) -> PyResult<R> {
        // A new export waits for the end of the call.
        let before = self.change(py, |state| match state {
            _ if state.has(RESIZING) || state.is_full(USERS) => Ok(Transition::Wait),
            _ => Ok(Transition::To((state.0 | RESIZING) + ONE_USER)),
        })?;
        let is_exported = before.has(EXPORTS);
        InUse { shared: self, bits: RESIZING + ONE_USER }
            .run_detached(py, |map| call(map, is_exported))?
            .map_err(to_exception)
    }

    /// Closes the map. New calls fail from then on; waits until those under way have returned. Does
    /// nothing if the map is closed already.
    ///
    /// # Errors
    ///
    /// BufferError if a buffer is exported, and the map stays open; OSError from the system.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_closed() {
            return Ok(());
        }
        let closing = self.change(py, |state| match state {
            _ if state.has(EXPORTS) => Err(exported("cannot close exported pointers exist")),
            _ => Ok(Transition::To(state.0 | CLOSED)),
        });
        match closing {
            // Another thread closed it first.
            Err(_) if self.is_closed() => Ok(()),
            Err(error) => Err(error),
            Ok(_) => self.unmap(py),
        }
    }

    /// Closes the map also while buffers are exported. It is unmapped when the last one has been
    /// released.
    #[cold]
    pub(crate) fn detach(&self, py: Python<'_>) -> PyResult<()> {
        match self.change(py, |state| Ok(Transition::To(state.0 | CLOSED))) {
            Ok(before) if !before.has(EXPORTS) => self.unmap(py),
            // Another thread closed it first, or the last buffer unmaps it.
            _ => Ok(()),
        }
    }

    fn unmap(&self, py: Python<'_>) -> PyResult<()> {
        self.take(py).map_or(Ok(()), |map| py.detach(|| map.close()).map_err(to_exception))
    }

    /// Waits until no call uses the closed map, and takes it. Returns `None` if the interpreter is
    /// finalized while a thread uses it.
    fn take(&self, py: Python<'_>) -> Option<Map> {
        let in_use = || State(self.state.load(Acquire)).current().has(USERS);
        if in_use() && !py.detach(|| wait_while(in_use)) {
            return None;
        }
        // SAFETY: this thread closed the map, so no new call uses it. The in-use count is zero, and
        // calls that are not counted need the GIL, which this thread holds.
        unsafe { &mut *self.map.get() }.take()
    }

    /// Increments the in-use count until the guard is dropped.
    fn enter(&self, py: Python<'_>) -> PyResult<InUse<'_>> {
        self.change(py, |state| match state.is_full(USERS) {
            true => Ok(Transition::Wait),
            false => Ok(Transition::To(state.0 + ONE_USER)),
        })?;
        Ok(InUse { shared: self, bits: ONE_USER })
    }

    /// Counts one more exported buffer, and returns the map. Waits for the end of a resize.
    pub(super) fn export(&self, py: Python<'_>) -> PyResult<&Map> {
        self.change(py, |state| match state {
            _ if state.is_full(EXPORTS) => Err(exported("too many exported pointers")),
            _ if state.has(RESIZING) => Ok(Transition::Wait),
            _ => Ok(Transition::To(state.0 + ONE_EXPORT)),
        })?;
        // SAFETY: the export just counted prevents `close` until `release`.
        unsafe { &*self.map.get() }.as_ref().ok_or_else(closed)
    }

    /// Fast path of [`SharedMap::export`]. Returns `None` if the slow path is needed.
    #[inline]
    pub(super) fn try_export(&self, _py: Python<'_>) -> Option<&Map> {
        let state = self.state.load(Acquire);
        // One comparison of the top bits: open, not resizing, and not forked since.
        if state >> FORKS_SHIFT != try_forks() & (FORKS >> FORKS_SHIFT)
            || State(state).is_full(EXPORTS)
        {
            return None;
        }
        if !self.try_replace(state, state + ONE_EXPORT) {
            return None;
        }
        // SAFETY: the export just counted prevents `close` until `release`.
        let map = unsafe { &*self.map.get() }.as_ref();
        // SAFETY: only `take` empties the cell, and only after the state became closed.
        Some(unsafe { map.unwrap_unchecked() })
    }

    /// Counts one buffer less of a transactional map. The buffer is exported still.
    pub(super) fn take_back(&self) {
        // SAFETY: the export prevents `close` until `release`.
        if let Some(map) = unsafe { &*self.map.get() } {
            map.take_back();
        }
    }

    /// Counts one exported buffer less. The caller is attached to the interpreter.
    #[inline]
    pub(super) fn release(&self) {
        let before = State(self.subtract(ONE_EXPORT));
        if before.has(CLOSED) {
            self.released_after_close(before);
        }
    }

    /// Counts an export less whose buffer was not made. Not inlined, so that the fast path of the
    /// export saves no registers for it.
    #[cold]
    #[inline(never)]
    pub(super) fn withdraw(&self) {
        self.release();
    }

    /// Unmaps a detached map after its last buffer.
    #[cold]
    #[inline(never)]
    fn released_after_close(&self, before: State) {
        if before.0 & EXPORTS == ONE_EXPORT {
            // An error of the system has no caller that could receive it, as in `drop`.
            Python::try_attach(|py| self.unmap(py).ok());
        }
    }

    /// Replaces the state if it still is `current`. May fail spuriously.
    ///
    /// All writers are attached to the interpreter. With the GIL a plain store is therefore enough;
    /// a compare-and-swap would be a twentieth of the time of `memoryview(m).release()`.
    #[inline]
    fn try_replace(&self, current: u64, next: u64) -> bool {
        if cfg!(Py_GIL_DISABLED) {
            return self.state.compare_exchange_weak(current, next, AcqRel, Relaxed).is_ok();
        }
        self.state.store(next, Release);
        true
    }

    /// Subtracts from the state; returns what it was before.
    #[inline]
    fn subtract(&self, bits: u64) -> u64 {
        if cfg!(Py_GIL_DISABLED) {
            return self.state.fetch_sub(bits, AcqRel);
        }
        let before = self.state.load(Relaxed);
        self.state.store(before - bits, Release);
        before
    }

    /// Changes the state of an open map as `decide` returns, after waiting if it returns `Wait`.
    /// Returns the state before the change.
    fn change(
        &self,
        py: Python<'_>,
        decide: impl Fn(State) -> PyResult<Transition> + Sync,
    ) -> PyResult<State> {
        loop {
            let loaded = self.state.load(Acquire);
            let state = State(loaded).current();
            if state.has(CLOSED) {
                return Err(closed());
            }
            match decide(state)? {
                Transition::To(next) => {
                    if self.try_replace(loaded, next) {
                        return Ok(state);
                    }
                }
                Transition::Wait => {
                    let must_wait = || {
                        let state = State(self.state.load(Acquire)).current();
                        !state.has(CLOSED) && matches!(decide(state), Ok(Transition::Wait))
                    };
                    if !py.detach(|| wait_while(must_wait)) {
                        return Err(finalized());
                    }
                }
            }
        }
    }
}

impl Drop for SharedMap {
    fn drop(&mut self) {
        let Some(map) = self.map.get_mut().take() else { return };
        if State(*self.state.get_mut()).current().has(USERS) {
            // The interpreter was finalized during a call of another thread, which may still read.
            return mem::forget(map);
        }
        // Unmapping many pages takes long, so other threads run. A finalized interpreter cannot be
        // detached from, and has no other threads.
        Python::try_attach(|py| py.detach(|| drop(map)));
    }
}

/// Keeps the map open while it exists. Created and dropped by a thread that is attached.
struct InUse<'a> {
    shared: &'a SharedMap,
    /// What was added to the state.
    bits: u64,
}

impl InUse<'_> {
    /// Runs `call` on the map, detached from the interpreter, and drops the guard.
    ///
    /// The caller creates an exception only after that. Up to CPython 3.11 an allocation may start
    /// a garbage collection, and a finalizer that closes the map would wait for its own thread.
    fn run_detached<R: Send>(
        self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> R + Send,
    ) -> PyResult<R> {
        // SAFETY: the map was open when it was counted as in use, and `close` waits for `self`.
        let map = unsafe { &*self.shared.map.get() }.as_ref().ok_or_else(closed)?;
        Ok(py.detach(|| call(map)))
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.shared.subtract(self.bits);
    }
}
