//! Tests of the accessors of ranges: copies, fills, comparisons and searches.

use super::{
    FIXUPS, all_accessors,
    arena::Arena,
    checks::{
        check_compare, check_copies, check_fill, check_find, check_probe, single, some_probe,
    },
    seed, with_holes,
};
use crate::accessor::Probe;

/// Calls `check` with ranges of all lengths below `longest`: at the start of the arena, at its end,
/// and inside.
fn for_all_ranges(
    arena: &mut Arena,
    longest: usize,
    mut check: impl FnMut(&mut Arena, usize, usize),
) {
    for n in 0..longest {
        check(arena, 0, n);
        let end = arena.len() - n;
        check(arena, end, n);
        let inside = arena.below(end);
        check(arena, inside, n);
    }
}

#[test]
fn accessors_agree_with_the_reference_model_and_change_nothing_else() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        FIXUPS.set(0);
        for_all_ranges(&mut arena, 300, |arena, at, n| {
            for _ in 0..4 {
                let other = arena.below(arena.len() - n);
                check_copies(arena, &accessors, at, other, n);
                check_compare(arena, &accessors, at, other, n);
                check_copies(arena, &accessors, other, at, n);
                check_compare(arena, &accessors, other, at, n);
                check_fill(arena, &accessors, other, n);
                let byte = arena.below(256) as u8;
                check_find(arena, &accessors, at, n, byte);
                let (probe, indices) =
                    (some_probe(arena, n.max(1), 4), n.saturating_sub(n.min(n / 2 + 1)));
                let probe =
                    Probe { at: probe.at.map(|distance| distance.min(n - indices)), ..probe };
                check_probe(arena, &accessors, at, indices.saturating_sub(1), &probe);
            }
            check_fill(arena, &accessors, at, n);
        });
        assert_eq!(FIXUPS.get(), 0, "{} accessed memory outside the ranges", accessors.name);
    }
}

#[test]
fn overlapping_copies_are_exact() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        for n in (0..300).chain([500, 1000, 2047, 2048, 5000]) {
            for distance in [
                0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256,
                257,
            ] {
                let at = arena.below(64);
                check_copies(&mut arena, &accessors, at, at + distance, n);
                check_copies(&mut arena, &accessors, at + distance, at, n);
            }
        }
    }
}

#[test]
fn comparisons_find_the_first_difference_at_any_index() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        for n in 0..300 {
            let (a, b) = (arena.below(64), 1000 + arena.below(64));
            check_copies(&mut arena, &accessors, b, a, n);
            check_compare(&arena, &accessors, a, b, n);
            for i in (0..n).rev() {
                let other = arena.model[b + i] ^ 128;
                arena.write(b + i, other);
                check_compare(&arena, &accessors, a, b, n);
            }
        }
    }
}

#[test]
fn bytes_are_found_at_any_index() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        arena.refill(0);
        for n in (1..140).chain([160, 191, 256, 299]) {
            for i in 0..n {
                let at = if n % 2 == 0 { arena.len() - n } else { i % 64 };
                let second = arena.below(n);
                arena.write(at + i, 1);
                check_find(&arena, &accessors, at, n, 1);
                arena.write(at + second, 1);
                check_find(&arena, &accessors, at, n, 1);
                check_probe(&arena, &accessors, at, n, &single(1));
                arena.write(at + i, 0);
                arena.write(at + second, 0);
            }
        }
    }
}

#[test]
fn long_ranges_agree_with_the_reference_model() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        for _ in 0..100 {
            let n = arena.below(arena.len() / 2);
            let (a, b) = (arena.below(arena.len() / 2), arena.below(arena.len() / 2));
            check_copies(&mut arena, &accessors, a, b, n);
            check_compare(&arena, &accessors, a, b, n);
            check_fill(&mut arena, &accessors, a, n / 2);
            arena.refill_some(100);
        }
        arena.refill(20);
        for _ in 0..100 {
            let n = arena.below(arena.len() / 2);
            let at = arena.below(arena.len() / 4);
            let probe = some_probe(&mut arena, 300, 22);
            check_probe(&arena, &accessors, at, n, &probe);
            check_find(&arena, &accessors, at, n, 21);
        }
    }
}

#[test]
fn counts_of_equal_bytes_do_not_overflow() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        arena.refill(0);
        for n in (0..40).map(|i| 12_000 - 37 * i) {
            let at = arena.below(arena.len() - n + 1);
            check_find(&arena, &accessors, at, n, 0);
        }
    }
}

/// Calls `check` with ranges that begin or end at distances up to 299 from the borders of the hole.
fn for_all_borders(arena: &mut Arena, mut check: impl FnMut(&mut Arena, usize, usize)) {
    for distance in (0..140).chain([160, 255, 256, 257, 299]) {
        for more in [1, 2, 15, 31, 32, 33, 64, 100, 129, 256, 1000] {
            check(arena, arena.hole.start - distance, distance + more);
            check(arena, arena.hole.end - more, distance + more);
        }
    }
}

#[test]
fn a_fault_ends_a_copy_exactly_where_it_happens() {
    for (accessors, make_hole) in with_holes() {
        let mut arena = make_hole(Arena::new(seed()));
        for_all_borders(&mut arena, |arena, at, n| {
            let elsewhere =
                if at < arena.hole.start { arena.len() - n - 1 } else { arena.below(60) };
            check_copies(arena, &accessors, at, elsewhere, n);
            check_copies(arena, &accessors, elsewhere, at, n);
            check_fill(arena, &accessors, at, n);
        });
    }
}

#[test]
fn a_fault_ends_an_overlapping_copy_exactly_where_it_happens() {
    for (accessors, make_hole) in with_holes() {
        let mut arena = make_hole(Arena::new(seed()));
        for_all_borders(&mut arena, |arena, at, n| {
            for _ in 0..4 {
                let distance = if arena.below(2) == 0 { arena.below(80) } else { arena.below(280) };
                check_copies(arena, &accessors, at, at + distance, n);
                check_copies(arena, &accessors, at + distance, at, n);
            }
            arena.refill_some(20);
        });
    }
}

#[test]
fn a_fault_ends_a_search_exactly_where_it_happens() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed()).with_inaccessible_hole();
        arena.refill(20);
        for_all_borders(&mut arena, |arena, at, n| {
            check_find(arena, &accessors, at, n, 21);
            check_find(arena, &accessors, at, n, 20);
            for bytes in [22, 3] {
                let probe = some_probe(arena, 40, bytes);
                check_probe(
                    arena,
                    &accessors,
                    at.saturating_sub(arena.hole.len().min(probe.at[2])),
                    n,
                    &probe,
                );
            }
            let elsewhere =
                if at < arena.hole.start { arena.len() - n - 1 } else { arena.below(60) };
            check_compare(arena, &accessors, at, elsewhere, n);
            check_copies(arena, &accessors, at, elsewhere, n);
            check_compare(arena, &accessors, at, elsewhere, n);
            check_compare(arena, &accessors, elsewhere, at, n);
        });
    }
}
