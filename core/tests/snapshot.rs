//! `Snapshot`: slices of the parts of a file that are needed.
#![forbid(unsafe_code)]

use std::{fs, thread};

use safemap::{Error, Snapshot};
use safemap_testing::{TempFile, pattern};

const PIECE: usize = 64 << 10;

fn snapshot(bytes: &[u8]) -> (TempFile, Snapshot) {
    let file = TempFile::new(bytes);
    let snapshot = Snapshot::open(file.path()).unwrap();
    (file, snapshot)
}

#[test]
fn ranges_have_the_bytes_of_the_file() {
    let expected = pattern(5 * PIECE + 77);
    let (_file, snapshot) = snapshot(&expected);
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..300 {
        let start = random.usize(..=expected.len());
        let end = random.usize(start..=expected.len());
        assert!(snapshot.get(start..end).unwrap() == &expected[start..end]);
    }
    assert!(snapshot.get(..).unwrap() == expected);
    assert_eq!(snapshot.len(), expected.len());
}

#[test]
fn the_same_bytes_are_returned_after_the_file_has_changed() {
    let expected = pattern(3 * PIECE);
    let (file, snapshot) = snapshot(&expected);
    let first = snapshot.get(..10).unwrap();
    let view = snapshot.slice(PIECE + 5..PIECE + 9).unwrap();
    fs::write(file.path(), vec![b'x'; 3 * PIECE]).unwrap();
    assert_eq!(first, &expected[..10]);
    assert_eq!(snapshot.get(..PIECE).unwrap(), &expected[..PIECE]);
    assert_eq!(view[..], expected[PIECE + 5..PIECE + 9]);
    // This piece had not been used.
    assert_eq!(snapshot.get(2 * PIECE..2 * PIECE + 3).unwrap(), b"xxx");
}

#[test]
fn a_truncated_file_is_a_fault_at_the_first_missing_byte() {
    let expected = pattern(3 * PIECE);
    let (file, snapshot) = snapshot(&expected);
    snapshot.get(..1).unwrap();
    file.open().set_len((PIECE + 100) as u64).unwrap();
    assert_eq!(snapshot.get(..PIECE + 100).unwrap(), &expected[..PIECE + 100]);
    for range in [PIECE..PIECE + 101, 0..3 * PIECE, PIECE + 100..PIECE + 200] {
        let fault = snapshot.get(range).unwrap_err();
        assert!(matches!(fault, Error::Fault { offset } if offset == PIECE + 100), "{fault}");
    }
    let fault = snapshot.get(2 * PIECE + 5..2 * PIECE + 6).unwrap_err();
    assert!(matches!(fault, Error::Fault { offset } if offset == 2 * PIECE), "{fault}");
    // What was ready stays, and the rest is read when the file has it.
    fs::write(file.path(), vec![b'x'; 3 * PIECE]).unwrap();
    assert_eq!(snapshot.get(..PIECE + 100).unwrap(), &expected[..PIECE + 100]);
    assert_eq!(snapshot.get(PIECE + 100..PIECE + 200).unwrap(), [b'x'; 100]);
}

#[test]
fn views_keep_the_bytes_alive() {
    let expected = pattern(2 * PIECE);
    let (_file, snapshot) = snapshot(&expected);
    let view = snapshot.slice(PIECE - 5..PIECE + 5).unwrap();
    let clone = view.clone();
    drop((snapshot, view));
    let on_a_thread = thread::spawn(move || clone.to_vec()).join().unwrap();
    assert_eq!(on_a_thread, expected[PIECE - 5..PIECE + 5]);
}

#[test]
fn ranges_outside_of_the_file_are_errors() {
    let (_file, snapshot) = snapshot(b"abc");
    let outside = snapshot.get(1..4).unwrap_err();
    assert!(matches!(outside, Error::OutOfBounds { call: "get", start: 1, end: 4, len: 3 }));
    assert!(matches!(snapshot.slice(4..), Err(Error::OutOfBounds { call: "slice", .. })));
    assert_eq!(snapshot.get(3..).unwrap(), b"");
}

#[test]
fn an_empty_file_is_an_empty_snapshot() {
    let (_file, mut snapshot) = snapshot(b"");
    assert!(snapshot.is_empty());
    assert_eq!(snapshot.get(..).unwrap(), b"");
    assert_eq!(&snapshot.slice(..).unwrap()[..], b"");
    snapshot.forget(..).unwrap();
}

#[test]
fn a_change_of_the_file_is_noticed() {
    let (file, snapshot) = snapshot(b"abc");
    assert!(snapshot.unchanged().unwrap());
    file.open().set_len(2).unwrap();
    assert!(!snapshot.unchanged().unwrap());
}

#[cfg(unix)]
#[test]
fn a_file_that_was_replaced_is_noticed() {
    let (file, snapshot) = snapshot(b"abc");
    let other = TempFile::new(b"abc");
    fs::rename(other.path(), file.path()).unwrap();
    assert!(!snapshot.unchanged().unwrap());
    assert_eq!(snapshot.get(..).unwrap(), b"abc");
}

#[test]
fn forgotten_pieces_are_copied_again() {
    let expected = pattern(4 * PIECE + 9);
    let (file, mut snapshot) = snapshot(&expected);
    snapshot.get(..).unwrap();
    fs::write(file.path(), vec![b'x'; 4 * PIECE + 9]).unwrap();
    snapshot.forget(PIECE + 1..3 * PIECE + 1).unwrap();
    assert_eq!(snapshot.get(..2 * PIECE).unwrap(), &expected[..2 * PIECE]);
    assert_eq!(snapshot.get(2 * PIECE..3 * PIECE).unwrap(), [b'x'; PIECE]);
    assert_eq!(snapshot.get(3 * PIECE..).unwrap(), &expected[3 * PIECE..]);
    snapshot.forget(4 * PIECE..).unwrap();
    assert_eq!(snapshot.get(4 * PIECE..).unwrap(), [b'x'; 9]);
    snapshot.forget(5..5).unwrap();
    assert!(matches!(snapshot.forget(5 * PIECE..), Err(Error::OutOfBounds { .. })));
}

