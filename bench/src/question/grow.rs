//! How long does it take to append to a file through a map?

use std::fs::File;

use memmap2::MmapMut;

use super::*;

const STEP: usize = 4 * KIB;

pub(super) fn answer(run: &Run) -> Outcome {
    let size = run.size(GIB);
    let mut options = Options::new();
    options.access(Access::Write);
    for (store, suffix) in [(false, ""), (true, ", and 64 bytes stored in each step")] {
        let name = format!("to {}{suffix}", sized(size));
        let row = |name: &str| Row::new(name).rounds(5).per(size / STEP - 1);
        row(&name)
            .with("safemap", ours(options.clone(), size, store))
            .with("unmap and map", theirs(size, store, STEP, map_again))
            .with("memmap2 remap", theirs(size, store, STEP, remap))
            .aim("unmap and map", 0.1)
            .done(run);
        row(&(name + ", reserved"))
            .with("safemap", ours(options.clone().reserve(size).clone(), size, store))
            .with("ftruncate", theirs(size, store, size, truncate))
            .aim("ftruncate", 1.0)
            .done(run);
    }
    Ok(())
}

/// Times the steps of a new file. `step` extends it to a length.
fn steps<'a, M: 'a>(
    size: usize,
    map: impl Fn(&TempFile) -> M + 'a,
    step: impl Fn(&mut M, usize) + 'a,
) -> Work<'a> {
    let ready = move || {
        let file = TempFile::new(&[0; STEP]);
        (map(&file), file)
    };
    after(ready, move |(mut map, file)| {
        (STEP..size).step_by(STEP).for_each(|len| step(&mut map, len + STEP));
        (map, file)
    })
}

fn ours<'a>(options: Options, size: usize, store: bool) -> Work<'a> {
    let map = move |file: &TempFile| options.open(file.path()).expect("map a file");
    steps(size, map, move |map, len| {
        map.resize(len).expect("extend a file");
        if store {
            map.write_at(&[7; 64], len - STEP).expect(IN_BOUNDS);
        }
    })
}

/// memmap2's map of a file, and the file.
type Mapped = (Option<MmapMut>, File);

/// The file is mapped up to `mapped` at first.
fn theirs<'a>(size: usize, store: bool, mapped: usize, extend: fn(&mut Mapped, usize)) -> Work<'a> {
    let map = move |file: &TempFile| {
        let file = file.open();
        (Some(peers::map_beyond(&file, mapped)), file)
    };
    steps(size, map, move |mapped: &mut Mapped, len| {
        extend(mapped, len);
        if let (Some(map), true) = (&mut mapped.0, store) {
            map[len - STEP..len - STEP + 64].copy_from_slice(&[7; 64]);
        }
    })
}

fn map_again(mapped: &mut Mapped, len: usize) {
    mapped.0 = None;
    truncate(mapped, len);
    mapped.0 = Some(peers::map_mut(&mapped.1));
}

fn remap(mapped: &mut Mapped, len: usize) {
    truncate(mapped, len);
    mapped.0.as_mut().into_iter().for_each(|map| peers::remap(map, len));
}

fn truncate(mapped: &mut Mapped, len: usize) {
    mapped.1.set_len(len as u64).expect("extend a file");
}
