//! How much memory does a scan of a large file take?

use super::*;

const WINDOW: usize = 16 * MIB;

pub(super) fn answer(run: &Run) -> Outcome {
    let size = run.size(GIB);
    let file = TempFile::repeated(&Data::text().block, size);
    Row::new(format!("resident, {}", sized(size)))
        .unit("MiB")
        .rounds(3)
        .with("safemap, bounded", peak(|note| bounded(&file, note)))
        .with("safemap", peak(|note| unbounded(&file, note)))
        .with(SLICE, peak(|note| theirs(&file, note)))
        .known("two windows", (2 * WINDOW / MIB) as f64)
        .aim("two windows", 1.0)
        .done(run);
    Row::new(format!("time, {}", sized(size)))
        .time("safemap, bounded", || bounded(&file, &mut || ()))
        .time("safemap", || unbounded(&file, &mut || ()))
        .time(SLICE, || theirs(&file, &mut || ()))
        .aim(SLICE, 1.1)
        .done(run);
    Ok(())
}

/// Called when much may be resident.
type Note<'a> = &'a mut dyn FnMut();

/// The largest increase of resident mebibytes when `scan` calls its argument.
fn peak<'a>(scan: impl Fn(Note<'_>) + 'a) -> Work<'a> {
    Box::new(move |_| {
        let before = resident();
        let mut most = before;
        scan(&mut || most = most.max(resident()));
        most - before
    })
}

/// The process's resident pages of files, in MiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1024.0
}

fn bounded(file: &TempFile, note: Note<'_>) {
    let map = open(file.path());
    for at in (0..map.len()).step_by(WINDOW) {
        let window = at..map.len().min(at + WINDOW);
        map.find(&[ABSENT], window.clone()).expect(IN_BOUNDS);
        note();
        map.advise(Advice::DontNeed, window).expect("release the pages");
    }
}

fn unbounded(file: &TempFile, note: Note<'_>) {
    let map = open(file.path());
    map.find(&[ABSENT], ..).expect(IN_BOUNDS);
    note();
}

fn theirs(file: &TempFile, note: Note<'_>) {
    let map = peers::map(&file.open());
    black_box(memchr(ABSENT, &map));
    note();
}
