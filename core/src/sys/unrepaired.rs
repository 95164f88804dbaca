//! `repair` for systems other than Unix, which do not support it: on Windows no other page can
//! replace a page of a view.

use crate::Damage;

/// The number of faults that were repaired: always 0.
pub(crate) fn damages() -> usize {
    0
}

/// Whether pages of a map can be replaced while it is mapped.
pub(crate) const POSSIBLE: bool = false;

/// The lowest damaged offset of a map: always none.
#[derive(Debug)]
pub(crate) struct Mark;

/// What happens when a map becomes damaged: never used.
#[derive(Debug, Default)]
#[allow(dead_code)] // Only Unix reads the fields.
pub(crate) struct Reaction {
    pub(crate) hook: Option<fn(Damage)>,
    pub(crate) reported_name: Option<Box<str>>,
}

impl Mark {
    pub(crate) fn new(_: Reaction) -> Mark {
        Mark
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        None
    }

    pub(crate) fn first_after_repair(&self) -> Option<usize> {
        None
    }

    pub(crate) fn first_fault(&self) -> Option<(usize, usize)> {
        None
    }

    pub(crate) fn clear_if(&self, _: impl Fn() -> bool) {}
}
