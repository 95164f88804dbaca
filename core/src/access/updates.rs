//! Words that are replaced atomically, each with a fast path that is inlined into the caller and a
//! slow path that is not.

use std::ptr::NonNull;

use super::{
    Span,
    words::{lies_in, store_inline},
};
use crate::{
    Map, Result,
    accessor::{self, Loaded, inline},
    sys::fault,
    word::Word,
};

/// How a word is replaced. The numbers are the bits of words, extended with zeros.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Update {
    Swap(u64),
    Add(u64),
    CompareExchange { expected: u64, new: u64 },
}

impl Map {
    /// Replaces the aligned word at `at` and returns the former one. The caller has checked that
    /// the map is writable.
    #[inline]
    pub(crate) fn update_word<T: Word>(
        &self,
        call: &'static str,
        at: usize,
        update: Update,
    ) -> Result<T> {
        match self.try_update(at, update) {
            Some(former) => Ok(former),
            None => Ok(T::from_bits(self.update_slowly(call, at, update, size_of::<T>())?)),
        }
    }

    /// Fast path of [`Map::update_word`]. Returns `None` if the slow path is needed.
    #[inline]
    pub(crate) fn try_update<T: Word>(&self, at: usize, update: Update) -> Option<T> {
        let _in_use = self.is_ready().then(|| self.memory.enter())?;
        if !lies_in::<T>(self.len(), at) {
            return None;
        }
        let base = self.base();
        // SAFETY: the word is in bounds, and the region stays mapped while `_in_use` exists.
        unsafe { update_inline(base, at, update, size_of::<T>()) }.map(T::from_bits)
    }

    /// Replaces the 64 bits at `at` by `new` if they are `expected`, and then stores `note` behind
    /// them. Returns whether they were. `None` if nothing was done.
    #[inline]
    pub(crate) fn try_exchange_and_note(
        &self,
        at: usize,
        expected: u64,
        new: u64,
        note: u32,
    ) -> Option<bool> {
        let _in_use = self.is_ready().then(|| self.memory.enter())?;
        let note_at = at + size_of::<u64>();
        if !lies_in::<u32>(self.len(), note_at) {
            return None;
        }
        let (base, exchange) = (self.base(), Update::CompareExchange { expected, new });
        // SAFETY: both words are in bounds, and the region stays mapped while `_in_use` exists.
        let former = unsafe { update_inline(base, at, exchange, size_of::<u64>()) }?;
        if former == expected {
            // SAFETY: as above. The page may have disappeared since; the exchange stays.
            let _ = unsafe { store_inline(base, note_at, note) };
        }
        Some(former == expected)
    }

    /// Slow path of [`Map::update_word`]; see [`Map::load_slowly`].
    #[cold]
    #[inline(never)]
    fn update_slowly(
        &self,
        call: &'static str,
        at: usize,
        update: Update,
        size: usize,
    ) -> Result<u64> {
        self.ensure_intact()?;
        self.update_even_if_damaged(call, at, update, size)
    }

    /// Like the slow path of [`Map::update_word`], also if pages of the map are damaged.
    pub(crate) fn update_even_if_damaged(
        &self,
        call: &'static str,
        at: usize,
        update: Update,
        size: usize,
    ) -> Result<u64> {
        fault::ensure_ready();
        let span = self.span_at(call, at, size)?;
        let (base, loaded) = self.update_once(span, update)?;
        if loaded.fault == 0 {
            return Ok(loaded.value);
        }
        let nothing = NonNull::dangling().as_ptr();
        Ok(self.retry(base, loaded, nothing, move |_| self.update_once(span, update))?.value)
    }

    fn update_once(&self, span: Span, update: Update) -> Result<(*mut u8, Loaded)> {
        self.with_base(span, |base| {
            // SAFETY: the word fills `span`, which lies in the map.
            unsafe { update_at(base.wrapping_add(span.start()), update, span.len()) }
        })
    }
}

/// Calls the function for a size.
macro_rules! of_size {
    ($size:expr, $path:ident, [$one:ident $two:ident $four:ident $eight:ident] $arguments:tt) => {
        match $size {
            // SAFETY: the caller's obligation is that of the form, here and below.
            1 => unsafe { $path::$one $arguments },
            // SAFETY: as above.
            2 => unsafe { $path::$two $arguments },
            // SAFETY: as above.
            4 => unsafe { $path::$four $arguments },
            // SAFETY: as above.
            _ => unsafe { $path::$eight $arguments },
        }
    };
}

/// Returns `None` after a fault.
///
/// # Safety
///
/// `base + at` is the address of a word of `size` bytes that an accessor may write (see
/// `accessor::inline`).
#[inline]
unsafe fn update_inline(base: *mut u8, at: usize, update: Update, size: usize) -> Option<u64> {
    match update {
        Update::Swap(word) => {
            of_size!(size, inline, [swap8 swap16 swap32 swap64](base, at, word))
        }
        Update::Add(word) => of_size!(size, inline, [add8 add16 add32 add64](base, at, word)),
        Update::CompareExchange { expected, new } => of_size!(
            size,
            inline,
            [compare_exchange8 compare_exchange16 compare_exchange32 compare_exchange64](
                base, at, expected, new
            )
        ),
    }
}

/// # Safety
///
/// `at` is the address of a word of `size` bytes that an accessor may write (see `accessor`).
unsafe fn update_at(at: *mut u8, update: Update, size: usize) -> Loaded {
    match update {
        Update::Swap(word) => of_size!(size, accessor, [swap8 swap16 swap32 swap64](at, word)),
        Update::Add(word) => of_size!(size, accessor, [add8 add16 add32 add64](at, word)),
        Update::CompareExchange { expected, new } => of_size!(
            size,
            accessor,
            [compare_exchange8 compare_exchange16 compare_exchange32 compare_exchange64](
                at, expected, new
            )
        ),
    }
}
