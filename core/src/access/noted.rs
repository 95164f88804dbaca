//! Stores to a transactional map: through its gate, and with a note of the pages.

use super::{Span, copy::copy_once, words::store_inline};
use crate::{Error, Map, Result, accessor::inline, word::Word};

impl Map {
    /// Fast path of [`Map::store`] for a transactional map. Returns `None` if the slow path is
    /// needed, and for other maps.
    #[inline(always)]
    pub(super) fn try_store_noted<T: Word>(&self, at: usize, value: T) -> Option<()> {
        let _inside = self.try_pass_gate_in_page(at, size_of::<T>())?;
        // SAFETY: the integer is in bounds, the map is writable, the thread can take a fault. The
        // region stays mapped, as no system that unmaps regions has transactional maps.
        unsafe { store_inline(self.base(), at, value) }.then_some(())
    }

    /// Writes `bytes` at `at`, for maps whose stores are not `Direct`.
    #[inline(always)]
    pub(crate) fn write_otherwise(
        &self,
        call: &'static str,
        bytes: &[u8],
        at: usize,
    ) -> Result<()> {
        if self.try_write_short(bytes, at) { Ok(()) } else { self.write_noted(call, bytes, at) }
    }

    /// Fast path of [`Map::write_at`] for a transactional map, a few bytes and one page. Returns
    /// whether it has written all of them. Not inlined, so that calls have short code.
    #[cold]
    #[inline(never)]
    fn try_write_short(&self, bytes: &[u8], at: usize) -> bool {
        if inline::COPIED.contains(&bytes.len()) {
            if let Some(_inside) = self.try_pass_gate_in_page(at, bytes.len()) {
                // SAFETY: the gate was passed with these bytes.
                return unsafe { self.copy_in_noted(bytes, at) };
            }
        }
        false
    }

    #[cold]
    #[inline(never)]
    fn write_noted(&self, call: &'static str, bytes: &[u8], at: usize) -> Result<()> {
        if let Some(_inside) = self.try_pass_gate(at, bytes.len()) {
            // SAFETY: the gate was passed with these bytes.
            if unsafe { self.copy_in_noted(bytes, at) } {
                return Ok(());
            }
        }
        self.write_slowly(call, bytes, at)
    }

    /// Copies `bytes` to the map at `at`. Returns whether there was no fault.
    ///
    /// # Safety
    ///
    /// The caller has passed the gate of the map with these bytes, by a fast path.
    #[inline(always)]
    unsafe fn copy_in_noted(&self, bytes: &[u8], at: usize) -> bool {
        let to = self.base().wrapping_add(at);
        // SAFETY: the bytes are in bounds, the map is writable and the thread can take a fault. The
        // region stays mapped, as no system that unmaps regions has transactional maps.
        unsafe { copy_once(to, bytes.as_ptr(), bytes.len()) }.is_ok()
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
        if let Some(_inside) = self.try_pass_gate(span.start(), span.len()) {
            return store();
        }
        let _inside = self.pass_gate(call)?;
        self.ensure_still_has(call, span)?;
        self.note_pages(span.start(), span.len());
        store()
    }

    #[cold]
    #[inline(never)]
    fn write_slowly(&self, call: &'static str, bytes: &[u8], at: usize) -> Result<()> {
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

    /// [`Map::scatter`], for maps whose stores are not `Direct`.
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
        self.store_noted("copy_within", to, || {
            self.ensure_still_has("copy_within", from)?;
            self.copy_span(from, to)
        })
    }

    /// Before the thread had passed the gate, another one may have shortened the map.
    fn ensure_still_has(&self, call: &'static str, span: Span) -> Result<()> {
        let (start, end, len) = (span.start(), span.end(), self.len());
        if end <= len { Ok(()) } else { Err(Error::OutOfBounds { call, start, end, len }) }
    }
}
