//! Does a byte cost more in a larger file?

use super::*;

/// The cost of a byte may grow by this: the processor's caches alone make such a difference.
const FLAT: f64 = 1.25;
const SMALLER: &str = "safemap, smaller";

pub(super) fn answer(run: &Run) -> Outcome {
    let data = Data::text();
    let real = |size| TempFile::repeated(&data.block, size);
    for size in [64 * MIB, GIB, 4 * GIB] {
        compare(run, "real", [MIB, size], &real, false);
    }
    for size in [4 * GIB, 16 * GIB] {
        compare(run, "sparse", [GIB, size], &|size| TempFile::sparse(size as u64), true);
    }
    Ok(())
}

fn compare(run: &Run, kind: &str, sizes: [usize; 2], make: &dyn Fn(usize) -> TempFile, cold: bool) {
    let [small, large] = sizes.map(|size| run.size(size));
    let name = format!("{} {kind}, beside {}", sized(large), sized(small));
    if large >= GIB && peers::free_disk() < large * 2 {
        return skip(&name, "the disk has too little free space");
    }
    let (few, much) = (make(small), make(large));
    let row = Row::new(name);
    let row = if cold { row.rounds(3) } else { row };
    row.with("safemap", per_mib(large, cold, &much, ours))
        .with(SLICE, per_mib(large, cold, &much, theirs))
        .with(SMALLER, per_mib(small, cold, &few, ours))
        .aim(SLICE, 1.05)
        .aim(SMALLER, FLAT)
        .done(run);
}

fn per_mib<'a>(
    size: usize,
    cold: bool,
    file: &'a TempFile,
    once: fn(&TempFile) -> bool,
) -> Work<'a> {
    let mebibytes = size as f64 / MIB as f64;
    let mut timed =
        if cold { after(|| evict(file), move |_| once(file)) } else { many(move || once(file)) };
    Box::new(move |times| timed(times) / mebibytes)
}

fn ours(file: &TempFile) -> bool {
    open(file.path()).find(&[ABSENT], ..).expect(IN_BOUNDS).is_some()
}

fn theirs(file: &TempFile) -> bool {
    memchr(ABSENT, &peers::map(&file.open())).is_some()
}
