//! Integers that are loaded and stored with one instruction, each with a fast path that is inlined
//! into the caller and a slow path that is not.

use std::ptr::NonNull;

use super::Span;
use crate::{
    Error, Map, Result,
    accessor::{self, Loaded, inline},
    mode::Stores,
    sys::fault,
    word::Word,
};

impl Map {
    /// Loads the integer at `at`.
    #[inline]
    pub(crate) fn load_word<T: Word>(&self, call: &'static str, at: usize) -> Result<T> {
        match self.try_load(at) {
            Some(value) => Ok(value),
            None => Ok(T::from_bits(self.load_slowly(call, at, size_of::<T>())?)),
        }
    }

    /// Fast path of [`Map::load`]. Returns `None` if the slow path is needed: it does the work, or
    /// says why it cannot.
    #[inline]
    fn try_load<T: Word>(&self, at: usize) -> Option<T> {
        let _in_use = self.is_ready().then(|| self.memory.enter())?;
        if !lies_in::<T>(self.len(), at) {
            return None;
        }
        // SAFETY: the integer is in bounds, and the region stays mapped while `_in_use` exists.
        unsafe { load_inline(self.base(), at) }
    }

    /// Slow path of [`Map::load`], for an integer of `size` bytes. Not generic, so that it is
    /// compiled with the crate.
    #[cold]
    #[inline(never)]
    fn load_slowly(&self, call: &'static str, at: usize, size: usize) -> Result<u64> {
        self.load_from(self.span_at(call, at, size)?)
    }

    /// Loads the byte with index `index` in `span`; a byte behind the span is reported as a fault.
    pub(crate) fn load_byte(&self, span: Span, index: usize) -> Result<u8> {
        let byte = span.part(index, 1);
        if byte.len() == 1 {
            Ok(self.load_from(byte)? as u8)
        } else {
            Err(Error::Fault { offset: span.end() })
        }
    }

    /// Loads the integer that fills `span`.
    pub(super) fn load_from(&self, span: Span) -> Result<u64> {
        self.ensure_intact()?;
        fault::ensure_ready();
        let (base, loaded) = self.load_once(span)?;
        if loaded.fault == 0 {
            return Ok(loaded.value);
        }
        let nothing = NonNull::dangling().as_ptr();
        Ok(self.retry(base, loaded, nothing, move |_| self.load_once(span))?.value)
    }

    fn load_once(&self, span: Span) -> Result<(*mut u8, Loaded)> {
        // SAFETY: the integer fills `span`, which lies in the map.
        self.with_base(span, |base| unsafe { load(base.wrapping_add(span.start()), span.len()) })
    }

    /// Stores `value` at `at`.
    #[inline(always)]
    pub(crate) fn store_word<T: Word>(
        &self,
        call: &'static str,
        at: usize,
        value: T,
    ) -> Result<()> {
        match self.try_store(at, value) {
            Some(()) => Ok(()),
            None => self.store_slowly(call, at, value.into_bits(), size_of::<T>()),
        }
    }

    /// Fast path of [`Map::store`]; see [`Map::try_load`].
    #[inline]
    fn try_store<T: Word>(&self, at: usize, value: T) -> Option<()> {
        match self.stores {
            Stores::Direct => self.try_store_directly(at, value),
            _ => self.try_store_noted(at, value),
        }
    }

    #[inline]
    fn try_store_directly<T: Word>(&self, at: usize, value: T) -> Option<()> {
        let _in_use = self.is_ready().then(|| self.memory.enter())?;
        if !lies_in::<T>(self.len(), at) {
            return None;
        }
        // SAFETY: the integer is in bounds, the map is writable, and the region stays mapped while
        // `_in_use` exists.
        unsafe { store_inline(self.base(), at, value) }.then_some(())
    }

    /// Slow path of [`Map::store`]; see [`Map::load_slowly`].
    #[cold]
    #[inline(never)]
    fn store_slowly(&self, call: &'static str, at: usize, bits: u64, size: usize) -> Result<()> {
        self.ensure_writable(call)?;
        let span = self.span_at(call, at, size)?;
        self.storing(call, span, || self.store_to(span, bits))
    }

    /// Stores the integer that fills `span` in a map that is writable.
    pub(super) fn store_to(&self, span: Span, bits: u64) -> Result<()> {
        self.ensure_intact()?;
        fault::ensure_ready();
        let (base, fault) = self.store_once(span, bits)?;
        if fault != 0 {
            let nothing = NonNull::dangling().as_ptr();
            self.retry(base, fault, nothing, move |_| self.store_once(span, bits))?;
        }
        Ok(())
    }

    fn store_once(&self, span: Span, bits: u64) -> Result<(*mut u8, usize)> {
        self.with_base(span, |base| {
            // SAFETY: the integer fills `span`, which lies in the map.
            unsafe { store(base.wrapping_add(span.start()), bits, span.len()) }
        })
    }

    /// Fast path of [`Map::get`]. Returns `None` if the slow path is needed.
    ///
    /// Code that calls nothing saves no registers on the stack. That is a third of the work of a
    /// step of Python's `for x in m`.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_get(&self, at: usize) -> Option<u8> {
        self.try_load(at)
    }

    /// Fast path of [`Map::set`]. Returns `None` if the slow path is needed; see [`Map::try_get`].
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_set(&self, byte: u8, at: usize) -> Option<()> {
        self.try_store(at, byte)
    }
}

/// Whether an integer at `at` lies in `len` bytes.
#[inline]
pub(super) fn lies_in<T: Word>(len: usize, at: usize) -> bool {
    len >= size_of::<T>() && at <= len - size_of::<T>()
}

/// Returns `None` after a fault.
///
/// # Safety
///
/// `base + at` is the address of an integer that an accessor may read (see `accessor::inline`).
#[inline]
pub(super) unsafe fn load_inline<T: Word>(base: *const u8, at: usize) -> Option<T> {
    let bits = match size_of::<T>() {
        // SAFETY: the caller's obligation is that of the form, here and below.
        1 => unsafe { inline::load8(base, at) },
        // SAFETY: as above.
        2 => unsafe { inline::load16(base, at) },
        // SAFETY: as above.
        4 => unsafe { inline::load32(base, at) },
        // SAFETY: as above.
        _ => unsafe { inline::load64(base, at) },
    };
    bits.map(T::from_bits)
}

/// Returns `false` after a fault.
///
/// # Safety
///
/// `base + at` is the address of an integer that an accessor may write (see `accessor::inline`).
#[inline]
pub(super) unsafe fn store_inline<T: Word>(base: *mut u8, at: usize, value: T) -> bool {
    let bits = value.into_bits();
    match size_of::<T>() {
        // SAFETY: the caller's obligation is that of the form, here and below.
        1 => unsafe { inline::store8(base, at, bits) },
        // SAFETY: as above.
        2 => unsafe { inline::store16(base, at, bits) },
        // SAFETY: as above.
        4 => unsafe { inline::store32(base, at, bits) },
        // SAFETY: as above.
        _ => unsafe { inline::store64(base, at, bits) },
    }
}

/// # Safety
///
/// `at` is the address of `size` bytes that an accessor may read (see `accessor`).
unsafe fn load(at: *const u8, size: usize) -> Loaded {
    match size {
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
/// `at` is the address of `size` bytes that an accessor may write (see `accessor`).
unsafe fn store(at: *mut u8, bits: u64, size: usize) -> usize {
    match size {
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
