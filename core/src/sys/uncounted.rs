//! `in_use` for systems other than Windows, which counts nothing: a region stays mapped until its
//! map is dropped.

use std::marker::PhantomData;

/// Whether a resize may unmap the region of a map, so that it must wait until the in-use count is
/// 0.
pub(crate) const COUNTED: bool = false;

/// Counts nothing.
#[derive(Debug)]
pub(crate) struct InUseCount;

/// A call that uses the region, until dropped.
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

    /// Returns at once.
    pub(crate) fn shut(&self) -> InUse<'_> {
        self.enter()
    }
}

/// Counts no views: they keep working while the map is resized.
#[derive(Debug)]
pub(crate) struct ViewCount;

/// A view, until dropped.
#[derive(Debug)]
pub(crate) struct Viewed<'a>(PhantomData<&'a ViewCount>);

/// Would exclude new views, until dropped.
pub(crate) type Unviewed<'a> = Viewed<'a>;

impl ViewCount {
    pub(crate) fn new(_needed: bool) -> ViewCount {
        ViewCount
    }

    #[inline]
    pub(crate) fn add(&self) -> Viewed<'_> {
        Viewed(PhantomData)
    }

    /// Never fails.
    pub(crate) fn exclude(&self) -> Option<Unviewed<'_>> {
        Some(self.add())
    }
}
