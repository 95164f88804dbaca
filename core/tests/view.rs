//! Views: many short accesses to a range of a map.
#![forbid(unsafe_code)]

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use safemap::{Access, Error, Map, Options, Result, View};
use safemap_testing::{
    PAGE, Stop, TempFile, memory_with, noise, pattern, succeeds_while_truncated,
};

const LEN: usize = 4 * PAGE;
/// Copies up to this length cover the inlined forms and calls of accessors.
const LONGEST: usize = 300;

/// All lengths up to 70, and some longer ones.
fn lengths() -> impl Iterator<Item = usize> {
    (1..70).chain((70..=LONGEST).step_by(29))
}

/// Whether the error is a fault at this offset of the map.
fn is_fault_at<T>(result: &Result<T>, at: usize) -> bool {
    matches!(result, Err(Error::Fault { offset }) if *offset == at)
}

#[test]
fn a_view_does_what_a_vector_does() {
    let (map, mut model) = (memory_with(&noise(1, LEN)), noise(1, LEN));
    let (start, mut random) = (PAGE - 1, fastrand::Rng::with_seed(2));
    let view = map.view(start..).unwrap();
    for round in 0..20_000 {
        let at = random.usize(..view.len() - LONGEST);
        let (from, value, len) = (start + at, random.u64(..), random.usize(..LONGEST));
        match round % 8 {
            0 => assert_eq!(view.get(at).unwrap(), model[from]),
            1 => assert_eq!(view.load::<u16>(at).unwrap().to_ne_bytes(), model[from..from + 2]),
            2 => assert_eq!(view.load::<u64>(at).unwrap().to_ne_bytes(), model[from..from + 8]),
            3 => {
                view.set(value as u8, at).unwrap();
                model[from] = value as u8;
            }
            4 => {
                view.store(value as u32, at).unwrap();
                model[from..from + 4].copy_from_slice(&(value as u32).to_ne_bytes());
            }
            5 => {
                let bytes = noise(value, len);
                view.copy_from(&bytes, at).unwrap();
                model[from..from + len].copy_from_slice(&bytes);
            }
            6 => {
                let mut bytes = vec![0; len];
                view.copy_to(&mut bytes, at).unwrap();
                assert_eq!(bytes, model[from..from + len]);
            }
            _ => {
                let chunks = view.view(at..at + len).unwrap();
                let chunks: Result<Vec<u8>> = chunks.chunks(7).flat_map(all).collect();
                assert_eq!(chunks.unwrap(), model[from..from + len]);
            }
        }
    }
    assert_eq!(map.to_vec(..).unwrap(), model);
}

fn all(view: View<'_>) -> Vec<Result<u8>> {
    view.iter().collect()
}

#[test]
fn numbers_of_errors_count_from_the_start_of_the_view() {
    let map = memory_with(&[0; 20]);
    let view = map.view(10..18).unwrap();
    for refused in [
        view.get(8).map(drop),
        view.load::<u32>(5).map(drop),
        view.load::<u8>(usize::MAX).map(drop),
        view.set(0, 8),
        view.store(0_u64, 1),
        view.copy_to(&mut [0; 9], 0),
        view.copy_from(&[0; 2], 7),
        view.view(3..9).map(drop),
    ] {
        assert!(matches!(refused, Err(Error::OutOfBounds { len: 8, .. })), "{refused:?}");
    }
    assert!(matches!(map.view(10..21), Err(Error::OutOfBounds { call: "view", len: 20, .. })));
    assert_eq!(view.chunks(0).len(), 8);
    assert!(map.view(20..).unwrap().is_empty());
}

#[test]
fn a_view_of_a_read_only_map_refuses_stores() {
    let file = TempFile::new(&pattern(100));
    let map = Map::open(file.path()).unwrap();
    let view = map.view(..).unwrap();
    for refused in [view.set(0, 1), view.store(0_u64, 1), view.copy_from(&[0; 40], 0)] {
        assert!(matches!(refused, Err(Error::ReadOnly { .. })), "{refused:?}");
    }
    assert_eq!(view.get(7).unwrap(), 7);
}

#[test]
fn every_access_reports_the_first_missing_byte() {
    succeeds_while_truncated(|| {
        let file = TempFile::new(&pattern(LEN));
        let map = Options::new().access(Access::Write).open(file.path()).unwrap();
        let view = map.view(1..).unwrap();
        file.set_len(2 * PAGE as u64);
        let missing = 2 * PAGE;
        for from in missing - 70..missing + 3 {
            let (at, fault) = (from - 1, from.max(missing));
            macro_rules! check_words {
                ($($word:ident)+) => {$(
                    if from + size_of::<$word>() > missing {
                        assert!(is_fault_at(&view.load::<$word>(at), fault), "{from}");
                        assert!(is_fault_at(&view.store::<$word>(0, at), fault), "{from}");
                        assert!(is_fault_at(&map.load::<$word>(from), fault), "{from}");
                        assert!(is_fault_at(&map.store::<$word>(0, from), fault), "{from}");
                    }
                )+};
            }
            check_words!(u8 u16 u32 u64);
            for len in lengths().filter(|len| from + len > missing) {
                check_copies(&map, &view, from, len, fault);
            }
        }
        assert_eq!(map.to_vec(..missing).unwrap(), pattern(missing));
    });
}

