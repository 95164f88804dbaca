//! The examples of `docs/transactions.md`, which run here.
#![forbid(unsafe_code)]
#![cfg(all(any(target_os = "linux", target_os = "macos"), target_pointer_width = "64"))]

use std::{env, fs};

use safemap::{Access, Options, Result};
use safemap_testing::{document, succeeds_in_child};

#[test]
fn each_example_of_the_document_is_here() {
    let text = include_str!("../../docs/transactions.md");
    document::ensure_examples_are_in(text, include_str!("transactions_document.rs"), 1);
}

#[test]
fn a_block_is_committed_and_read() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        env::set_current_dir(folder.path()).unwrap();
        fs::write("table.bin", [0; 8192]).unwrap();
        commit_and_read().unwrap();
    });
}

fn commit_and_read() -> Result<()> {
    let map = Options::new().access(Access::Write).transactional(true).open("table.bin")?;
    let transaction = map.transaction()?; // rolled back when it is dropped without a commit
    map.store(1_u64, 0)?; // visible to this map only
    map.write_at(b"new value", 4096)?;
    transaction.commit()?; // visible to all, and on the disk

    let reader = Options::new().transactional(true).open("table.bin")?;
    let reading = reader.reading()?; // no commit is applied until it is dropped
    assert_eq!(reader.load::<u64>(0)?, 1);
    drop(reading);
    Ok(())
}
