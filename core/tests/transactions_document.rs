//! The examples of `docs/transactions.md`, which run here.
#![forbid(unsafe_code)]
#![cfg(all(any(target_os = "linux", target_os = "macos"), target_pointer_width = "64"))]

use std::{env, fs};

use safemap::{Access, Options, Result};
use safemap_testing::{document, succeeds_in_child};

#[test]
fn each_example_of_the_document_is_here() {
    let text = include_str!("../../docs/transactions.md");
    document::ensure_examples_are_in(text, include_str!("transactions_document.rs"), 2);
}

#[test]
fn a_block_is_committed_and_read() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        env::set_current_dir(folder.path()).unwrap();
        fs::write("table.bin", [0; 8192]).unwrap();
        commit_and_read().unwrap();
        fill_once().unwrap();
        assert_eq!(fs::read("new.bin").unwrap()[..16], *b"\x34\x12\0\0\0\0\0\0contents");
    });
}

fn fill_once() -> Result<()> {
    let mut options = Options::new();
    options.access(Access::Write).create(true).len(4096).transactional(true);
    let new = options.open("new.bin")?;
    if new.load::<u64>(0)? == 0 {
        let transaction = new.transaction()?;
        new.write_at(b"contents", 8)?;
        new.store(0x1234_u64, 0)?;
        transaction.commit()?;
    }
    Ok(())
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