#[test]
fn a_short_search_reports_the_first_missing_byte_or_a_match_before_it() {
    succeeds_while_truncated(|| {
        let file = TempFile::new(&[7; LEN]);
        let map = file.map();
        map.set(9, 2 * PAGE - 1).unwrap();
        file.set_len(2 * PAGE as u64);
        for len in lengths() {
            for from in 2 * PAGE - len.min(70)..2 * PAGE {
                let range = || from..from + len;
                assert_eq!(map.find(&[9], range()).unwrap(), Some(2 * PAGE - 1));
                if from + len > 2 * PAGE {
                    assert!(is_fault_at(&map.find(&[8], range()), 2 * PAGE), "{from}, {len}");
                }
            }
        }
    });
}

/// Checks copies of `len` bytes of which those from `fault` on are missing.
fn check_copies(map: &Map, view: &View<'_>, from: usize, len: usize, fault: usize) {
    let (read, bytes) = (fault - from.min(fault), &pattern(from + len)[from..]);
    for copy in [
        |_: &Map, view: &View<'_>, to: &mut [u8], from: usize| view.copy_to(to, from - 1),
        |map: &Map, _: &View<'_>, to: &mut [u8], from: usize| map.read_exact_at(to, from),
        |map: &Map, _: &View<'_>, to: &mut [u8], from: usize| map.read_at(to, from).map(drop),
    ] {
        let mut to = vec![0xee; len];
        assert!(is_fault_at(&copy(map, view, &mut to, from), fault), "{from}, {len} bytes");
        assert_eq!(to[..read], bytes[..read], "{from}, {len} bytes");
    }
    assert!(is_fault_at(&view.copy_from(bytes, from - 1), fault), "{from}, {len} bytes");
    assert!(is_fault_at(&map.write_at(bytes, from), fault), "{from}, {len} bytes");
}

#[test]
fn a_view_follows_a_map_that_moves() {
    let map = memory_with(&pattern(LEN));
    let view = map.view(PAGE..).unwrap();
    for round in 1..8 {
        map.resize(map.capacity() + 1).unwrap();
        assert_eq!(view.load::<u64>(8).unwrap(), map.load(PAGE + 8).unwrap());
        view.store(round, 8 * round).unwrap();
        assert_eq!(map.load::<usize>(PAGE + 8 * round).unwrap(), round);
        let mut bytes = [0; 40];
        view.copy_to(&mut bytes, 2 * PAGE).unwrap();
        assert_eq!(bytes, pattern(LEN)[3 * PAGE..][..40]);
    }
}

#[test]
fn views_work_beside_a_thread_that_resizes() {
    let map = memory_with(&[7; LEN]);
    let stop = Stop::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                for len in [map.capacity() + 1, 2 * LEN, LEN] {
                    // The capacity doubles with each move.
                    let _ = map.resize(len.min(1 << 28));
                }
            }
        });
        let _stop = stop.set_on_drop();
        for round in 0..200_000 {
            let view = map.view(..LEN).unwrap();
            assert_eq!(view.get(round % LEN).unwrap(), 7);
            view.store(0x0707_0707_0707_0707_u64, round % (LEN / 8) * 8).unwrap();
        }
    });
}

#[test]
fn a_store_behind_the_end_of_private_memory_does_not_reappear() {
    let map = memory_with(&[1; LEN]);
    let view = map.view(..).unwrap();
    for len in [LEN, LEN - 1, 2 * LEN] {
        map.resize(10).unwrap();
        for at in [10, 11, PAGE - 1, PAGE, LEN - 8] {
            let stored = view.store(0x0101_0101_0101_0101_u64, at);
            assert!(matches!(stored, Ok(()) | Err(Error::Fault { .. })), "{stored:?}");
        }
        map.resize(len).unwrap();
        assert_eq!(map.find(b"\x01", 10..).unwrap(), None);
        assert_eq!(map.to_vec(..10).unwrap(), [1; 10]);
    }
}

#[test]
fn a_loop_over_a_load_ends_when_another_thread_stores() {
    let map = memory_with(&[0; 16]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let view = map.view(..).unwrap();
            while view.load::<u64>(8).unwrap() == 0 {}
            while map.load::<u8>(0).unwrap() == 0 {}
            done.store(true, SeqCst);
        });
        thread::sleep(std::time::Duration::from_millis(20));
        map.set(1, 9).unwrap();
        map.set(1, 0).unwrap();
    });
    assert!(done.into_inner());
}

/// Compiles only if both methods exist, which is ambiguous for a type that is `Send`.
#[test]
fn a_view_stays_in_its_thread() {
    trait Other<A> {
        fn check() {}
    }
    impl<T: ?Sized> Other<()> for T {}
    struct Sent;
    impl<T: ?Sized + Send> Other<Sent> for T {}
    struct Shared;
    impl<T: ?Sized + Sync> Other<Shared> for T {}
    <View<'static> as Other<_>>::check();
}

#[test]
fn a_resize_waits_for_no_view() {
    let file = TempFile::new(&pattern(LEN));
    let map = file.map();
    let view = map.view(..).unwrap();
    if cfg!(windows) {
        for len in [LEN / 2, 2 * LEN] {
            assert!(matches!(map.resize(len), Err(Error::InUse { call: "resize" })));
        }
        assert_eq!((map.len(), file.file_len()), (LEN, LEN as u64));
        return;
    }
    map.resize(8 * LEN).unwrap();
    view.set(0xee, 3).unwrap();
    assert_eq!((map.get(3).unwrap(), view.get(4).unwrap()), (0xee, 4));
}

#[test]
fn a_map_is_resized_after_its_views_were_dropped() {
    let file = TempFile::new(&pattern(LEN));
    let map = file.map();
    for len in [2 * LEN, LEN / 2] {
        assert_eq!(map.view(..).unwrap().view(7..).unwrap().get(0).unwrap(), 7);
        map.resize(len).unwrap();
    }
}
