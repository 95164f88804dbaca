//! Random operations on a map and on its reference model.
#![forbid(unsafe_code)]

use quickcheck::{Gen, QuickCheck};
use safemap::{Access, Error, Map, Options, Sharing};
use safemap_testing::{Model, Op, TempFile, operations, pattern};
#[cfg(unix)]
use safemap_testing::{run_program, succeeds_in_child};

/// Calls `holds` with sequences of up to 400 random bytes.
fn check_bytes(tests: u64, holds: fn(Vec<u8>) -> bool) {
    QuickCheck::new().rng(Gen::new(400)).tests(tests).quickcheck(holds);
}

/// Runs operations on a map and on its model, and returns what both hold in the end.
#[track_caller]
fn run(map: &Map, start: Vec<u8>, ops: impl Iterator<Item = Op>) -> Vec<u8> {
    let mut model = Model::new(start);
    ops.for_each(|op| model.step(map, &op));
    assert_eq!(map.to_vec(..).unwrap(), model.bytes());
    model.bytes().to_vec()
}

#[test]
fn a_file_map_is_a_vector_with_a_position() {
    check_bytes(400, |program| {
        let offset = program.len() * 13 % 5000;
        let bytes = pattern(offset + 5000);
        let file = TempFile::new(&bytes);
        let map =
            Options::new().access(Access::Write).offset(offset as u64).open(file.path()).unwrap();
        let end = run(&map, bytes[offset..].to_vec(), operations(&program));
        file.read() == [&bytes[..offset], &end].concat()
    });
}

#[test]
fn private_memory_is_a_vector_with_a_position() {
    check_bytes(400, |program| {
        let map = Options::new().len(5000).anonymous().unwrap();
        run(&map, vec![0; 5000], operations(&program));
        true
    });
}

#[test]
fn shared_memory_with_a_reserve_is_a_vector_with_a_position() {
    check_bytes(200, |program| {
        // Shared memory keeps the bytes behind its end, because other processes may use them.
        let ops = operations(&program).filter(|op| !matches!(op, Op::Resize(len) if *len < 50_000));
        let map =
            Options::new().len(5000).sharing(Sharing::Shared).reserve(50_000).anonymous().unwrap();
        run(&map, vec![0; 5000], ops);
        true
    });
}

#[test]
fn a_copy_is_a_vector_with_a_position_and_does_not_change_the_file() {
    check_bytes(200, |program| {
        let bytes = pattern(5000);
        let file = TempFile::new(&bytes);
        let map = Options::new().access(Access::Copy).open(file.path()).unwrap();
        assert!(matches!(map.resize(1), Err(Error::Unsupported(_))));
        run(&map, bytes.clone(), operations(&program).filter(|op| !matches!(op, Op::Resize(_))));
        file.read() == bytes
    });
}

/// Runs what the fuzzer kept, and what once failed.
#[cfg(unix)] // Windows does not truncate mapped files.
#[test]
fn programs_of_the_corpus_run_alike_on_a_map_and_on_its_model() {
    succeeds_in_child(|| {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/operations");
        for entry in std::fs::read_dir(corpus).unwrap() {
            run_program(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    });
}

#[cfg(unix)] // Windows does not truncate mapped files.
#[test]
fn random_programs_run_alike_on_a_map_and_on_its_model() {
    succeeds_in_child(|| {
        check_bytes(2000, |program| {
            run_program(&program);
            true
        });
    });
}

/// The control: the comparison detects a difference.
#[cfg(unix)]
#[test]
#[should_panic(expected = "Get(5): the map returned Fault(5..6), the model Bytes([5])")]
fn a_model_that_misses_a_truncation_differs_from_its_map() {
    let bytes = pattern(5000);
    let file = TempFile::new(&bytes);
    let map = file.map();
    file.set_len(0);
    Model::new(bytes).step(&map, &Op::Get(5));
}
