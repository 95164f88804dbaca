//! The signal actions that the library replaced, one for each generation of its handler (see
//! `chain`).

use std::{
    mem, ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use libc::c_int;

/// Enough for 64 handlers of other libraries, which the documentation guarantees, and the one that
/// was installed before the first map. A handler whose flags changed counts again.
pub(super) const GENERATIONS: usize = 128;

/// One table for SIGSEGV, one for SIGBUS.
static REPLACED: [Replaced; 2] = [const { Replaced::new() }; 2];

/// The action that each generation replaced; null if the generation is unused. The actions are
/// leaked. Generations are used in ascending order.
pub(super) struct Replaced([AtomicPtr<libc::sigaction>; GENERATIONS]);

impl Replaced {
    const fn new() -> Replaced {
        Replaced([const { AtomicPtr::new(ptr::null_mut()) }; GENERATIONS])
    }

    pub(super) fn of(signal: c_int) -> &'static Replaced {
        &REPLACED[usize::from(signal == libc::SIGBUS)]
    }

    pub(super) fn get(&self, generation: usize) -> Option<&'static libc::sigaction> {
        let action = self.0[generation].load(Ordering::Acquire);
        // SAFETY: null, or stored by `set` or `claim`, which leak it.
        unsafe { action.as_ref() }
    }

    pub(super) fn set(&self, generation: usize, action: &'static libc::sigaction) {
        self.0[generation].store(ptr::from_ref(action).cast_mut(), Ordering::Release);
    }

    /// Returns the generation that replaced this action, or else claims an unused one for it.
    pub(super) fn claim(&self, action: &libc::sigaction) -> Option<usize> {
        (0..GENERATIONS).find(|&generation| self.claims(generation, action))
    }

    /// Stores the action for the generation if that is unused. Returns whether the generation has
    /// this action now.
    fn claims(&self, generation: usize, action: &libc::sigaction) -> bool {
        let slot = &self.0[generation];
        if slot.load(Ordering::Acquire).is_null() {
            let new = Box::into_raw(Box::new(*action));
            match slot.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Acquire)
            {
                Ok(_) => return true,
                // SAFETY: allocated above and not shared.
                Err(_) => drop(unsafe { Box::from_raw(new) }),
            }
        }
        self.get(generation).is_some_and(|claimed| is_same(claimed, action))
    }
}

/// The default action with an empty mask.
pub(super) static DEFAULT: libc::sigaction = {
    // SAFETY: all zeros is the default action with an empty mask.
    unsafe { mem::zeroed() }
};

/// Whether two actions have the same handler and the same flags.
pub(super) fn is_same(one: &libc::sigaction, other: &libc::sigaction) -> bool {
    (one.sa_sigaction, one.sa_flags) == (other.sa_sigaction, other.sa_flags)
}
