//! Several copies of the crate in one process.

use std::thread;

use safemap_testing::{LibraryCopy, signal::install};

use super::{calls_the_handler, expect_fault_address, fault_outside_the_library};

#[test]
fn a_library_that_was_closed_still_forwards_faults() {
    calls_the_handler(|| {
        install(libc::SIGBUS, expect_fault_address, 0);
        // The loader keeps a library while a thread has values that the library must drop.
        let load = || {
            let copy = LibraryCopy::load();
            copy.create_maps();
            copy.close();
        };
        thread::scope(|scope| assert!(scope.spawn(load).join().is_ok()));
        fault_outside_the_library();
    });
}
