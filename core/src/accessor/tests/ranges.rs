//! Kernels for ranges of bytes: copies, fills, comparisons and searches.

use super::{
    super::Probe,
    RECOVERIES, all_kernels,
    arena::Arena,
    checks::{check_compare, check_copies, check_fill, check_find, check_probe, single, some_probe},
    seed, with_holes,
};

/// Calls `check` with ranges of all lengths below `longest` that touch the start or the end of the arena, or lie inside.
fn for_all_ranges(arena: &mut Arena, longest: usize, mut check: impl FnMut(&mut Arena, usize, usize)) {
    for n in 0..longest {
        check(arena, 0, n);
        let end = arena.len() - n;
        check(arena, end, n);
        let inside = arena.below(end);
        check(arena, inside, n);
    }
}

#[test]
fn kernels_do_what_their_twins_do_and_touch_nothing_else() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        RECOVERIES.set(0);
        for_all_ranges(&mut arena, 300, |arena, at, n| {
            for _ in 0..4 {
                let other = arena.below(arena.len() - n);
                check_copies(arena, &kernels, at, other, n);
                check_compare(arena, &kernels, at, other, n);
                check_copies(arena, &kernels, other, at, n);
                check_compare(arena, &kernels, other, at, n);
                check_fill(arena, &kernels, other, n);
                let byte = arena.below(256) as u8;
                check_find(arena, &kernels, at, n, byte);
                let (probe, places) = (some_probe(arena, n.max(1), 4), n.saturating_sub(n.min(n / 2 + 1)));
                let probe = Probe { at: probe.at.map(|distance| distance.min(n - places)), ..probe };
                check_probe(arena, &kernels, at, places.saturating_sub(1), &probe);
            }
            check_fill(arena, &kernels, at, n);
        });
        assert_eq!(RECOVERIES.get(), 0, "{} accessed what it was not given", kernels.name);
    }
}

#[test]
fn overlapping_copies_arrive_whole() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        for n in (0..300).chain([500, 1000, 2047, 2048, 5000]) {
            for distance in [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257] {
                let at = arena.below(64);
                check_copies(&mut arena, &kernels, at, at + distance, n);
                check_copies(&mut arena, &kernels, at + distance, at, n);
            }
        }
    }
}

#[test]
fn comparisons_find_the_first_difference_wherever_it_is() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        for n in 0..300 {
            let (a, b) = (arena.below(64), 1000 + arena.below(64));
            check_copies(&mut arena, &kernels, b, a, n);
            check_compare(&arena, &kernels, a, b, n);
            for i in (0..n).rev() {
                let other = arena.twin[b + i] ^ 128;
                arena.poke(b + i, other);
                check_compare(&arena, &kernels, a, b, n);
            }
        }
    }
}

#[test]
fn bytes_are_found_wherever_they_are() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        arena.refill(0);
        for n in (1..140).chain([160, 191, 256, 299]) {
            for i in 0..n {
                let at = if n % 2 == 0 { arena.len() - n } else { i % 64 };
                let second = arena.below(n);
                arena.poke(at + i, 1);
                check_find(&arena, &kernels, at, n, 1);
                arena.poke(at + second, 1);
                check_find(&arena, &kernels, at, n, 1);
                check_probe(&arena, &kernels, at, n, &single(1));
                arena.poke(at + i, 0);
                arena.poke(at + second, 0);
            }
        }
    }
}

#[test]
fn long_ranges_are_no_different() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        for _ in 0..100 {
            let n = arena.below(arena.len() / 2);
            let (a, b) = (arena.below(arena.len() / 2), arena.below(arena.len() / 2));
            check_copies(&mut arena, &kernels, a, b, n);
            check_compare(&arena, &kernels, a, b, n);
            check_fill(&mut arena, &kernels, a, n / 2);
            arena.refill_some(100);
        }
        arena.refill(20);
        for _ in 0..100 {
            let n = arena.below(arena.len() / 2);
            let at = arena.below(arena.len() / 4);
            let probe = some_probe(&mut arena, 300, 22);
            check_probe(&arena, &kernels, at, n, &probe);
            check_find(&arena, &kernels, at, n, 21);
        }
    }
}

/// Calls `check` with ranges that begin or end at every distance up to 300 from the hole.
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
    for (kernels, dig) in with_holes() {
        let mut arena = dig(Arena::new(seed()));
        for_all_borders(&mut arena, |arena, at, n| {
            let elsewhere = if at < arena.hole.start { arena.len() - n - 1 } else { arena.below(60) };
            check_copies(arena, &kernels, at, elsewhere, n);
            check_copies(arena, &kernels, elsewhere, at, n);
            check_fill(arena, &kernels, at, n);
        });
    }
}

#[test]
fn a_fault_ends_an_overlapping_copy_exactly_where_it_happens() {
    for (kernels, dig) in with_holes() {
        let mut arena = dig(Arena::new(seed()));
        for_all_borders(&mut arena, |arena, at, n| {
            for _ in 0..4 {
                let distance = if arena.below(2) == 0 { arena.below(80) } else { arena.below(280) };
                check_copies(arena, &kernels, at, at + distance, n);
                check_copies(arena, &kernels, at + distance, at, n);
            }
            arena.refill_some(20);
        });
    }
}

#[test]
fn a_fault_ends_a_search_exactly_where_it_happens() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed()).dig();
        arena.refill(20);
        for_all_borders(&mut arena, |arena, at, n| {
            check_find(arena, &kernels, at, n, 21);
            check_find(arena, &kernels, at, n, 20);
            for bytes in [22, 3] {
                let probe = some_probe(arena, 40, bytes);
                check_probe(arena, &kernels, at.saturating_sub(arena.hole.len().min(probe.at[2])), n, &probe);
            }
            let elsewhere = if at < arena.hole.start { arena.len() - n - 1 } else { arena.below(60) };
            check_compare(arena, &kernels, at, elsewhere, n);
            check_copies(arena, &kernels, at, elsewhere, n);
            check_compare(arena, &kernels, at, elsewhere, n);
            check_compare(arena, &kernels, elsewhere, at, n);
        });
    }
}
