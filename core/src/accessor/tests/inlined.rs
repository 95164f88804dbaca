//! Tests of the inlined forms, at each byte of the borders of inaccessible pages.

use super::{super::inline, arena::Arena, seed};

#[test]
fn inlined_words_are_loaded_and_stored_at_any_address() {
    let mut arena = Arena::new(seed());
    let value = 0x8877_6655_4433_2211_u64;
    for at in (0..70).chain(arena.page - 9..arena.page + 9) {
        macro_rules! check {
            ($load:ident, $store:ident, $type:ident) => {
                let bytes = (value as $type).to_ne_bytes();
                // SAFETY: the word lies in the arena.
                assert!(unsafe { inline::$store(arena.at(3), at - 3.min(at), value) });
                let at = at.max(3);
                arena.model[at..at + bytes.len()].copy_from_slice(&bytes);
                arena.verify(at..at + bytes.len(), format_args!("{}", stringify!($store)));
                // SAFETY: the word lies in the arena.
                let loaded = unsafe { inline::$load(arena.at(3), at - 3) };
                assert_eq!(loaded, Some((value as $type).into()));
            };
        }
        check!(load8, store8, u8);
        check!(load16, store16, u16);
        check!(load32, store32, u32);
        check!(load64, store64, u64);
        arena.refill_some(20);
    }
}

#[test]
fn inlined_words_end_at_inaccessible_pages() {
    for make_hole in [Arena::with_inaccessible_hole, Arena::with_read_only_hole] {
        let arena = make_hole(Arena::new(seed()));
        let (start, end) = (arena.hole.start, arena.hole.end);
        for at in (start - 10..start + 10).chain(end - 10..end + 10) {
            macro_rules! check {
                ($load:ident, $store:ident, $size:literal) => {
                    let bytes = || at..at + $size;
                    // SAFETY: the word lies in the arena.
                    let loaded = unsafe { inline::$load(arena.at(0), at) };
                    assert_eq!(loaded.is_some(), bytes().all(|at| arena.can_read(at)), "{at}");
                    if !bytes().all(|at| arena.can_write(at)) {
                        // SAFETY: the word lies in the arena.
                        assert!(!unsafe { inline::$store(arena.at(0), at, 0) }, "{at}");
                    }
                };
            }
            check!(load8, store8, 1);
            check!(load16, store16, 2);
            check!(load32, store32, 4);
            check!(load64, store64, 8);
        }
        arena.verify(start - 10..end + 10, format_args!("stores that met a fault"));
    }
}

#[test]
fn inlined_copies_equal_the_model_at_all_lengths() {
    let mut arena = Arena::new(seed());
    for n in inline::COPIED {
        for (dst, src) in [(0, 300), (517, 3), (1000 - n / 2, 1000), (2000, 2000 - n / 2)] {
            // SAFETY: the ranges lie in the arena. All bytes are loaded before the first is stored.
            assert!(unsafe { inline::copy(arena.at(dst), arena.at(src), n) });
            arena.model.copy_within(src..src + n, dst);
            arena.verify(dst..dst + n, format_args!("copy {src} to {dst}, {n} bytes"));
        }
        arena.refill_some(100);
    }
}

#[test]
fn inlined_copies_end_at_inaccessible_pages() {
    for make_hole in [Arena::with_inaccessible_hole, Arena::with_read_only_hole] {
        let mut arena = make_hole(Arena::new(seed()));
        let (start, end) = (arena.hole.start, arena.hole.end);
        for n in inline::COPIED {
            for at in (start - n..=start + 1).chain(end - n - 1..=end) {
                check_copy(&mut arena, at, 100, n);
                check_copy(&mut arena, 100, at, n);
            }
        }
    }
}

/// A copy that meets a fault may have stored bytes that it would have stored without.
fn check_copy(arena: &mut Arena, dst: usize, src: usize, n: usize) {
    let (can_read, can_write) =
        ((src..src + n).all(|at| arena.can_read(at)), (dst..dst + n).all(|at| arena.can_write(at)));
    // SAFETY: the ranges lie in the arena.
    let copied = unsafe { inline::copy(arena.at(dst), arena.at(src), n) };
    assert_eq!(copied, can_read && can_write, "copy {src} to {dst}, {n} bytes");
    if can_read {
        for i in (0..n).filter(|i| arena.can_write(dst + i)).collect::<Vec<_>>() {
            let byte = arena.model[src + i];
            // SAFETY: the byte lies in the arena and not in the hole.
            if copied || unsafe { arena.at(dst + i).read_volatile() } == byte {
                arena.model[dst + i] = byte;
            }
        }
    }
    arena.verify(dst..dst + n, format_args!("copy {src} to {dst}, {n} bytes"));
}

#[test]
fn inlined_searches_equal_the_model_at_all_lengths() {
    let mut arena = Arena::new(seed());
    arena.refill(6);
    for n in inline::SEARCHED {
        for at in (0..100).chain(arena.len() - n - 20..=arena.len() - n) {
            for byte in [1, 6, 7, 255] {
                let expected = arena.model[at..at + n].iter().position(|&it| it == byte);
                // SAFETY: the range lies in the arena.
                let found = unsafe { inline::find(arena.at(at), n, byte) };
                assert_eq!(found, Some(expected.unwrap_or(n)), "{at}, {n} bytes");
            }
        }
    }
}

#[test]
fn inlined_searches_end_at_inaccessible_pages() {
    let arena = Arena::new(seed()).with_inaccessible_hole();
    let (start, end) = (arena.hole.start, arena.hole.end);
    for n in inline::SEARCHED {
        for at in (start - n..=start + 1).chain(end - n - 1..=end) {
            // SAFETY: the range lies in the arena.
            let found = unsafe { inline::find(arena.at(at), n, 0) };
            assert_eq!(found.is_some(), (at..at + n).all(|at| arena.can_read(at)), "{at}, {n}");
        }
    }
}

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
#[test]
fn the_index_finds_the_same_entries_as_a_search_one_by_one() {
    use super::super::exceptions;

    super::super::build_index();
    let entries = exceptions::fixups().unwrap().len();
    assert!(entries > 100, "{entries}");
    exceptions::check_index();
}
