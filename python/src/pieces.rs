//! Long calls in pieces, between which the main thread runs the handlers of signals.
//!
//! A call works detached from the interpreter. The main thread attaches between two pieces if 50 ms
//! have passed since it last checked for signals. During the check the call holds neither the map
//! nor a lock, so that a handler may close or resize the map, or use the same iterator. Other
//! threads never check: Python runs handlers in the main thread only.

use std::{
    cell::Cell,
    ops::{ControlFlow, Range},
    time::{Duration, Instant},
};

use pyo3::prelude::*;
use safemap::{Map, try_forks};

use crate::{
    error::{FaultError, created},
    mmap::Mmap,
};

/// Maximum number of bytes in a piece, or of offsets at which a search looks for a needle.
pub(crate) const PIECE: usize = 8 << 20;

/// Time between two checks for signals.
const INTERVAL: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// The pieces of a range, in the order in which a call works on them.
pub(crate) struct Pieces {
    rest: Range<usize>,
    size: usize,
    direction: Direction,
    /// The sum of the lengths of completed pieces.
    done: usize,
}

impl Pieces {
    pub(crate) fn new(range: Range<usize>, direction: Direction) -> Pieces {
        Pieces { rest: range, size: PIECE, direction, done: 0 }
    }

    /// Sets the size of a piece.
    pub(crate) fn of_size(self, size: usize) -> Pieces {
        Pieces { size, ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Takes the next piece.
    fn take(&mut self) -> Option<Range<usize>> {
        let (rest, size) = (self.rest.clone(), self.size.min(self.rest.len()));
        let piece = match self.direction {
            Direction::Forward => rest.start..rest.start + size,
            Direction::Backward => rest.end - size..rest.end,
        };
        match self.direction {
            Direction::Forward => self.rest.start = piece.end,
            Direction::Backward => self.rest.end = piece.start,
        }
        (!piece.is_empty()).then_some(piece)
    }

    /// Runs `work` on the next piece. Returns `Break` with the value that it returns, or after the
    /// last piece.
    pub(crate) fn step<R>(
        &mut self,
        map: &Map,
        work: &mut impl FnMut(&Map, Range<usize>) -> safemap::Result<Option<R>>,
    ) -> safemap::Result<ControlFlow<Option<R>>> {
        let Some(piece) = self.take() else { return Ok(ControlFlow::Break(None)) };
        let (len, result) = (piece.len(), work(map, piece)?);
        self.done += len;
        Ok(match result {
            None if !self.rest.is_empty() => ControlFlow::Continue(()),
            result => ControlFlow::Break(result),
        })
    }
}

/// When a call has to check for signals.
pub(crate) struct SignalClock {
    /// Whether this is the main thread; `None` before the first piece.
    is_main: Option<bool>,
    /// When it checked last; `None` until the first piece is done.
    checked: Option<Instant>,
    /// Whether a handler raised an exception.
    pub(crate) raised: bool,
}

impl SignalClock {
    pub(crate) fn new() -> SignalClock {
        SignalClock { is_main: None, checked: None, raised: false }
    }

    /// Prepares [`SignalClock::is_due`], which a detached thread calls.
    fn start(&mut self, py: Python<'_>) {
        self.is_main.get_or_insert_with(|| is_main_thread(py));
    }

    /// Whether the call has to check. The first piece starts the clock, so that a call of one piece
    /// need not ask for the time.
    fn is_due(&mut self) -> bool {
        self.is_main == Some(true)
            && self.checked.get_or_insert_with(Instant::now).elapsed() >= INTERVAL
    }

    /// Runs the handlers of signals that have arrived. They may run any code, as may a garbage
    /// collection that is due.
    ///
    /// # Errors
    ///
    /// The exception of a handler.
    pub(crate) fn check(&mut self, py: Python<'_>) -> PyResult<()> {
        let checked = py.check_signals();
        (self.checked, self.raised) = (Some(Instant::now()), checked.is_err());
        checked
    }
}

thread_local! {
    /// Whether this is the main thread, as of a number of forks: a child's is the one that forked.
    static IS_MAIN: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
}

/// Whether this thread runs the handlers of signals.
fn is_main_thread(py: Python<'_>) -> bool {
    let forks = try_forks();
    if let Some((_, is_main)) = IS_MAIN.get().filter(|&(at, _)| at == forks) {
        return is_main;
    }
    // Without the module there is most likely one thread; another one only checks in vain.
    let is_main = ask_threading(py).unwrap_or(true);
    IS_MAIN.set(Some((forks, is_main)));
    is_main
}

/// Compares this thread with `threading.main_thread()`. That function is in Python, which might run
/// a handler here, so the attributes are read that it returns.
fn ask_threading(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("sys")?.getattr("modules")?.get_item("threading")?;
    let main = threading.getattr("_main_thread")?.getattr("_ident")?;
    threading.call_method0("get_ident")?.eq(main)
}

impl Mmap {
    /// Calls `step`, detached from the interpreter, until it returns `Break`, or until the caller
    /// has to check for signals.
    pub(crate) fn run_until_due<R: Send>(
        &self,
        py: Python<'_>,
        clock: &mut SignalClock,
        mut step: impl FnMut(&Map) -> safemap::Result<ControlFlow<R>> + Send,
    ) -> PyResult<ControlFlow<R>> {
        clock.start(py);
        self.run_detached(py, |map| {
            loop {
                let flow = step(map)?;
                if flow.is_break() || clock.is_due() {
                    return Ok(flow);
                }
            }
        })
    }

    /// Runs `work` on each of `pieces`, detached from the interpreter, until it returns a value.
    /// Returns that value. The map may change between two pieces.
    ///
    /// # Errors
    ///
    /// Those of `work`; the exception of a signal's handler; ValueError if it closed the map.
    pub(crate) fn run_pieces<R: Send>(
        &self,
        py: Python<'_>,
        clock: &mut SignalClock,
        pieces: &mut Pieces,
        mut work: impl FnMut(&Map, Range<usize>) -> safemap::Result<Option<R>> + Send,
    ) -> PyResult<Option<R>> {
        loop {
            match self.run_until_due(py, clock, |map| pieces.step(map, &mut work))? {
                ControlFlow::Break(result) => return Ok(result),
                ControlFlow::Continue(()) => clock.check(py)?,
            }
        }
    }

    /// Runs `write` on each of `pieces`, detached from the interpreter.
    ///
    /// # Errors
    ///
    /// As [`Mmap::run_pieces`], with a note about the pieces that were written.
    pub(crate) fn write_pieces(
        &self,
        py: Python<'_>,
        mut pieces: Pieces,
        write: impl Fn(&Map, Range<usize>) -> safemap::Result<()> + Send + Sync,
    ) -> PyResult<()> {
        let (total, mut clock) = (pieces.rest.len(), SignalClock::new());
        let work = |map: &Map, piece| write(map, piece).map(|()| None::<()>);
        match self.run_pieces(py, &mut clock, &mut pieces, work) {
            Err(error) if pieces.done > 0 => Err(with_note(py, error, &pieces, total)),
            result => result.map(drop),
        }
    }
}

/// Adds to the exception how much was written before it. A FaultError has the offset for that.
#[cold]
fn with_note(py: Python<'_>, error: PyErr, pieces: &Pieces, total: usize) -> PyErr {
    let error = created(py, error);
    if error.is_instance_of::<FaultError>(py) {
        return error;
    }
    let which = if pieces.direction == Direction::Forward { "" } else { "the last " };
    let note = format!("{which}{} of {total} bytes were written", pieces.done);
    // Without the note, if it cannot be added.
    let _ = error.value(py).call_method1("add_note", (note,));
    error
}
