//! The copies of the crate in this process, for example in several extension modules.
//!
//! A copy publishes its record before it installs its first handler, and then makes itself known to
//! the copies that it finds. So of two copies at least one finds the other. The handler that runs
//! first asks all copies, before it forwards a signal to a handler of another library.

use super::{
    notes,
    record::{Functions, Record},
};
use libc::c_int;
use std::{
    iter, ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr,
        Ordering::{Acquire, Release, SeqCst},
    },
};

/// The other copies. A copy is never removed, because its object stays loaded.
static OTHERS: [AtomicPtr<Record>; 64] = [const { AtomicPtr::new(ptr::null_mut()) }; 64];

/// Publishes the functions of this copy, and finds the other copies. Later calls do nothing.
///
/// Threads may call this concurrently. Each returns after all copies are known.
pub(super) fn find(own: &Functions) {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.load(Acquire) {
        notes::own_record().publish(own);
        notes::visit_records(meet);
        DONE.store(true, Release);
    }
}

/// Makes another copy and this one known to each other, if the other is ready. Otherwise it will
/// find this one when it is.
fn meet(other: &'static Record) {
    let own = notes::own_record();
    if let Some(functions) = other.functions().filter(|_| !ptr::eq(other, own)) {
        if (functions.add)(own) != 0 {
            add(other);
        }
    }
}

/// Adds a copy to those that this one asks. Returns 1, or 0 if there is no space.
pub(super) extern "C" fn add(other: &'static Record) -> c_int {
    let other = ptr::from_ref(other).cast_mut();
    let has_it = |slot: &AtomicPtr<Record>| match slot.compare_exchange(
        ptr::null_mut(),
        other,
        SeqCst,
        SeqCst,
    ) {
        Ok(_) => true,
        Err(present) => present == other,
    };
    c_int::from(OTHERS.iter().any(has_it))
}

/// Returns the functions of the other copies. Async-signal-safe.
pub(super) fn others() -> impl Iterator<Item = Functions> {
    let mut slots = OTHERS.iter();
    iter::from_fn(move || {
        // SAFETY: null, or stored by `add` as a reference that is valid for ever.
        unsafe { slots.next()?.load(SeqCst).as_ref() }?.functions()
    })
}
