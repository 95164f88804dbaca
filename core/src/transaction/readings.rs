//! Which files the calling thread is reading: a commit must not wait for its own thread.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
};

thread_local! {
    /// The files that this thread began to read, by device and number. Those of dropped guards have
    /// no value any more.
    static READ: RefCell<Vec<([u64; 2], Weak<()>)>> = const { RefCell::new(Vec::new()) };
}

/// The calling thread is reading a file until this is dropped, by whichever thread.
#[derive(Debug)]
pub(super) struct Entry {
    _entry: Arc<()>,
}

impl Entry {
    pub(super) fn new(file: [u64; 2]) -> Entry {
        let entry = Arc::new(());
        let weak = Arc::downgrade(&entry);
        // Without the list, at the end of the thread, no commit of it follows.
        let _ = READ.try_with(|read| {
            let mut read = read.borrow_mut();
            read.retain(|(_, entry)| entry.strong_count() > 0);
            read.push((file, weak));
        });
        Entry { _entry: entry }
    }
}

/// Returns whether the calling thread began to read the file, and still does.
pub(super) fn is_reading(file: [u64; 2]) -> bool {
    let is_this = |(read, entry): &([u64; 2], Weak<()>)| *read == file && entry.strong_count() > 0;
    READ.try_with(|read| read.borrow().iter().any(is_this)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::{Entry, is_reading};

    #[test]
    fn a_thread_knows_the_files_that_it_began_to_read_until_any_thread_ends_that() {
        let (one, two) = ([1, 1], [1, 2]);
        let first = Entry::new(one);
        let second = Entry::new(one);
        assert!(is_reading(one) && !is_reading(two));
        std::thread::spawn(move || {
            assert!(!is_reading(one));
            drop(first);
        })
        .join()
        .unwrap();
        assert!(is_reading(one));
        drop(second);
        assert!(!is_reading(one));
    }
}
