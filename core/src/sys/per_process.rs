//! A value that each process makes for itself: a forked child does not use that of its parent.

use std::{
    fmt, ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{AcqRel, Acquire},
    },
};

use super::fork;

/// At most one value for each process. No thread waits for another one, so that a fork leaves no
/// lock behind.
pub(crate) struct PerProcess<T> {
    /// The value of this process, or of the last ancestor that made one. Nodes are never removed.
    latest: AtomicPtr<Node<T>>,
}

struct Node<T> {
    value: T,
    /// The number of forks of the process that made the value.
    forks: u64,
    before: *mut Node<T>,
}

// SAFETY: the nodes belong to this value as boxes would.
unsafe impl<T: Send> Send for PerProcess<T> {}
// SAFETY: threads get shared references to values, and can add values that they have made.
unsafe impl<T: Send + Sync> Sync for PerProcess<T> {}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> PerProcess<T> {
        PerProcess { latest: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Returns the value of this process, if it has made one, and the number of forks.
    #[inline]
    pub(crate) fn get(&self) -> Option<(&T, u64)> {
        let forks = fork::current();
        self.value_of(forks, self.latest.load(Acquire)).map(|value| (value, forks))
    }

    /// Returns the value of this process. If two threads make one, the value of one is dropped.
    pub(crate) fn get_or_make<E>(&self, make: impl Fn() -> Result<T, E>) -> Result<&T, E> {
        loop {
            let (forks, before) = (fork::current(), self.latest.load(Acquire));
            if let Some(value) = self.value_of(forks, before) {
                return Ok(value);
            }
            let node = Box::into_raw(Box::new(Node { value: make()?, forks, before }));
            if self.latest.compare_exchange(before, node, AcqRel, Acquire).is_err() {
                // SAFETY: no other thread has seen the node.
                drop(unsafe { Box::from_raw(node) });
            }
        }
    }

    #[inline]
    fn value_of(&self, forks: u64, node: *mut Node<T>) -> Option<&T> {
        // SAFETY: null, or a node that was published complete and exists as long as `self`.
        let node = unsafe { node.as_ref() }?;
        (node.forks == forks).then_some(&node.value)
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let mut next = *self.latest.get_mut();
        while !next.is_null() {
            // SAFETY: the node was made from a box, and no reference to it exists.
            let node = unsafe { Box::from_raw(next) };
            next = node.before;
        }
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use super::{super::fork::steps::holds_in_fork, *};

    #[test]
    fn a_child_makes_its_own_value_once() {
        fork::watch();
        let (values, made) = (PerProcess::new(), Cell::new(0));
        let next = || {
            made.set(made.get() + 1);
            Ok::<_, Infallible>(made.get())
        };
        assert_eq!(values.get().map(|(value, _)| value), None);
        assert_eq!(values.get_or_make(next), Ok(&1));
        assert_eq!(
            (values.get_or_make(next), values.get().map(|(value, _)| value)),
            (Ok(&1), Some(&1))
        );
        let in_child = || {
            let before = values.get().map(|(value, _)| value);
            let own = values.get_or_make(next);
            before.is_none() && own == Ok(&2) && values.get().map(|(value, _)| value) == Some(&2)
        };
        assert!(holds_in_fork(in_child));
        assert!(holds_in_fork(
            || in_child() && holds_in_fork(|| values.get().map(|(value, _)| value).is_none())
        ));
        assert_eq!((values.get().map(|(value, _)| value), made.get()), (Some(&1), 1));
    }

    #[test]
    fn of_two_values_one_is_dropped() {
        let values = PerProcess::new();
        let drops = std::sync::Arc::new(());
        let make = || {
            // Another thread is faster.
            let _ = values.get_or_make(|| Ok::<_, Infallible>(drops.clone()));
            Ok::<_, Infallible>(drops.clone())
        };
        values.get_or_make(make).unwrap();
        assert_eq!(std::sync::Arc::strong_count(&drops), 2);
        drop(values);
        assert_eq!(std::sync::Arc::strong_count(&drops), 1);
    }
}
