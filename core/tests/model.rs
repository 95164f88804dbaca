//! A map and a `Vec<u8>` with a position, through the same random operations.
#![forbid(unsafe_code)]

#[path = "support/operation.rs"]
mod operation;
#[cfg(unix)]
#[path = "support/program.rs"]
mod program;
mod support;
#[path = "support/twin.rs"]
mod twin;

use std::io::SeekFrom;

use operation::Op;
use quickcheck::{Arbitrary, Gen, QuickCheck};
use safemap::{Access, Error, Map, Options, Sharing};
#[cfg(unix)]
use support::survives;
use support::{file_with, pattern};
use twin::Twin;

/// Mostly small numbers, some at the edge of a page, some absurd.
fn number(g: &mut Gen) -> usize {
    match usize::arbitrary(g) % 40 {
        0 => usize::MAX - usize::arbitrary(g) % 3,
        1..8 => 4090 + usize::arbitrary(g) % 12,
        8..14 => usize::arbitrary(g) % 30_000,
        _ => usize::arbitrary(g) % 300,
    }
}

fn few_letters(g: &mut Gen) -> Vec<u8> {
    (0..usize::arbitrary(g) % 20).map(|_| *g.choose(b"ab\n").unwrap()).collect()
}

impl Arbitrary for Op {
    fn arbitrary(g: &mut Gen) -> Op {
        match usize::arbitrary(g) % 22 {
            0 => Op::Get(number(g)),
            1 => Op::Set(number(g), u8::arbitrary(g)),
            2 => Op::ReadAt(number(g), number(g) % 40_000),
            3 => Op::ReadExactAt(number(g), number(g) % 40_000),
            4 => Op::WriteAt(number(g), few_letters(g)),
            5 => Op::ToVec(number(g), number(g)),
            6 => Op::Fill(number(g), number(g), *g.choose(b"ab\n").unwrap()),
            7 => Op::CopyWithin(number(g), number(g), number(g)),
            8 => Op::Compare(number(g), few_letters(g)),
            9 => Op::Load(number(g)),
            10 => Op::Store(number(g), u32::arbitrary(g)),
            11 => Op::Find(few_letters(g), number(g), number(g)),
            12 => Op::Rfind(few_letters(g), number(g), number(g)),
            13 => Op::Resize(number(g) % 50_000),
            14 => Op::Flush(number(g), number(g)),
            15 => Op::Read(number(g) % 40_000),
            16 => Op::Write(few_letters(g)),
            17 => Op::Seek(
                *g.choose(&[SeekFrom::Start(7), SeekFrom::Current(-3), SeekFrom::End(-20), SeekFrom::End(2)]).unwrap(),
            ),
            18 => Op::ReadByte,
            19 => Op::WriteByte(u8::arbitrary(g)),
            20 => Op::ReadLine,
            _ => Op::ReadUntil(b'a'),
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Op>> {
        quickcheck::empty_shrinker()
    }
}

#[track_caller]
fn stays_alike(map: &Map, start: Vec<u8>, ops: &[Op]) -> Vec<u8> {
    let mut twin = Twin::new(start);
    ops.iter().for_each(|op| twin.step(map, op));
    assert_eq!(map.to_vec(..).unwrap(), twin.bytes);
    twin.bytes
}

#[test]
fn a_file_map_is_a_vector_with_a_position() {
    fn holds(offset: u16, ops: Vec<Op>) -> bool {
        let offset = usize::from(offset) % 5000;
        let bytes = pattern(offset + 5000);
        let file = file_with(&bytes);
        let map = Options::new().access(Access::Write).offset(offset as u64).open(file.path()).unwrap();
        let end = stays_alike(&map, bytes[offset..].to_vec(), &ops);
        let expected = [&bytes[..offset], &end].concat();
        std::fs::read(file.path()).unwrap() == expected
    }
    QuickCheck::new().tests(400).quickcheck(holds as fn(u16, Vec<Op>) -> bool);
}

#[test]
fn private_memory_is_a_vector_with_a_position() {
    fn holds(ops: Vec<Op>) -> bool {
        let map = Options::new().len(5000).anonymous().unwrap();
        stays_alike(&map, vec![0; 5000], &ops);
        true
    }
    QuickCheck::new().tests(400).quickcheck(holds as fn(Vec<Op>) -> bool);
}

#[test]
fn shared_memory_with_room_is_a_vector_with_a_position() {
    fn holds(mut ops: Vec<Op>) -> bool {
        // It does not forget what stood behind its end: others share it.
        ops.retain(|op| !matches!(op, Op::Resize(len) if *len < 50_000));
        let map = Options::new().len(5000).sharing(Sharing::Shared).reserve(50_000).anonymous().unwrap();
        stays_alike(&map, vec![0; 5000], &ops);
        true
    }
    QuickCheck::new().tests(200).quickcheck(holds as fn(Vec<Op>) -> bool);
}

#[test]
fn a_copy_is_a_vector_with_a_position_and_the_file_stays() {
    fn holds(mut ops: Vec<Op>) -> bool {
        ops.retain(|op| !matches!(op, Op::Resize(_)));
        let bytes = pattern(5000);
        let file = file_with(&bytes);
        let map = Options::new().access(Access::Copy).open(file.path()).unwrap();
        assert!(matches!(map.resize(1), Err(Error::Unsupported(_))));
        stays_alike(&map, bytes.clone(), &ops);
        std::fs::read(file.path()).unwrap() == bytes
    }
    QuickCheck::new().tests(200).quickcheck(holds as fn(Vec<Op>) -> bool);
}

/// What the fuzzer found worth keeping, and what once failed; `fuzz/` makes more of them.
#[cfg(unix)] // Windows cuts no file that is mapped.
#[test]
fn a_file_that_others_cut_is_a_vector_that_knows_where_it_ends() {
    survives("a_file_that_others_cut_is_a_vector_that_knows_where_it_ends", || {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/operations");
        // The packaged crate comes without.
        for entry in std::fs::read_dir(corpus).into_iter().flatten() {
            program::run(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    });
}

#[cfg(unix)] // Windows cuts no file that is mapped.
#[test]
fn any_bytes_are_a_program_that_keeps_map_and_twin_alike() {
    survives("any_bytes_are_a_program_that_keeps_map_and_twin_alike", || {
        fn holds(bytes: Vec<u8>) -> bool {
            program::run(&bytes);
            true
        }
        QuickCheck::new().rng(Gen::new(400)).tests(2000).quickcheck(holds as fn(Vec<u8>) -> bool);
    });
}

/// The control: the comparison sees it when a map answers otherwise than its twin.
#[cfg(unix)]
#[test]
#[should_panic(expected = "Get(5): the map says Fault(5..6), its twin Bytes([5])")]
fn a_twin_that_was_not_told_of_a_cut_differs() {
    let bytes = pattern(5000);
    let file = file_with(&bytes);
    let map = support::writable(&file);
    file.as_file().set_len(0).unwrap();
    Twin::new(bytes).step(&map, &Op::Get(5));
}
