//! Atomic words: against `std`'s types as reference, between threads and processes, and refusals.
#![forbid(unsafe_code)]

use safemap::{Error, Map, Options, Sharing};

/// Whether the processor has native accessors.
const NATIVE: bool =
    cfg!(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)));

fn shared(len: usize) -> Map {
    Options::new().len(len).sharing(Sharing::Shared).anonymous().unwrap()
}

#[test]
fn processors_without_native_accessors_refuse_words() {
    let map = shared(8);
    assert_eq!(map.atomic::<u64>(0).is_ok(), NATIVE);
    if !NATIVE {
        assert!(matches!(map.atomic::<u64>(0), Err(Error::Unsupported(_))));
        assert!(matches!(map.wait(0, 0, None), Err(Error::Unsupported(_))));
        assert!(matches!(map.notify(0, 1), Err(Error::Unsupported(_))));
    }
}

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
mod native {
    use std::{
        sync::atomic::{
            AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
        },
        thread,
    };

    use safemap::Access;
    use safemap_testing::{PAGE, TempFile, can_truncate_mapped, succeeds_while_truncated};

    use super::*;

    const ORDERS: [Ordering; 5] = [Relaxed, Acquire, Release, AcqRel, SeqCst];

    /// Runs the same random operations on a word in the middle of a map and on `std`'s type. The
    /// words beside it must stay as they are.
    macro_rules! follows_std {
        ($($test:ident $atomic:ident $integer:ident;)+) => {$(
            #[test]
            fn $test() {
                const SIZE: usize = size_of::<$integer>();
                let map = shared(3 * SIZE);
                map.fill(0xa5, ..).unwrap();
                let (word, model) = (map.atomic::<$integer>(SIZE).unwrap(), $atomic::new(0));
                word.store(0, Relaxed).unwrap();
                let mut rng = fastrand::Rng::new();
                for _ in 0..20_000 {
                    // Small values are equal to the word more often.
                    let value = if rng.bool() { rng.$integer(..) } else { rng.$integer(0..3) };
                    let order = ORDERS[rng.usize(..5)];
                    let (former, expected) = match rng.u8(..11) {
                        0 => (word.swap(value, order), model.swap(value, SeqCst)),
                        1 => (word.fetch_add(value, order), model.fetch_add(value, SeqCst)),
                        2 => (word.fetch_sub(value, order), model.fetch_sub(value, SeqCst)),
                        3 => (word.fetch_and(value, order), model.fetch_and(value, SeqCst)),
                        4 => (word.fetch_or(value, order), model.fetch_or(value, SeqCst)),
                        5 => (word.fetch_xor(value, order), model.fetch_xor(value, SeqCst)),
                        6 => (word.fetch_min(value, order), model.fetch_min(value, SeqCst)),
                        7 => (word.fetch_max(value, order), model.fetch_max(value, SeqCst)),
                        8 => {
                            word.store(value, order).unwrap();
                            model.store(value, SeqCst);
                            (Ok(value), value)
                        }
                        _ => {
                            let current = if rng.bool() { model.load(SeqCst) } else { value };
                            let new = rng.$integer(..);
                            let done = word.compare_exchange(current, new, order, order).unwrap();
                            let same = model.compare_exchange(current, new, SeqCst, SeqCst);
                            assert_eq!(done, same);
                            (Ok(value), value)
                        }
                    };
                    assert_eq!(former.unwrap(), expected);
                    assert_eq!(word.load(order).unwrap(), model.load(SeqCst));
                }
                assert!(map.to_vec(..SIZE).unwrap().iter().all(|&byte| byte == 0xa5));
                assert!(map.to_vec(2 * SIZE..).unwrap().iter().all(|&byte| byte == 0xa5));
            }
        )+};
    }

    follows_std! {
        words_of_u8_follow_std AtomicU8 u8;
        words_of_u16_follow_std AtomicU16 u16;
        words_of_u32_follow_std AtomicU32 u32;
        words_of_u64_follow_std AtomicU64 u64;
        words_of_i8_follow_std AtomicI8 i8;
        words_of_i16_follow_std AtomicI16 i16;
        words_of_i32_follow_std AtomicI32 i32;
        words_of_i64_follow_std AtomicI64 i64;
    }

