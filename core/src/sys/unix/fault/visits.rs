//! The handlers of the crate that forward a signal at the moment: a linked list on the stack, which
//! all copies of the crate in the process share.
//!
//! The layout is frozen (`docs/design.md`, *Several copies in one process*). `uc_link` points to
//! the last visit, or is 1 after the signal was resolved: the kernel clears it and does not read it
//! again.
//!
//! # Safety
//!
//! Only copies of the crate store visits. A visit is removed before the function that holds it
//! returns.

use super::{
    context::{Context, RESOLVED},
    notes,
    record::Record,
};
use std::ptr;

#[repr(C)]
struct Visit {
    /// Distinguishes a visit from the context to which NetBSD sets `uc_link` for coroutines.
    kind: usize,
    previous: *const Visit,
    /// The copy whose handler this is.
    record: *const Record,
    generation: usize,
}

const KIND: usize = 0x5afe_0002;

/// Whether this copy forwards the signal with this generation of its handler.
pub(super) fn has(generation: usize, context: &mut Context<'_>) -> bool {
    let mut next = last(context);
    // SAFETY: null, a visit whose function has not returned, or a context that begins with a word.
    while let Some(visit) = unsafe { next.as_ref() }.filter(|visit| visit.kind == KIND) {
        if ptr::eq(visit.record, notes::own_record()) && visit.generation == generation {
            return true;
        }
        next = visit.previous;
    }
    false
}

/// Calls `forward` during a visit of this generation.
pub(super) fn during(
    generation: usize,
    context: &mut Context<'_>,
    forward: impl FnOnce(&mut Context<'_>),
) {
    let before = *context.last_visit();
    let previous = last(context);
    let visit = Visit { kind: KIND, previous, record: notes::own_record(), generation };
    let own = (&raw const visit).expose_provenance();
    *context.last_visit() = own;
    forward(context);
    // Otherwise a handler has resolved the signal.
    if *context.last_visit() == own {
        *context.last_visit() = before;
    }
}

fn last(context: &mut Context<'_>) -> *const Visit {
    let address = *context.last_visit();
    ptr::with_exposed_provenance(if address == RESOLVED { 0 } else { address })
}
