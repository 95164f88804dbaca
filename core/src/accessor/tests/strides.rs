//! Kernels for bytes that stand apart.

use super::{Kernels, RECOVERIES, all_kernels, arena::Arena, seed, with_holes};

/// `n` bytes in a row at `row`, and places from `first` on that are `step` apart.
fn check_strides(arena: &mut Arena, kernels: &Kernels, row: usize, first: usize, n: usize, step: isize) {
    let name = kernels.name;
    let place = |i: usize| first.wrapping_add_signed(step * i as isize);
    let places = place(0).min(place(n.max(1) - 1))..place(0).max(place(n.max(1) - 1)) + 1;
    assert_eq!(
        (kernels.gather)(arena.at(row), arena.at(first), n, step),
        arena.copy_each(n, |i| row + i, place),
        "{name}: gather {n} bytes from {first} by {step}"
    );
    arena.verify(row..row + n, format_args!("{name}: gather {n} bytes from {first} by {step}"));
    assert_eq!(
        (kernels.scatter)(arena.at(first), arena.at(row), n, step),
        arena.copy_each(n, place, |i| row + i),
        "{name}: scatter {n} bytes to {first} by {step}"
    );
    arena.verify(places, format_args!("{name}: scatter {n} bytes to {first} by {step}"));
}

const STEPS: [isize; 9] = [1, 2, 3, 7, 64, 200, -1, -2, -77];

#[test]
fn bytes_are_gathered_and_scattered_at_any_distance() {
    for kernels in all_kernels() {
        let mut arena = Arena::new(seed());
        RECOVERIES.set(0);
        for n in 0..40 {
            for step in STEPS {
                let room = n * step.unsigned_abs();
                let start = arena.below(arena.len() / 2 - room);
                let first = if step > 0 { start } else { start + room };
                let row = arena.len() - n - arena.below(70);
                check_strides(&mut arena, &kernels, row, first, n, step);
            }
        }
        assert_eq!(RECOVERIES.get(), 0, "{} accessed what it was not given", kernels.name);
    }
}

#[test]
fn a_fault_ends_a_stride_exactly_where_it_happens() {
    for (kernels, dig) in with_holes() {
        let mut arena = dig(Arena::new(seed()));
        for step in STEPS {
            for before in 0..9 {
                let reach = before * step.unsigned_abs();
                let first = if step > 0 { arena.hole.start - 1 - reach } else { arena.hole.end + reach };
                check_strides(&mut arena, &kernels, 10, first, 20, step);
                let row = arena.hole.start - before;
                check_strides(&mut arena, &kernels, row, if step > 0 { 0 } else { 4000 }, 20, step);
            }
        }
    }
}
