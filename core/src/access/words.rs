//! Integers that are loaded and stored with one instruction, each with a fast and a slow path.

use std::ptr::NonNull;

use super::Span;
use crate::{
    Access, Error, Map, Result,
    accessor::{self, Loaded},
    sys::fault,
    word::Word,
};

impl Map {
    /// Loads the integer at `at`.
    #[inline]
    pub(crate) fn load_word<T: Word>(&self, call: &'static str, at: usize) -> Result<T> {
        self.load_from(self.span_at(call, at, size_of::<T>())?)
    }

    /// Loads the byte with index `index` in `span`; a byte behind the span is reported as a fault.
    pub(crate) fn load_byte(&self, span: Span, index: usize) -> Result<u8> {
        let byte = span.part(index, 1);
        if byte.len() == 1 {
            self.load_from(byte)
        } else {
            Err(Error::Fault { offset: span.end() })
        }
    }

    /// Loads the integer that fills `span`, which has its size.
    #[inline]
    fn load_from<T: Word>(&self, span: Span) -> Result<T> {
        self.ensure_intact()?;
        fault::ensure_ready();
        let (base, loaded) = self.load_once::<T>(span)?;
        if loaded.fault == 0 {
            return Ok(T::from_bits(loaded.value));
        }
        let loaded = self.retry(base, loaded, NonNull::dangling().as_ptr(), move |_| {
            self.load_once::<T>(span)
        })?;
        Ok(T::from_bits(loaded.value))
    }

    #[inline]
    fn load_once<T: Word>(&self, span: Span) -> Result<(*mut u8, Loaded)> {
        // SAFETY: the integer fills `span`, which lies in the map.
        self.with_base(span, |base| unsafe { load::<T>(base.wrapping_add(span.start())) })
    }

    /// Stores `value` at `at`.
    #[inline]
    pub(crate) fn store_word<T: Word>(
        &self,
        call: &'static str,
        at: usize,
        value: T,
    ) -> Result<()> {
        self.ensure_writable(call)?;
        let span = self.span_at(call, at, size_of::<T>())?;
        self.ensure_intact()?;
        fault::ensure_ready();
        let (base, fault) = self.store_once(span, value)?;
        if fault == 0 {
            return Ok(());
        }
        self.retry(base, fault, NonNull::dangling().as_ptr(), move |_| {
            self.store_once(span, value)
        })?;
        Ok(())
    }

    #[inline]
    fn store_once<T: Word>(&self, span: Span, value: T) -> Result<(*mut u8, usize)> {
        // SAFETY: the integer fills `span`, which lies in the map.
        self.with_base(span, |base| unsafe {
            store::<T>(base.wrapping_add(span.start()), value.into_bits())
        })
    }

    /// Fast path of [`Map::get`]. Returns `None` if the slow path is needed: it does the work, or
    /// says why it cannot.
    ///
    /// Code that calls nothing but an accessor of one word saves no registers on the stack. That is
    /// a third of the work of a step of Python's `for x in m`.
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_get(&self, at: usize) -> Option<u8> {
        let _in_use = self.is_ready().then(|| self.memory.enter())?;
        if at >= self.len() {
            return None;
        }
        // SAFETY: `at` is in bounds, and the region stays mapped while `_in_use` exists.
        let loaded = unsafe { accessor::load8(self.base().wrapping_add(at)) };
        (loaded.fault == 0).then_some(loaded.value as u8)
    }

    /// Fast path of [`Map::set`]. Returns `None` if the slow path is needed; see [`Map::try_get`].
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_set(&self, at: usize, byte: u8) -> Option<()> {
        let _in_use = self.is_ready().then(|| self.memory.enter())?;
        if self.access() == Access::Read || at >= self.len() {
            return None;
        }
        // SAFETY: `at` is in bounds, the map is writable, and the region stays mapped while
        // `_in_use` exists.
        let fault = unsafe { accessor::store8(self.base().wrapping_add(at), byte.into()) };
        (fault == 0).then_some(())
    }
}

/// # Safety
///
/// `at` is the address of `size_of::<T>()` bytes that an accessor may read (see `accessor`).
#[inline]
unsafe fn load<T: Word>(at: *const u8) -> Loaded {
    match size_of::<T>() {
        // SAFETY: the caller's obligation is the accessor's, here and below.
        1 => unsafe { accessor::load8(at) },
        // SAFETY: as above.
        2 => unsafe { accessor::load16(at) },
        // SAFETY: as above.
        4 => unsafe { accessor::load32(at) },
        // SAFETY: as above.
        _ => unsafe { accessor::load64(at) },
    }
}

/// # Safety
///
/// `at` is the address of `size_of::<T>()` bytes that an accessor may write (see `accessor`).
#[inline]
unsafe fn store<T: Word>(at: *mut u8, bits: u64) -> usize {
    match size_of::<T>() {
        // SAFETY: the caller's obligation is the accessor's, here and below.
        1 => unsafe { accessor::store8(at, bits) },
        // SAFETY: as above.
        2 => unsafe { accessor::store16(at, bits) },
        // SAFETY: as above.
        4 => unsafe { accessor::store32(at, bits) },
        // SAFETY: as above.
        _ => unsafe { accessor::store64(at, bits) },
    }
}
