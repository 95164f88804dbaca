//! Repair, which Windows does not support: a page of a view cannot be replaced by another page.

use crate::Damage;

/// Whether pages of a map can be replaced while it is mapped.
pub(crate) const POSSIBLE: bool = false;

/// The lowest damaged offset of a map: always none.
#[derive(Debug)]
pub(crate) struct Mark;

impl Mark {
    pub(crate) fn new(_: Option<fn(Damage)>) -> Mark {
        Mark
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        None
    }

    pub(crate) fn first_after_repair(&self) -> Option<usize> {
        None
    }

    pub(crate) fn clear_if(&self, _: impl Fn() -> bool) {}
}