#[test]
fn pieces_with_views_are_not_forgotten() {
    let (_file, mut snapshot) = snapshot(&pattern(PIECE));
    let view = snapshot.slice(..3).unwrap();
    let in_use = snapshot.forget(..).unwrap_err();
    assert!(matches!(in_use, Error::InUse { call: "forget" }), "{in_use}");
    drop(view);
    snapshot.forget(..).unwrap();
}

#[test]
fn many_threads_get_the_same_bytes() {
    let expected = pattern(32 * PIECE);
    let (_file, snapshot) = snapshot(&expected);
    thread::scope(|scope| {
        for seed in 0..8 {
            let (snapshot, expected) = (&snapshot, &expected);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..2000 {
                    let start = random.usize(..expected.len() - 100);
                    let got = snapshot.get(start..start + 100).unwrap();
                    assert_eq!(got, &expected[start..start + 100]);
                }
            });
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn files_without_a_length_are_refused() {
    for path in ["/proc/version", "/dev/zero"] {
        let refused = Snapshot::open(path).unwrap_err();
        assert!(matches!(refused, Error::Unsupported(_)), "{refused}");
    }
    let (reader, _writer) = safemap_testing::pipe().unwrap();
    assert!(matches!(Snapshot::from_file(&reader), Err(Error::Unsupported(_))));
}

#[cfg(target_os = "linux")]
#[test]
fn the_number_of_mappings_does_not_grow() {
    let mappings = || fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let file = TempFile::new(&[]);
    file.open().set_len(256 << 20).unwrap();
    let snapshot = Snapshot::open(file.path()).unwrap();
    snapshot.get(..1).unwrap();
    let before = mappings();
    for piece in (0..4096).step_by(2) {
        snapshot.get(piece * PIECE..piece * PIECE + 1).unwrap();
    }
    // Other tests run in this process.
    assert!(mappings() < before + 100);
}

/// The memory of this process, in KiB.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Zig's musl stores zeros in all the memory that `calloc` returns, and has 2.3 GiB present here.
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(target_env = "musl")))]
#[test]
fn a_long_sparse_file_takes_no_memory_for_pieces_that_are_not_used() {
    safemap_testing::succeeds_in_child(|| {
        let file = safemap_testing::memfd::memory_file(false).unwrap();
        file.set_len(1 << 44).unwrap();
        let before = resident();
        let snapshot = match Snapshot::from_file(&file) {
            Ok(snapshot) => snapshot,
            Err(error) => return println!("skipped: {error}"),
        };
        assert_eq!(snapshot.get((1 << 44) - 1..).unwrap(), [0]);
        assert!(resident() < before + (200 << 10));
    });
}

/// The fast path of `get` changes when all pieces are complete.
#[test]
fn a_complete_snapshot_notices_pieces_that_are_forgotten() {
    let expected = pattern(3 * PIECE + 9);
    let (file, mut snapshot) = snapshot(&expected);
    for _ in 0..3 {
        assert!(snapshot.get(..).unwrap() == expected);
        snapshot.forget(PIECE..2 * PIECE).unwrap();
        snapshot.forget(PIECE..2 * PIECE).unwrap();
        file.open().set_len(PIECE as u64).unwrap();
        let fault = snapshot.get(PIECE..PIECE + 1).unwrap_err();
        assert!(matches!(fault, Error::Fault { offset } if offset == PIECE), "{fault}");
        assert!(snapshot.get(2 * PIECE..).unwrap() == &expected[2 * PIECE..]);
        fs::write(file.path(), &expected).unwrap();
    }
}

#[cfg(unix)]
mod forked {
    use std::{io::Write, time::Duration};

    use safemap_testing::process::Fork;

    use super::*;

    #[test]
    fn a_child_has_the_pieces_of_its_parent_and_copies_others() {
        let expected = pattern(3 * PIECE);
        let (file, snapshot) = snapshot(&expected);
        snapshot.get(..PIECE).unwrap();
        fs::write(file.path(), vec![b'x'; 3 * PIECE]).unwrap();
        let child = Fork::run(|| {
            let old = snapshot.get(..PIECE).unwrap() == &expected[..PIECE];
            let new = snapshot.get(PIECE..).unwrap() == [b'x'; 2 * PIECE];
            i32::from(!(old && new))
        });
        assert!(child.unwrap().wait().unwrap().success());
    }

    /// Children are forked while threads copy pieces. Some claims are left behind.
    #[test]
    fn children_copy_the_pieces_that_a_fork_left_behind() {
        let expected = pattern(256 * PIECE);
        let file = TempFile::new(&expected);
        for round in 0..20 {
            let snapshot = Snapshot::open(file.path()).unwrap();
            thread::scope(|scope| {
                for part in 0..2 {
                    let snapshot = &snapshot;
                    let pieces = (0..256).map(move |piece| (piece + part * 128) % 256);
                    scope.spawn(move || {
                        pieces.for_each(|piece| drop(snapshot.get(piece * PIECE..).map(|_| ())));
                    });
                }
                thread::sleep(Duration::from_micros(100 * round));
                let child = Fork::run(|| i32::from(snapshot.get(..).unwrap() != expected)).unwrap();
                let ended = child.wait_timeout(Duration::from_secs(20)).unwrap();
                std::io::stdout().flush().unwrap();
                assert!(ended.expect("the child does not hang").success());
            });
        }
    }
}
