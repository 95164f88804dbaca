//! What does a slice cost whose bytes do not change?

use safemap::{FileBytes, Options, Snapshot};
use safemap_testing::memfd::memory_file;

use super::*;

pub(super) fn answer(run: &Run) -> Outcome {
    for (size, aim) in [(4 * KIB, 1.05), (MIB, 1.05), (GIB, 0.85)] {
        let file = TempFile::repeated(&Data::text().block, run.size(size));
        let path = file.path();
        Row::new(format!("`FileBytes`, opened and summed, {}", sized(size)))
            .time("safemap", || sum(&FileBytes::open(path).expect("open a file")))
            .time("std::fs::read", || sum(&fs::read(path).expect("open a file")))
            .aim("std::fs::read", aim)
            .done(run);
    }
    sealed(run)?;
    let file = TempFile::repeated(&Data::text().block, run.size(GIB));
    first_pieces(run, &file);
    pieces_again(run, &file)
}

/// A memory file that was sealed, opened again and summed. The descriptor stays open.
fn sealed(run: &Run) -> Outcome {
    let size = run.size(GIB);
    let file = memory_file(false)?;
    file.set_len(size as u64)?;
    let map = Options::new().access(Access::Write).map(&file)?;
    for (block, at) in (0..size).step_by(64 * KIB).enumerate() {
        map.fill(block as u8, at..at + 64 * KIB)?;
    }
    map.seal().map_err(|(error, _)| error)?;
    Row::new("`FileBytes`, sealed memory file, opened and summed, 1 GiB")
        .time("safemap", || sum(&FileBytes::from_file(&file).expect("map a file")))
        .time("memmap2", || sum(&peers::map(&file)))
        .aim("memmap2", 1.02)
        .done(run);
    Ok(())
}

/// 64 bytes of each of 1024 random pieces, for the first time.
fn first_pieces(run: &Run, file: &TempFile) {
    let starts = Offsets::below(run.size(GIB) - 64, 64);
    let (ours, theirs) = (&mut starts.clone(), &mut starts.clone());
    Row::new("64 bytes at a random offset in 1 GiB, first")
        .per(1024)
        .rounds(20)
        .time("safemap", || {
            let file = Snapshot::open(file.path()).expect("open a file");
            (0..1024).map(|_| get(&file, ours.next())).fold(0, u8::wrapping_add)
        })
        .time("memmap2", || {
            let map = peers::map(&file.open());
            (0..1024).map(|_| slice(&map, theirs.next())).fold(0, u8::wrapping_add)
        })
        .done(run);
}

fn pieces_again(run: &Run, file: &TempFile) -> Outcome {
    let (ours, theirs) = (Snapshot::open(file.path())?, peers::map(&file.open()));
    assert_eq!(sum(ours.get(..)?), sum(&theirs));
    // More offsets than the processor's caches hold.
    let mut random = fastrand::Rng::with_seed(1);
    let offsets: Vec<usize> = (0..1 << 20).map(|_| random.usize(..run.size(GIB) - 64)).collect();
    let (mut first, mut second) = (offsets.iter().cycle(), offsets.iter().cycle());
    Row::new("64 bytes at a random offset in 1 GiB, again")
        .time("safemap", || first.next().map(|&at| get(&ours, at)))
        .time("memmap2", || second.next().map(|&at| slice(&theirs, at)))
        .aim("memmap2", 1.3)
        .done(run);
    Ok(())
}

fn get(file: &Snapshot, at: usize) -> u8 {
    file.get(at..black_box(at + 64)).expect(IN_BOUNDS)[0]
}

fn slice(bytes: &[u8], at: usize) -> u8 {
    bytes[at..black_box(at + 64)][0]
}

fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let words = words.iter().copied().map(u64::from_ne_bytes);
    words.chain(rest.iter().copied().map(u64::from)).fold(0, u64::wrapping_add)
}
