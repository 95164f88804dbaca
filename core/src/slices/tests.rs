//! Forks at each step of a copy.

use std::{cell::Cell, io::Write, rc::Rc};

use super::Snapshot;
use crate::sys::fork::steps::{at_each, holds_in_fork};

/// The claim of the copying thread is void in the child, which has only the thread that forked. In
/// this test that is the same thread, so the child must not return from the step.
#[test]
fn a_child_takes_over_a_claim_at_each_step() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[7; 200_000]).unwrap();
    let snapshot = Rc::new(Snapshot::from_file(&file).unwrap());
    let (in_child, steps) = (Rc::clone(&snapshot), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&steps);
    let check = move || {
        counted.set(counted.get() + 1);
        assert!(holds_in_fork(|| in_child.get(..).is_ok_and(|bytes| bytes == [7; 200_000])));
    };
    at_each(check, || assert_eq!(snapshot.get(..).unwrap(), [7; 200_000]));
    assert_eq!(steps.get(), 8);
}
