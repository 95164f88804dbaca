//! How long does it take to copy bytes out of a map and into it?

use std::os::unix::fs::FileExt;

use super::*;

const LENGTHS: [usize; 16] =
    [1, 2, 4, 8, 16, 32, 64, 128, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 512 * KIB, MIB];
/// The offsets are below this one.
const HOT: usize = 256 * KIB;

pub(super) fn reads(run: &Run) -> Outcome {
    let Maps { file, ours, theirs } = Maps::new(&Data::text(), 2 * MIB)?;
    let (handle, private) = (file.open(), theirs.to_vec());
    for len in LENGTHS {
        let row = Row::new(sized(len))
            .with("safemap", reading(len, |to, at| ours.read_at(to, at).expect(IN_BOUNDS)))
            .with("memmap2", reading(len, |to, at| copy_out(&theirs, at, to)))
            .with("pread", reading(len, |to, at| handle.read_exact_at(to, at as u64).unwrap()))
            .with("memcpy", reading(len, |to, at| copy_out(&private, at, to)));
        with_aim(row, len).done(run);
    }
    Ok(())
}

pub(super) fn writes(run: &Run) -> Outcome {
    let file = TempFile::new(&vec![1; 2 * MIB]);
    let (ours, handle) = (file.map(), file.open());
    let mut theirs = peers::map_mut(&handle);
    let mut private = vec![1; 2 * MIB];
    let from = vec![2; MIB];
    for len in LENGTHS {
        let from = || black_box(&from[..len]);
        let row = Row::new(sized(len))
            .with("safemap", at_random(1, |at| ours.write_at(from(), at).expect(IN_BOUNDS)))
            .with("memmap2", at_random(1, |at| copy_in(&mut theirs, at, from())))
            .with("pwrite", at_random(1, |at| handle.write_all_at(from(), at as u64).unwrap()))
            .with("memcpy", at_random(1, |at| copy_in(&mut private, at, from())));
        with_aim(row, len).done(run);
    }
    Ok(())
}

pub(super) fn words(run: &Run) -> Outcome {
    let file = TempFile::new(&vec![1; MIB]);
    let (ours, mut theirs) = (file.map(), peers::map_mut(&file.open()));
    Row::new("load a u64")
        .with("safemap", at_random(8, |at| ours.load::<u64>(at).expect(IN_BOUNDS)))
        .with("memmap2", at_random(8, |at| peers::load(&theirs, at)))
        .aim_plus("memmap2", 1.0, 2.0)
        .done(run);
    Row::new("store a u64")
        .with("safemap", at_random(8, |at| ours.store(7_u64, at).expect(IN_BOUNDS)))
        .with("memmap2", at_random(8, |at| peers::store(&mut theirs, at, 7)))
        .aim_plus("memmap2", 1.0, 2.0)
        .done(run);
    Ok(())
}

/// Times `once` at random multiples of `step`.
fn at_random<'a, T>(step: usize, mut once: impl FnMut(usize) -> T + 'a) -> Work<'a> {
    let mut offsets = Offsets::below(HOT, step);
    many(move || once(offsets.next()))
}

/// Times `read` into a separate buffer, at random offsets.
fn reading<'a, T>(len: usize, mut read: impl FnMut(&mut [u8], usize) -> T + 'a) -> Work<'a> {
    let mut buffer = vec![0; len];
    at_random(1, move |at| read(black_box(&mut buffer), at))
}

#[inline]
pub(super) fn copy_out(from: &[u8], at: usize, to: &mut [u8]) {
    to.copy_from_slice(&from[at..at + to.len()]);
}

#[inline]
pub(super) fn copy_in(to: &mut [u8], at: usize, from: &[u8]) {
    black_box(&mut to[at..at + from.len()]).copy_from_slice(from);
}

/// The aim is a difference for short copies, and a ratio for long ones.
fn with_aim(row: Row<'_>, len: usize) -> Row<'_> {
    if len < 64 { row.aim_plus("memmap2", 1.0, 2.0) } else { row.aim("memmap2", 1.05) }
}
