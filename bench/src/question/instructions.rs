//! How many instructions does a short call take?

use std::{error::Error, os::unix::process::parent_id};

use super::*;

type Access<M> = fn(&mut M, usize, &mut [u8]);
/// The name of a row, the length of a copy, and the access to a map and to a slice.
type Call = (&'static str, usize, Access<Map>, Access<[u8]>);

const CALLS: [Call; 9] = [
    ("get", 1, |m, at, _| show(m.get(at)), |m, at, _| show(m[at])),
    ("set", 1, |m, at, _| show(m.set(7, at)), |m, at, _| m[at] = 7),
    ("load a u64", 8, |m, at, _| show(m.load::<u64>(at)), |m, at, _| show(peers::load(m, at))),
    ("store a u64", 8, |m, at, _| show(m.store(7_u64, at)), |m, at, _| peers::store(m, at, 7)),
    ("read_at, 8 bytes", 8, |m, at, to| show(m.read_at(to, at)), copy_out),
    ("read_at, 64 bytes", 64, |m, at, to| show(m.read_at(to, at)), copy_out),
    ("read_at, 256 bytes", 256, |m, at, to| show(m.read_at(to, at)), copy_out),
    ("write_at, 64 bytes", 64, |m, at, from| show(m.write_at(from, at)), copy_in),
    ("find, 6 bytes", 6, |m, at, _| show(m.find(NEEDLE, at..)), find),
];
const NEEDLE: &[u8] = b"needle";
const TIMES: usize = 1000;

fn copy_out(slice: &mut [u8], at: usize, to: &mut [u8]) {
    to.copy_from_slice(&slice[at..at + to.len()]);
}

fn copy_in(slice: &mut [u8], at: usize, from: &mut [u8]) {
    slice[at..at + from.len()].copy_from_slice(from);
}

fn find(slice: &mut [u8], at: usize, _: &mut [u8]) {
    show(memmem::find(&slice[at..], NEEDLE));
}

fn show<T>(result: T) {
    black_box(result);
}

pub(super) fn answer(run: &Run) -> Outcome {
    if installed("valgrind", "instructions") {
        let counts = counted("safemap")?.into_iter().zip(counted("memmap2")?);
        for ((name, ..), (ours, theirs)) in CALLS.into_iter().zip(counts) {
            let row = Row::new(name).unit("instructions").rounds(1);
            row.known("safemap", ours).known("memmap2", theirs).done(run);
        }
    }
    Ok(())
}

/// The number of instructions of each call, counted in a child process.
fn counted(contender: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let out = format!("--callgrind-out-file={}/part", folder.path().display());
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--dump-before=getppid", &out]).stderr(Stdio::null());
    valgrind.arg(env::current_exe()?).args(["--count", contender]).status()?;
    let total = |part: usize| {
        let text = fs::read_to_string(folder.path().join(format!("part.{part}"))).ok()?;
        text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<f64>().ok())
    };
    // Of each call: everything before it, N times, 2 N times.
    let one = |row| Some((total(3 * row + 3)? - total(3 * row + 2)?) / TIMES as f64);
    (0..CALLS.len()).map(|row| one(row).ok_or("callgrind recorded no total".into())).collect()
}

/// Runs the calls under callgrind, which records its count before each call of `getppid`.
pub(crate) fn count(contender: &str) -> Outcome {
    let file = TempFile::new(&[b' '; 64 * KIB]);
    let (mut map, mut slice, mut bytes) = (file.map(), peers::map_mut(&file.open()), [b' '; 256]);
    let safemap = contender == "safemap";
    map.write_at(NEEDLE, 400)?;
    for (_, len, ours, theirs) in CALLS {
        for times in [TIMES, TIMES, 2 * TIMES] {
            for _ in 0..times {
                let (at, bytes) = black_box((64, &mut bytes[..len]));
                if safemap { ours(&mut map, at, bytes) } else { theirs(&mut slice, at, bytes) }
            }
            let _ = parent_id();
        }
    }
    Ok(())
}
