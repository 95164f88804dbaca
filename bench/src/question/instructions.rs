//! How many instructions does a short call take?

use std::{
    env, fs,
    os::unix::process::parent_id,
    process::{Command, Stdio},
};

use serde_json::json;

use super::*;

pub(super) const QUESTION: Question = Question {
    name: "rust_instructions",
    title: "Rust: instructions of one call",
    how: "Counted by valgrind, including a loop and an indirect call. The length of a copy is not \
          known to the compiler. Beside the same access to memmap2's slice.",
    answer,
};

type Access<M> = fn(&mut M, usize, &mut [u8]);
/// The name of a row, the length of a copy, and the access to a map and to a slice.
type Call = (&'static str, usize, Access<Map>, Access<[u8]>);

const CALLS: [Call; 9] = [
    ("get", 1, |m, at, _| show(m.get(at)), |m, at, _| show(m[at])),
    ("set", 1, |m, at, _| show(m.set(at, 7)), |m, at, _| m[at] = 7),
    ("load a u64", 8, |m, at, _| show(m.load::<u64>(at)), |m, at, _| show(peers::load(m, at))),
    ("store a u64", 8, |m, at, _| show(m.store(at, 7_u64)), |m, at, _| peers::store(m, at, 7)),
    ("read_at, 8 bytes", 8, read, |m, at, to| to.copy_from_slice(&m[at..at + to.len()])),
    ("read_at, 64 bytes", 64, read, |m, at, to| to.copy_from_slice(&m[at..at + to.len()])),
    ("read_at, 256 bytes", 256, read, |m, at, to| to.copy_from_slice(&m[at..at + to.len()])),
    (
        "write_at, 64 bytes",
        64,
        |m, at, from| show(m.write_at(from, at)),
        |m, at, from| {
            m[at..at + from.len()].copy_from_slice(from);
        },
    ),
    (
        "find, 6 bytes",
        6,
        |m, at, _| show(m.find(NEEDLE, at..)),
        |m, at, _| show(memmem::find(&m[at..], NEEDLE)),
    ),
];
const NEEDLE: &[u8] = b"needle";
const TIMES: usize = 1000;

fn read(map: &mut Map, at: usize, to: &mut [u8]) {
    show(map.read_at(to, at));
}

fn show<T>(result: T) {
    black_box(result);
}

fn answer(run: &Run) -> Outcome {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        skip("instructions", "valgrind is not installed");
        return Ok(());
    }
    let [ours, theirs] = [counted("safemap")?, counted("memmap2")?];
    for (index, (row, ..)) in
        CALLS.iter().enumerate().filter(|(_, call)| call.0.contains(&run.only))
    {
        let samples = json!([["safemap", [ours[index]]], ["memmap2", [theirs[index]]]]);
        println!("{}", json!({"row": row, "unit": "instructions", "samples": samples, "aims": []}));
    }
    Ok(())
}

/// The number of instructions of each call, counted in a child process.
fn counted(who: &str) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("part");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--dump-before=getppid"]).stderr(Stdio::null());
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(env::current_exe()?).args(["--count", who]).status()?;
    let total = |part: usize| {
        let text = fs::read_to_string(format!("{}.{part}", out.display())).ok()?;
        text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<f64>().ok())
    };
    // Of each call: everything before it, N times, 2 N times.
    let one = |row| Some((total(3 * row + 3)? - total(3 * row + 2)?) / TIMES as f64);
    (0..CALLS.len()).map(|row| one(row).ok_or("callgrind recorded no total".into())).collect()
}

/// Runs the calls under callgrind, which records its count before each call of `getppid`.
pub(crate) fn count(who: &str) -> Outcome {
    let file = TempFile::new(&vec![b' '; MIB]);
    let (mut map, mut slice, mut bytes) = (file.map(), peers::map_mut(&file.open()), [b' '; 256]);
    map.write_at(NEEDLE, 400)?;
    for (_, len, ours, theirs) in CALLS {
        let mut repeat = |times| {
            for _ in 0..times {
                let (at, bytes) = black_box((64, &mut bytes[..len]));
                if who == "safemap" {
                    ours(&mut map, at, bytes)
                } else {
                    theirs(&mut slice, at, bytes)
                }
            }
        };
        repeat(TIMES);
        for times in [TIMES, 2 * TIMES] {
            let _ = parent_id();
            repeat(times);
        }
        let _ = parent_id();
    }
    Ok(())
}
