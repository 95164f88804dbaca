//! Repair: there is none here. A page of a view cannot be replaced by another one.

/// Whether pages of a map can be replaced while it is mapped.
pub(crate) const POSSIBLE: bool = false;

/// Where a map was damaged: nowhere.
#[derive(Debug)]
pub(crate) struct Mark;

impl Mark {
    pub(crate) fn new() -> Mark {
        Mark
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        None
    }

    pub(crate) fn spoil(&self) {}

    pub(crate) fn clear(&self) {}
}
