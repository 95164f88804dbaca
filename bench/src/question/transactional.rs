//! What does a short call cost in a transactional map?

use super::*;
use crate::stores::transactional;

const PLAIN: &str = "safemap, shared";
const READS: f64 = 1.02;
const STORES: f64 = 1.1;
/// The offsets are below this.
const RANGE: usize = 256 * KIB;

pub(super) fn answer(run: &Run) -> Outcome {
    let file = || TempFile::repeated(&[7; 4 * KIB], RANGE + 64 * KIB);
    let (ours, theirs) = (file(), file());
    let maps = [transactional(&ours), theirs.map()];
    row(run, "load a u64", READS, &maps, |map, at| {
        black_box(map.load::<u64>(at).expect(IN_BOUNDS));
    });
    row(run, "store a u64", STORES, &maps, |map, at| map.store(at, at).expect(IN_BOUNDS));
    for len in [16, 64, 4 * KIB] {
        let bytes = vec![5; len];
        row(run, &format!("read_at, {}", sized(len)), READS, &maps, {
            let mut bytes = bytes.clone();
            move |map, at| _ = map.read_at(black_box(&mut bytes), at).expect(IN_BOUNDS)
        });
        row(run, &format!("write_at, {}", sized(len)), STORES, &maps, move |map, at| {
            map.write_at(black_box(&bytes), at).expect(IN_BOUNDS);
        });
    }
    Ok(())
}

/// Measures a call on both maps, at random offsets.
fn row(
    run: &Run,
    name: &str,
    aim: f64,
    [ours, theirs]: &[Map; 2],
    call: impl FnMut(&Map, usize) + Clone,
) {
    Row::new(name)
        .with("safemap", on(ours, call.clone()))
        .with(PLAIN, on(theirs, call))
        .aim(PLAIN, aim)
        .done(run);
}

fn on<'a>(map: &'a Map, mut call: impl FnMut(&Map, usize) + 'a) -> Work<'a> {
    let mut offsets = Offsets::below(RANGE, 8);
    many(move || call(map, black_box(offsets.next())))
}
