//! The accesses of a view, whose range and thread were checked when it was made.

use std::{cell::Cell, fmt, marker::PhantomData};

use super::{
    Span,
    copy::copy_once,
    words::{lies_in, load_inline, store_inline},
};
use crate::{
    Error, Map, Result,
    accessor::inline,
    mode::Stores,
    sys::{
        fault,
        in_use::{COUNTED, Viewed},
        repair::Mark,
    },
    word::Word,
};

/// A range of a map for many short accesses, made by [`Map::view`].
///
/// The view has checked its range and has prepared its thread. An access compares an offset with
/// the length, looks whether the map is [damaged](Error::Damaged), and executes an instruction. So
/// it costs as much as an access to a slice. A view cannot be sent to, or shared with, another
/// thread.
///
/// Offsets count from the start of the view, and so do the numbers of [`Error::OutOfBounds`].
/// [`Error::Fault`] contains the offset in the map.
///
/// # Concurrent resizing
///
/// The view keeps its range while other calls resize the map. If the map moves, so does the view.
/// Behind the end of a map that has become shorter, loads return zeros, the former bytes, or
/// [`Error::Fault`]; stores may be lost. They do not reappear when private memory grows again.
///
/// # Signals
///
/// If the thread blocks SIGBUS or SIGSEGV while it has a view, a fault terminates the process.
///
/// # Platforms
///
/// On Windows, [`Map::resize`] of a file fails with [`Error::InUse`] while a view of the map
/// exists. On Unix it waits for no view.
///
/// # Examples
///
/// ```
/// let map = safemap::Options::new().len(8 << 10).anonymous()?;
/// let table = map.view(4096..)?;
/// for row in 0..512 {
///     table.store(row as u64, 8 * row)?;
/// }
/// assert_eq!(map.load::<u64>(4096 + 8 * 7)?, 7);
/// assert!(table.load::<u64>(4089).is_err());
/// # Ok::<(), safemap::Error>(())
/// ```
pub struct View<'a> {
    map: &'a Map,
    mark: Option<&'a Mark>,
    /// The address of the view's first byte, when the view was made or met its last fault.
    base: Cell<*mut u8>,
    span: Span,
    /// How many bytes the fast path may write: all or none.
    writable: usize,
    _viewed: Viewed<'a>,
    /// Another thread may not be able to take a fault.
    _thread: PhantomData<*const ()>,
}

/// The result of a slow path, and the address of the view's first byte after it.
///
/// Slow paths do not take the view itself. Its fields then stay in registers during a loop.
type Slow<T> = (Result<T>, *mut u8);

impl Map {
    /// Makes a view of `span`.
    pub(crate) fn view_of(&self, span: Span) -> Result<View<'_>> {
        let viewed = self.memory.add_view();
        if COUNTED && span.end() > self.len() {
            // A resize has unmapped the end of the span since the bounds check.
            return Err(Error::Fault { offset: span.start() });
        }
        fault::ensure_ready();
        Ok(View {
            map: self,
            mark: self.mark.as_deref(),
            // A base that is loaded after the length the span was checked against: rule 2 in
            // docs/design.md.
            base: Cell::new(self.base().wrapping_add(span.start())),
            span,
            writable: if self.stores == Stores::Direct { span.len() } else { 0 },
            _viewed: viewed,
            _thread: PhantomData,
        })
    }

    fn address_of(&self, span: Span) -> *mut u8 {
        self.base().wrapping_add(span.start())
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = self.span.start()..self.span.end();
        f.debug_struct("View").field("range", &range).field("access", &self.map.access()).finish()
    }
}

