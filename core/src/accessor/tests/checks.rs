//! Checks: each calls an accessor and compares the result with the reference model.

use super::{Accessors, arena::Arena};
use crate::accessor::Probe;

pub(super) fn single(byte: u8) -> Probe {
    Probe { bytes: [byte; 3], at: [0; 3] }
}

pub(super) fn check_copies(
    arena: &mut Arena,
    accessors: &Accessors,
    dst: usize,
    src: usize,
    n: usize,
) {
    let name = accessors.name;
    if dst <= src || src + n <= dst {
        assert_eq!(
            (accessors.copy)(arena.at(dst), arena.at(src), n),
            arena.copy(dst, src, n, true),
            "{name}: copy {src} to {dst}, {n} bytes"
        );
        arena.verify(dst..dst + n, format_args!("{name}: copy {src} to {dst}, {n} bytes"));
    }
    if dst >= src || dst + n <= src {
        assert_eq!(
            (accessors.copy_back)(arena.at(dst), arena.at(src), n),
            arena.copy(dst, src, n, false),
            "{name}: copy back {src} to {dst}, {n} bytes"
        );
        arena.verify(dst..dst + n, format_args!("{name}: copy back {src} to {dst}, {n} bytes"));
    }
}

pub(super) fn check_fill(arena: &mut Arena, accessors: &Accessors, dst: usize, n: usize) {
    let name = accessors.name;
    let byte = arena.below(256) as u8;
    assert_eq!(
        (accessors.fill)(arena.at(dst), byte, n),
        arena.fill(dst, byte, n),
        "{name}: fill {dst}, {n} bytes"
    );
    arena.verify(dst..dst + n, format_args!("{name}: fill {dst}, {n} bytes"));
}

pub(super) fn check_compare(arena: &Arena, accessors: &Accessors, a: usize, b: usize, n: usize) {
    let name = accessors.name;
    assert_eq!(
        (accessors.compare)(arena.at(a), arena.at(b), n),
        arena.compare(a, b, n),
        "{name}: compare {a} with {b}, {n} bytes"
    );
}

pub(super) fn check_find(arena: &Arena, accessors: &Accessors, at: usize, n: usize, byte: u8) {
    let name = accessors.name;
    assert_eq!(
        (accessors.find_byte)(arena.at(at), n, byte),
        arena.find(at, n, &single(byte)),
        "{name}: find {byte} in {at}, {n} bytes"
    );
    assert_eq!(
        (accessors.count_byte)(arena.at(at), n, byte),
        arena.count(at, n, byte),
        "{name}: count {byte} in {at}, {n} bytes"
    );
    assert_eq!(
        (accessors.rfind_byte)(arena.at(at), n, byte),
        arena.rfind(at, n, &single(byte)),
        "{name}: find the last {byte} in {at}, {n} bytes"
    );
}

pub(super) fn check_probe(
    arena: &Arena,
    accessors: &Accessors,
    at: usize,
    n: usize,
    probe: &Probe,
) {
    let name = accessors.name;
    assert_eq!(
        (accessors.find_probe)(arena.at(at), n, probe),
        arena.find(at, n, probe),
        "{name}: find {probe:?} in {at}, {n} indices"
    );
    assert_eq!(
        (accessors.rfind_probe)(arena.at(at), n, probe),
        arena.rfind(at, n, probe),
        "{name}: find the last {probe:?} in {at}, {n} indices"
    );
}

pub(super) fn some_probe(arena: &mut Arena, longest: usize, bytes: usize) -> Probe {
    let last = arena.below(longest);
    let at =
        [arena.below(last.min(3) + 1).min(last / 2), arena.below(last + 1).max(last / 2), last];
    let bytes = [0; 3].map(|_: u8| arena.below(bytes) as u8);
    match arena.below(4) {
        0 => pair(bytes, at),
        _ => Probe { bytes, at },
    }
}

/// The probe of a needle of two bytes, which contains the last one twice.
fn pair([first, second, _]: [u8; 3], [at, _, last]: [usize; 3]) -> Probe {
    Probe { bytes: [first, second, second], at: [at, last, last] }
}
