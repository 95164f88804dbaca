//! Do short accesses cost as much as those to a slice?

use std::time::Instant;

use safemap::View;

use super::{
    copy::{copy_in, copy_out},
    *,
};

const SLICE: &str = "memmap2";
/// The lengths of copies with their aims.
const LENGTHS: [(usize, f64); 8] = [
    (16, 0.90),
    (32, 0.90),
    (48, 0.90),
    (64, 0.90),
    (100, 1.10),
    (128, 1.10),
    (200, 1.10),
    (256, 1.10),
];

pub(super) fn answer(run: &Run) -> Outcome {
    let file = TempFile::new(&vec![1; MIB]);
    let (ours, mut theirs) = (file.map(), peers::map_mut(&file.open()));
    let view = || ours.view(..).expect(IN_BOUNDS);
    Row::new("load a u64 from a view")
        .with("safemap", at_random_in(view, 8, |it, at| it.load::<u64>(at).expect(IN_BOUNDS)))
        .with(SLICE, at_random_in(|| &theirs[..], 8, |it, at| peers::load(it, at)))
        .aim(SLICE, 1.15)
        .done(run);
    Row::new("load a u64 from a map")
        .with("safemap", at_random(8, |at| ours.load::<u64>(at).expect(IN_BOUNDS)))
        .with(SLICE, at_random(8, |at| peers::load(&theirs, at)))
        .aim_plus(SLICE, 1.0, 0.6)
        .done(run);
    Row::new("store a u64 to a view")
        .with("safemap", at_random_in(view, 8, |it, at| it.store(7_u64, at).expect(IN_BOUNDS)))
        .with(SLICE, at_random(8, |at| peers::store(&mut theirs, at, 7)))
        .aim(SLICE, 1.15)
        .done(run);
    for (len, ratio) in LENGTHS {
        Row::new(format!("read_at, {len} B"))
            .with("safemap", reading(len, |to, at| ours.read_at(to, at).expect(IN_BOUNDS)))
            .with(SLICE, reading(len, |to, at| copy_out(&theirs, at, to)))
            .aim(SLICE, ratio)
            .done(run);
        Row::new(format!("copy_to from a view, {len} B"))
            .with("safemap", copying(view, len))
            .with(SLICE, reading(len, |to, at| copy_out(&theirs, at, to)))
            .aim(SLICE, ratio)
            .done(run);
        let bytes = vec![2; len];
        let from = || black_box(&bytes[..]);
        Row::new(format!("write_at, {len} B"))
            .with("safemap", at_random(1, |at| ours.write_at(from(), at).expect(IN_BOUNDS)))
            .with(SLICE, at_random(1, |at| copy_in(&mut theirs, at, from())))
            .done(run);
    }
    for len in [10, 32, 64, 100, 4 * KIB] {
        Row::new(format!("find a byte that does not occur, {}", sized(len)))
            .with("safemap", at_random(1, |at| ours.find(&[ABSENT], at..at + len)))
            .with(SLICE, at_random(1, |at| memchr(ABSENT, &theirs[at..at + len])))
            .aim(SLICE, 1.05)
            .done(run);
    }
    Ok(())
}

/// Times `once` at random multiples of `step`.
fn at_random<'a, T>(step: usize, mut once: impl FnMut(usize) -> T + 'a) -> Work<'a> {
    at_random_in(|| (), step, move |&(), at| once(at))
}

/// Times `once` on what `make` returns, at random multiples of `step`. That, and the position in
/// the list of offsets, are local variables: to store and load them would take longer than an
/// access.
fn at_random_in<'a, S, T>(
    make: impl Fn() -> S + 'a,
    step: usize,
    mut once: impl FnMut(&S, usize) -> T + 'a,
) -> Work<'a> {
    let mut offsets = Offsets::below(256 * KIB, step);
    let offsets: [usize; 1024] = std::array::from_fn(|_| offsets.next());
    Box::new(move |times| {
        let subject = make();
        let begun = Instant::now();
        for time in 0..times {
            black_box(once(&subject, offsets[time as usize % 1024]));
        }
        since(begun)
    })
}

/// Times `read` into a separate buffer, at random offsets.
fn reading<'a, T>(len: usize, mut read: impl FnMut(&mut [u8], usize) -> T + 'a) -> Work<'a> {
    let mut buffer = vec![0; len];
    at_random(1, move |at| read(black_box(&mut buffer), at))
}

/// Times copies from a view into a separate buffer, at random offsets.
fn copying<'a>(view: impl Fn() -> View<'a> + 'a, len: usize) -> Work<'a> {
    let mut buffer = vec![0; len];
    at_random_in(view, 1, move |view, at| {
        view.copy_to(black_box(&mut buffer), at).expect(IN_BOUNDS);
    })
}
