//! Do two threads do twice as much as one?

use std::thread;

use super::*;

pub(super) fn answer(run: &Run) -> Outcome {
    if thread::available_parallelism()?.get() < 2 {
        skip("two threads", "there is only one processor");
        return Ok(());
    }
    let (size, data) = (run.size(64 * MIB), Data::text());
    let map = &Maps::new(&data, size)?.ours;
    let needle = &data.absent(8)[..];
    let count = size / 16;
    let search = |part: usize, parts: usize| {
        let share = size / parts;
        black_box(map.find(needle, part * share..(part + 1) * share).expect(IN_BOUNDS));
    };
    // 1.8 times as fast.
    let aimed =
        |name: &str, work: PartOfWork<'_>| row(name, work).aim("one thread", 1.0 / 1.8).done(run);
    aimed(&format!("find, {}", sized(size)), &search);
    aimed("read_at, 64 bytes at random", &|_, parts| reads(map, count / parts));
    aimed("load of a u64 at random", &|_, parts| loads(map, count / parts));
    row("shared nothing, the limit", &|_, parts| counts(count * 8 / parts)).done(run);
    Ok(())
}

/// Called with the index of a part and the number of parts.
type PartOfWork<'a> = &'a (dyn Fn(usize, usize) + Sync);

fn row<'a>(name: &str, work: PartOfWork<'a>) -> Row<'a> {
    let two = move || {
        thread::scope(|scope| {
            scope.spawn(|| work(1, 2));
            work(0, 2);
        });
    };
    Row::new(name).time("two threads", two).time("one thread", move || work(0, 1))
}

/// A buffer in one cache line. Across two lines or pages it would be slower for one of the threads.
#[repr(align(64))]
struct Line([u8; 64]);

fn reads(map: &Map, count: usize) {
    let (mut at, mut buffer) = (Offsets::below(MIB / 2, 1), Line([0; 64]));
    for _ in 0..count {
        let at = at.next().min(map.len() - 64);
        map.read_at(black_box(&mut buffer.0), at).expect(IN_BOUNDS);
    }
}

fn loads(map: &Map, count: usize) {
    let (mut at, last) = (Offsets::below(MIB / 2, 8), map.len() - 8);
    for _ in 0..count {
        black_box(map.load::<u64>(at.next().min(last)).expect(IN_BOUNDS));
    }
}

fn counts(count: usize) {
    for number in 0..count {
        black_box(number);
    }
}
