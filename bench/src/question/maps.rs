//! Does a map cost more if there are many others?

use std::fs::File;

use memmap2::{Mmap, MmapMut};

use super::*;

const FLAT: f64 = 1.25;
const FEW: usize = 100;

pub(super) fn answer(run: &Run) -> Outcome {
    let file = TempFile::new(&[1; 4 * KIB]).open();
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count")?.trim().parse::<usize>()?;
    let reduced = |count| if run.quick { count / 100 + 1 } else { count };
    for count in [1, 10_000, 60_000, 100_000].map(reduced) {
        let name = format!("file, {count}");
        if count + 1000 > limit {
            skip(&name, &format!("the system allows a process {limit} mappings"));
        } else {
            row(run, name, count, || our_file(&file), || their_file(&file));
        }
    }
    for count in [1, 100_000].map(reduced) {
        row(run, format!("anonymous, {count}"), count, our_memory, their_memory);
    }
    Ok(())
}

fn row<M>(run: &Run, name: String, count: usize, ours: impl Fn() -> Map, theirs: impl Fn() -> M) {
    let mut few = filled(FEW, &ours);
    Row::new(name)
        .per(count)
        .with("safemap", filled(count, &ours))
        .with("memmap2", filled(count, &theirs))
        // A hundred maps, counted as if they were `count`.
        .with("safemap, 100", Box::new(move |times| few(times) * count as f64 / FEW as f64))
        .aim("memmap2", 1.05)
        .aim("safemap, 100", FLAT)
        .done(run);
}

/// Times making and dropping that many maps.
fn filled<'a, M: 'a>(count: usize, make: &'a impl Fn() -> M) -> Work<'a> {
    let fill = move |mut maps: Vec<M>| maps.extend((0..count).map(|_| make()));
    after(move || Vec::with_capacity(count), fill)
}

fn our_file(file: &File) -> Map {
    let map = Options::new().untracked(true).map(file).expect("map a file");
    map.get(0).expect(IN_BOUNDS);
    map
}

fn their_file(file: &File) -> Mmap {
    let map = peers::map(file);
    black_box(map[0]);
    map
}

fn our_memory() -> Map {
    let map = Options::new().len(4 * KIB).anonymous().expect("map memory");
    map.set(1, 0).expect(IN_BOUNDS);
    map
}

fn their_memory() -> MmapMut {
    let mut map = MmapMut::map_anon(4 * KIB).expect("map memory");
    black_box(&mut map)[0] = 1;
    map
}