impl<'a> View<'a> {
    #[inline]
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Returns a view of the `len` bytes from `from`, or those of them that the view has.
    #[inline]
    pub(crate) fn part(&self, from: usize, len: usize) -> View<'a> {
        let span = self.span.part(from, len);
        let base = Cell::new(self.base.get().wrapping_add(span.start() - self.span.start()));
        let writable = self.writable.min(span.len());
        let viewed = self.map.memory.add_view();
        View { base, span, writable, _viewed: viewed, ..*self }
    }

    /// Whether this code may contain inlined accesses, and the map is not damaged.
    #[inline]
    fn is_ready(&self) -> bool {
        inline::is_home() && self.mark.is_none_or(|mark| mark.first().is_none())
    }

    #[inline]
    pub(crate) fn load_word<T: Word>(&self, call: &'static str, at: usize) -> Result<T> {
        match self.try_load(at) {
            Some(value) => Ok(value),
            None => {
                let bits =
                    self.moved(load_slowly(self.map, self.span, call, at, size_of::<T>()))?;
                Ok(T::from_bits(bits))
            }
        }
    }

    /// Fast path of [`View::load`]. Returns `None` if the slow path is needed.
    #[inline]
    pub(crate) fn try_load<T: Word>(&self, at: usize) -> Option<T> {
        if !self.is_ready() || !lies_in::<T>(self.span.len(), at) {
            return None;
        }
        // SAFETY: the integer lies in the view. Its region stays mapped while `_viewed` exists, and
        // the thread was prepared when the view was made.
        unsafe { load_inline(self.base.get(), at) }
    }

    #[inline]
    pub(crate) fn store_word<T: Word>(
        &self,
        call: &'static str,
        at: usize,
        value: T,
    ) -> Result<()> {
        match self.try_store(at, value) {
            Some(()) => Ok(()),
            None => {
                let (bits, size) = (value.into_bits(), size_of::<T>());
                self.moved(store_slowly(self.map, self.span, call, at, bits, size))
            }
        }
    }

    /// Fast path of [`View::store`]. Returns `None` if the slow path is needed.
    #[inline]
    pub(crate) fn try_store<T: Word>(&self, at: usize, value: T) -> Option<()> {
        if !self.is_ready() || !lies_in::<T>(self.writable, at) {
            return None;
        }
        // SAFETY: the integer lies in the view, which may be written. See `try_load`.
        unsafe { store_inline(self.base.get(), at, value) }.then_some(())
    }

    /// Fills `buffer` with the bytes from `at`.
    #[inline(always)]
    pub(crate) fn copy_out(&self, call: &'static str, buffer: &mut [u8], at: usize) -> Result<()> {
        let mut done = 0;
        if self.is_ready() && has(self.span.len(), at, buffer.len()) {
            let from = self.base.get().wrapping_add(at);
            // SAFETY: the bytes lie in the view, `buffer` is as long and borrowed exclusively. See
            // `try_load`.
            match unsafe { copy_once(buffer.as_mut_ptr(), from, buffer.len()) } {
                Ok(()) => return Ok(()),
                Err(copied) => done = copied,
            }
        }
        self.moved(copy_out_slowly(self.map, self.span, call, buffer, at, done))
    }

    /// Copies `bytes` to the view at `at`.
    #[inline(always)]
    pub(crate) fn copy_in(&self, call: &'static str, bytes: &[u8], at: usize) -> Result<()> {
        let mut done = 0;
        if self.is_ready() && has(self.writable, at, bytes.len()) {
            let to = self.base.get().wrapping_add(at);
            // SAFETY: the bytes lie in the view, which may be written, and `bytes` is as long. See
            // `try_load`.
            match unsafe { copy_once(to, bytes.as_ptr(), bytes.len()) } {
                Ok(()) => return Ok(()),
                Err(copied) => done = copied,
            }
        }
        self.moved(copy_in_slowly(self.map, self.span, call, bytes, at, done))
    }

    /// Takes the address that the view has after a slow path.
    #[inline]
    fn moved<T>(&self, (result, base): Slow<T>) -> Result<T> {
        self.base.set(base);
        result
    }
}

#[cold]
#[inline(never)]
fn load_slowly(map: &Map, span: Span, call: &'static str, at: usize, size: usize) -> Slow<u64> {
    let loaded = span.within_self(call, at, size).and_then(|word| map.load_from(word));
    (loaded, map.address_of(span))
}

#[cold]
#[inline(never)]
fn store_slowly(
    map: &Map,
    span: Span,
    call: &'static str,
    at: usize,
    bits: u64,
    size: usize,
) -> Slow<()> {
    let store = || {
        map.ensure_writable(call)?;
        let word = span.within_self(call, at, size)?;
        map.storing(call, word, || map.store_to(word, bits))
    };
    (store(), map.address_of(span))
}

/// Whether `count` bytes at `at` lie in `len` bytes.
#[inline]
fn has(len: usize, at: usize, count: usize) -> bool {
    count <= len && at <= len - count
}

#[cold]
#[inline(never)]
fn copy_out_slowly(
    map: &Map,
    span: Span,
    call: &'static str,
    buffer: &mut [u8],
    at: usize,
    done: usize,
) -> Slow<()> {
    let copied = span.within_self(call, at, buffer.len()).and_then(|source| {
        // SAFETY: `buffer` is borrowed exclusively, and as long as `source`.
        unsafe { map.copy_to_slowly(source, buffer.as_mut_ptr(), done) }
    });
    (copied, map.address_of(span))
}

#[cold]
#[inline(never)]
fn copy_in_slowly(
    map: &Map,
    span: Span,
    call: &'static str,
    bytes: &[u8],
    at: usize,
    done: usize,
) -> Slow<()> {
    let copy = || {
        map.ensure_writable(call)?;
        let target = span.within_self(call, at, bytes.len())?;
        map.storing(call, target, || map.copy_in_slowly(target, bytes, done))
    };
    (copy(), map.address_of(span))
}
