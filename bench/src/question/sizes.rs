//! Sizes: does a byte cost more in a larger file?

use memchr::memchr;
use safemap::Map;

use super::Question;
use crate::{
    data::{ABSENT, Data},
    measure::{Work, many},
    peers,
    row::{Row, skip},
    run::{GIB, MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "sizes",
    title: "Rust: does a byte cost more in a larger file?",
    how: "Map, find a byte that is not there, unmap; the figures are for one mebibyte. *Real* files are in the page cache; of *sparse* files nothing \
          is, and the system makes pages of zeros for all that is read. Beside memmap2 and `memchr`, and beside a smaller file of the same kind in the same round.",
    answer,
};

/// The cost of a byte is flat if it grows by no more than this: the processor's caches alone make such a difference.
const FLAT: f64 = 1.25;

fn answer(run: &Run) -> Outcome {
    let data = Data::text();
    let real = |size| Scratch::repeated(&data.block, size);
    for size in [64 * MIB, GIB, 4 * GIB] {
        compare(run, "real", [MIB, size], &real, false)?;
    }
    for size in [4 * GIB, 16 * GIB] {
        compare(run, "sparse", [GIB, size], &Scratch::sparse, true)?;
    }
    Ok(())
}

fn compare(
    run: &Run,
    kind: &str,
    sizes: [usize; 2],
    make: &dyn Fn(usize) -> std::io::Result<Scratch>,
    cool: bool,
) -> Outcome {
    let [small, large] = sizes.map(|size| run.size(size));
    let name = format!("{} {kind}, beside {}", sized(large), sized(small));
    if large >= GIB && peers::free_disk() < large * 2 {
        skip(&name, "there is not enough room on the disk");
        return Ok(());
    }
    let (few, much) = (make(small)?, make(large)?);
    let row = if cool { Row::new(name).rounds(3) } else { Row::new(name) };
    row.with("safemap", per_mib(large, cool, &much, ours))
        .with("memmap2 + memchr", per_mib(large, cool, &much, theirs))
        .with("safemap, smaller", per_mib(small, cool, &few, ours))
        .aim("memmap2 + memchr", 1.05)
        .aim("safemap, smaller", FLAT)
        .done(run);
    Ok(())
}

fn per_mib<'a>(size: usize, cool: bool, file: &'a Scratch, once: fn(&Scratch) -> bool) -> Work<'a> {
    let mebibytes = size as f64 / MIB as f64;
    let mut timed =
        if cool { crate::measure::after(|| file.cool(), move |_| once(file)) } else { many(move || once(file)) };
    Box::new(move |times| timed(times) / mebibytes)
}

fn ours(file: &Scratch) -> bool {
    let map = Map::open(file.path()).expect("the file can be mapped");
    map.find(&[ABSENT], ..).expect("nobody cuts the file").is_some()
}

fn theirs(file: &Scratch) -> bool {
    let map = peers::map(&file.handle().expect("the file is there")).expect("the file can be mapped");
    memchr(ABSENT, &map).is_some()
}
