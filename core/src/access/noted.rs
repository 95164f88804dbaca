//! Stores to a transactional map: through its gate, and with a note of the pages.

use super::{Span, words::store_inline};
use crate::{Error, Map, Result, mode::Stores, word::Word};

impl Map {
    /// Fast path of [`Map::store`] for a transactional map. Returns `None` if the slow path is
    /// needed, and for other maps.
    ///
    /// Not inlined, so that stores to other maps have short code.
    #[inline(never)]
    pub(super) fn try_store_noted<T: Word>(&self, at: usize, value: T) -> Option<()> {
        if self.stores != Stores::Noted || !self.is_ready() {
            return None;
        }
        let _inside = self.try_pass_gate(at, size_of::<T>())?;
        // SAFETY: the integer is in bounds and the map is writable. The region stays mapped, as no
        // system that unmaps regions has transactional maps.
        unsafe { store_inline(self.base(), at, value) }.then_some(())
    }

    /// Runs `store`, which stores to `span`, through the gate of a transactional map.
    #[cold]
    #[inline(never)]
    pub(crate) fn store_noted(
        &self,
        call: &'static str,
        span: Span,
        store: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let inside = self.is_intact().then(|| self.try_pass_gate(span.start(), span.len()));
        if let Some(_inside) = inside.flatten() {
            return store();
        }
        let _inside = self.pass_gate(call)?;
        // Before the thread had passed the gate, another one may have shortened the map.
        if span.end() > self.len() {
            return Err(Error::OutOfBounds {
                call,
                start: span.start(),
                end: span.end(),
                len: self.len(),
            });
        }
        self.note_pages(span.start(), span.len());
        store()
    }

    /// Writes `bytes` at `at`, for maps with other stores than [`Stores::Direct`].
    #[cold]
    #[inline(never)]
    pub(crate) fn write_otherwise(
        &self,
        call: &'static str,
        bytes: &[u8],
        at: usize,
    ) -> Result<()> {
        self.ensure_writable(call)?;
        let span = self.span_at(call, at, bytes.len())?;
        self.storing(call, span, || self.copy_in_slowly(span, bytes, 0))
    }

    /// [`Map::fill`] of a transactional map.
    #[cold]
    #[inline(never)]
    pub(crate) fn fill_noted(&self, span: Span, byte: u8) -> Result<()> {
        self.store_noted("fill", span, || self.fill_span(span, byte))
    }

    /// [`Map::scatter`], for maps with other stores than [`Stores::Direct`].
    #[cold]
    #[inline(never)]
    pub(crate) fn scatter_otherwise(&self, bytes: &[u8], at: usize, step: isize) -> Result<()> {
        let call = "scatter";
        self.ensure_writable(call)?;
        let target = self.strided(call, at, step, bytes.len())?;
        self.store_noted(call, target.span, || self.copy_in_strided(target, bytes))
    }

    /// [`Map::copy_within`] of a transactional map.
    #[cold]
    #[inline(never)]
    pub(crate) fn copy_noted(&self, from: Span, to: Span) -> Result<()> {
        self.store_noted("copy_within", to, || self.copy_span(from, to))
    }
}
