//! InUseCount: nobody asks for them here, as a region stays mapped until its map is dropped.

use std::marker::PhantomData;

/// Whether a region is there only while somebody holds a pin.
pub(crate) const COUNTED: bool = false;

/// Counts nobody.
#[derive(Debug)]
pub(crate) struct InUseCount;

/// Given back when dropped.
#[derive(Debug)]
pub(crate) struct InUse<'a>(PhantomData<&'a InUseCount>);

impl InUseCount {
    pub(crate) fn new(_needed: bool) -> InUseCount {
        InUseCount
    }

    #[inline]
    pub(crate) fn enter(&self) -> InUse<'_> {
        InUse(PhantomData)
    }

    /// Waits for nobody.
    pub(crate) fn shut(&self) -> InUse<'_> {
        self.enter()
    }
}