    #[test]
    fn floats_are_loaded_stored_and_swapped() {
        let map = shared(16);
        let word = map.atomic::<f64>(8).unwrap();
        word.store(-0.5, Release).unwrap();
        assert_eq!(word.swap(f64::INFINITY, AcqRel).unwrap(), -0.5);
        assert_eq!(word.load(SeqCst).unwrap(), f64::INFINITY);
        assert_eq!(map.load::<f64>(8).unwrap(), f64::INFINITY);
    }

    const ROUNDS: u64 = 100_000;

    /// Two threads call `add` on a counter, each `ROUNDS` times. Returns the sum.
    fn counted(add: impl Fn(&Map) + Sync) -> u64 {
        let map = shared(8);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..ROUNDS).for_each(|_| add(&map)));
            }
        });
        map.load(0).unwrap()
    }

    #[test]
    fn no_change_is_lost_between_threads() {
        let add = |map: &Map| {
            map.atomic::<u64>(0).unwrap().fetch_add(1, Relaxed).unwrap();
        };
        assert_eq!(counted(add), 2 * ROUNDS);
        let or = |map: &Map| {
            // A loop of exchanges: bits of the upper half come and go.
            map.atomic::<u32>(4).unwrap().fetch_xor(1, Relaxed).unwrap();
            map.atomic::<u32>(0).unwrap().fetch_add(1, Relaxed).unwrap();
        };
        assert_eq!(
            counted(or) & 0xffff_ffff,
            if cfg!(target_endian = "little") { 2 * ROUNDS } else { 0 }
        );
    }

    /// The control of the test above.
    #[test]
    fn changes_by_load_and_store_are_lost() {
        let add = |map: &Map| {
            let word = map.atomic::<u64>(0).unwrap();
            word.store(word.load(SeqCst).unwrap() + 1, SeqCst).unwrap();
        };
        // Threads may run one after the other.
        assert!((0..50).any(|_| counted(add) < 2 * ROUNDS));
    }

    #[cfg(unix)]
    #[test]
    fn no_change_is_lost_between_processes() {
        use safemap_testing::process::Fork;

        let file = TempFile::new(&[0; 64]);
        let add = || {
            let map = file.map();
            let word = map.atomic::<u16>(6).unwrap();
            let added = (0..60_000).try_for_each(|_| word.fetch_add(1, AcqRel).map(|_| ()));
            i32::from(added.is_err())
        };
        let children: Vec<Fork> = (0..2).map(|_| Fork::run(add).unwrap()).collect();
        assert!(children.into_iter().all(|child| child.wait().unwrap().success()));
        assert_eq!(file.map().load::<u16>(6).unwrap(), (2_u32 * 60_000) as u16);
        assert_eq!(file.map().load::<u16>(8).unwrap(), 0);
    }

    #[test]
    fn a_word_out_of_bounds_or_misaligned_is_refused() {
        let map = shared(16);
        assert!(matches!(map.atomic::<u64>(9), Err(Error::OutOfBounds { start: 9, end: 17, .. })));
        assert!(matches!(map.atomic::<u64>(usize::MAX), Err(Error::OutOfBounds { .. })));
        assert!(matches!(
            map.atomic::<u64>(4),
            Err(Error::Unaligned { call: "atomic", offset: 4, multiple: 8 })
        ));
        map.atomic::<u8>(15).unwrap();
    }

    /// The address counts: a map may begin anywhere in a page.
    #[test]
    fn alignment_is_that_of_the_address() {
        let file = TempFile::new(&[7; 64]);
        let map = Options::new().access(Access::Write).offset(4).open(file.path()).unwrap();
        assert!(matches!(map.atomic::<u64>(0), Err(Error::Unaligned { .. })));
        assert_eq!(
            map.atomic::<u64>(4).unwrap().fetch_or(!0, Relaxed).unwrap(),
            0x0707_0707_0707_0707
        );
        assert_eq!(file.read()[7..17], [7, 255, 255, 255, 255, 255, 255, 255, 255, 7]);
    }

    #[test]
    fn a_private_map_has_plain_loads_and_stores_only() {
        let file = TempFile::new(&[1; 8]);
        let copy = Options::new().access(Access::Copy).open(file.path()).unwrap();
        let memory = Options::new().len(8).anonymous().unwrap();
        for map in [copy, memory] {
            let word = map.atomic::<u32>(0).unwrap();
            word.store(5, SeqCst).unwrap();
            assert_eq!(word.load(SeqCst).unwrap(), 5);
            for refused in [
                word.swap(1, Relaxed),
                word.fetch_add(1, Relaxed),
                word.fetch_max(1, Relaxed),
                word.compare_exchange(5, 1, Relaxed, Relaxed).map(|_| 0),
            ] {
                assert!(matches!(refused, Err(Error::Unsupported(_))));
            }
            assert_eq!(word.load(SeqCst).unwrap(), 5);
        }
        assert_eq!(file.read(), [1; 8]);
    }

    #[test]
    fn a_read_only_map_has_loads_only() {
        let file = TempFile::new(&[1; 8]);
        let map = Map::open(file.path()).unwrap();
        let word = map.atomic::<u8>(3).unwrap();
        assert_eq!(word.load(Acquire).unwrap(), 1);
        assert!(matches!(word.store(2, Release), Err(Error::ReadOnly { call: "store" })));
        assert!(matches!(word.swap(2, AcqRel), Err(Error::ReadOnly { call: "swap" })));
        let add = word.fetch_add(2, AcqRel);
        assert!(matches!(add, Err(Error::ReadOnly { call: "fetch_add" })));
    }

    #[test]
    fn a_word_of_a_truncated_page_is_a_fault() {
        if !can_truncate_mapped() {
            return;
        }
        let file = TempFile::new(&[1; 2 * PAGE]);
        let map = file.map();
        let words = [map.atomic::<u64>(PAGE).unwrap(), map.atomic::<u64>(8).unwrap()];
        file.set_len(PAGE as u64);
        for refused in [
            words[0].load(Acquire),
            words[0].swap(1, SeqCst),
            words[0].fetch_add(1, SeqCst),
            words[0].fetch_and(1, SeqCst),
            words[0].compare_exchange(1, 1, SeqCst, SeqCst).map(|_| 0),
            words[0].store(1, SeqCst).map(|()| 0),
        ] {
            assert!(matches!(refused, Err(Error::Fault { offset: PAGE })), "{refused:?}");
        }
        words[1].fetch_add(1, SeqCst).unwrap();
    }

    #[test]
    fn a_word_that_a_resize_has_cut_off_is_out_of_bounds() {
        let map = TempFile::new(&[0; 2 * PAGE]).map();
        let word = map.atomic::<u32>(PAGE).unwrap();
        word.fetch_add(1, SeqCst).unwrap();
        map.resize(PAGE).unwrap();
        assert!(matches!(word.load(SeqCst), Err(Error::OutOfBounds { .. })));
        assert!(matches!(word.fetch_add(1, SeqCst), Err(Error::OutOfBounds { .. })));
        map.resize(4 * PAGE).unwrap();
        assert_eq!(word.fetch_add(1, SeqCst).unwrap(), 0);
    }

    /// Each change happens once, also while the page disappears and returns.
    #[test]
    fn changes_are_counted_once_while_the_file_is_truncated() {
        if !can_truncate_mapped() {
            return;
        }
        succeeds_while_truncated(|| {
            let file = TempFile::new(&[0; 2 * PAGE]);
            let map = file.map();
            let word = map.atomic::<u64>(PAGE).unwrap();
            thread::scope(|scope| {
                let cuts = scope.spawn(|| {
                    for _ in 0..2000 {
                        file.set_len(PAGE as u64);
                        file.set_len(2 * PAGE as u64);
                    }
                });
                while !cuts.is_finished() {
                    match word.fetch_add(1, SeqCst) {
                        Ok(_) | Err(Error::Fault { offset: PAGE }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            word.store(0, SeqCst).unwrap();
            assert_eq!(word.fetch_add(1, SeqCst).unwrap(), 0);
        });
    }
}
