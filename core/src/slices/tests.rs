//! Forks at each step of a copy, and files that change there.

use std::{cell::Cell, io::Write, rc::Rc};

use super::{FileBytes, Snapshot};
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

/// A file that another process extends as fast as it is read. It was empty at first, as the files
/// of `/proc` seem to be.
#[test]
fn an_empty_file_that_grows_with_each_read_is_not_read_for_ever() {
    let mut file = tempfile::tempfile().unwrap();
    let read = file.try_clone().unwrap();
    let times = Rc::new(Cell::new(0));
    let counted = Rc::clone(&times);
    let grow = move || {
        counted.set(counted.get() + 1);
        if counted.get() < 100 {
            file.write_all(&vec![7; 10_000 * counted.get()]).unwrap();
        }
    };
    at_each(grow, || {
        let bytes = FileBytes::from_file(&read).unwrap();
        assert!(bytes.iter().all(|&byte| byte == 7));
        assert_eq!((bytes.len(), times.get()), (10_000, 2));
    });
}
