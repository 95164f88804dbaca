//! Tests of `copy_until`.

use super::{Accessors, all_accessors, arena::Arena, seed, with_holes};

/// Checks one call. The ranges must not overlap.
fn check_until(
    arena: &mut Arena,
    accessors: &Accessors,
    dst: usize,
    src: usize,
    n: usize,
    byte: u8,
) {
    let name = accessors.name;
    let found = (0..n).find(|&i| arena.can_read(src + i) && arena.model[src + i] == byte);
    let hole = (0..n).find(|&i| !arena.can_read(src + i) || !arena.can_write(dst + i));
    let done = found.map_or(n, |at| at + 1).min(hole.unwrap_or(n));
    let outcome = (accessors.copy_until)(arena.at(dst), arena.at(src), n, byte);
    let faulted = hole.filter(|&at| done == at && found.is_none_or(|found| found >= at));
    let fault = faulted.map(|at| if arena.can_read(src + at) { dst + at } else { src + at });
    assert_eq!(
        outcome,
        arena.outcome(done, fault),
        "{name}: copy {n} bytes from {src} to {dst} until {byte}"
    );
    // SAFETY: the bytes lie in the arena and not in the hole.
    let copied: Vec<u8> = (0..done).map(|i| unsafe { arena.at(dst + i).read_volatile() }).collect();
    assert_eq!(
        copied,
        &arena.model[src..src + done],
        "{name}: copy {n} bytes from {src} to {dst} until {byte}"
    );
    // The bytes behind the destination are unchanged.
    arena.verify(
        dst + n + 70..dst + n + 70,
        format_args!("{name}: copy {n} bytes from {src} to {dst} until {byte}"),
    );
    (0..n).for_each(|i| arena.write(dst + i, arena.model[dst + i]));
}

#[test]
fn bytes_are_copied_up_to_and_including_the_first_match() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        arena.refill(0);
        for n in (0..140).chain([160, 191, 256, 299]) {
            for i in 0..n {
                let (src, dst) =
                    (if n % 2 == 0 { 4000 - n } else { i % 64 }, arena.len() - n - 1 - i % 37);
                arena.write(src + i, 1);
                check_until(&mut arena, &accessors, dst, src, n, 1);
                arena.write(src + i, 0);
            }
            check_until(&mut arena, &accessors, 9000, 0, n, 1);
        }
    }
}

#[test]
fn a_fault_ends_a_copy_until_a_byte_exactly_where_it_happens() {
    for (accessors, make_hole) in with_holes() {
        let mut arena = make_hole(Arena::new(seed()));
        arena.refill(40);
        for distance in 0..140 {
            for more in [1, 2, 15, 33, 100] {
                let (before, end) =
                    (arena.hole.start - distance, arena.len() - distance - more - 80);
                for byte in [30, 200] {
                    check_until(&mut arena, &accessors, end, before, distance + more, byte);
                    check_until(&mut arena, &accessors, before, 100, distance + more, byte);
                }
            }
        }
    }
}
