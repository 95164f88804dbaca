//! Tests of the strided accessors, `gather` and `scatter`.

use super::{Accessors, FIXUPS, all_accessors, arena::Arena, seed, with_holes};

/// Checks both accessors with `n` consecutive bytes at `buffer`, and offsets from `first` on that
/// are `step` apart.
fn check_strides(
    arena: &mut Arena,
    accessors: &Accessors,
    buffer: usize,
    first: usize,
    n: usize,
    step: isize,
) {
    let name = accessors.name;
    let offset = |i: usize| first.wrapping_add_signed(step * i as isize);
    let extent = offset(0).min(offset(n.max(1) - 1))..offset(0).max(offset(n.max(1) - 1)) + 1;
    assert_eq!(
        (accessors.gather)(arena.at(buffer), arena.at(first), n, step),
        arena.copy_each(n, |i| buffer + i, offset),
        "{name}: gather {n} bytes from {first} by {step}"
    );
    arena.verify(
        buffer..buffer + n,
        format_args!("{name}: gather {n} bytes from {first} by {step}"),
    );
    assert_eq!(
        (accessors.scatter)(arena.at(first), arena.at(buffer), n, step),
        arena.copy_each(n, offset, |i| buffer + i),
        "{name}: scatter {n} bytes to {first} by {step}"
    );
    arena.verify(extent, format_args!("{name}: scatter {n} bytes to {first} by {step}"));
}

const STEPS: [isize; 9] = [1, 2, 3, 7, 64, 200, -1, -2, -77];

#[test]
fn bytes_are_gathered_and_scattered_at_any_distance() {
    for accessors in all_accessors() {
        let mut arena = Arena::new(seed());
        FIXUPS.set(0);
        for n in 0..40 {
            for step in STEPS {
                let extent = n * step.unsigned_abs();
                let start = arena.below(arena.len() / 2 - extent);
                let first = if step > 0 { start } else { start + extent };
                let buffer = arena.len() - n - arena.below(70);
                check_strides(&mut arena, &accessors, buffer, first, n, step);
            }
        }
        assert_eq!(FIXUPS.get(), 0, "{} accessed memory outside the ranges", accessors.name);
    }
}

#[test]
fn a_fault_ends_a_stride_exactly_where_it_happens() {
    for (accessors, make_hole) in with_holes() {
        let mut arena = make_hole(Arena::new(seed()));
        for step in STEPS {
            for before in 0..9 {
                let reach = before * step.unsigned_abs();
                let first =
                    if step > 0 { arena.hole.start - 1 - reach } else { arena.hole.end + reach };
                check_strides(&mut arena, &accessors, 10, first, 20, step);
                let buffer = arena.hole.start - before;
                check_strides(
                    &mut arena,
                    &accessors,
                    buffer,
                    if step > 0 { 0 } else { 4000 },
                    20,
                    step,
                );
            }
        }
    }
}
