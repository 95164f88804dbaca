//! Tests of the accessors of integers.

use super::{
    super::{backend, portable},
    arena::Arena,
    seed,
};
use crate::accessor::Loaded;

#[test]
fn words_are_loaded_and_stored_at_any_address() {
    let mut arena = Arena::new(seed());
    arena.refill(0);
    let value = 0x8877_6655_4433_2211_u64;
    for at in (0..70).chain(arena.page - 9..arena.page + 9) {
        macro_rules! check {
            ($module:ident, $load:ident, $store:ident, $size:literal) => {
                // SAFETY: the word lies in the arena.
                assert_eq!(unsafe { $module::$store(arena.at(at), value) }, 0);
                arena.model[at..at + $size].copy_from_slice(
                    &value.to_ne_bytes()[if cfg!(target_endian = "big") { 8 - $size } else { 0 }..]
                        [..$size],
                );
                arena.verify(at..at + $size, format_args!("{}", stringify!($store)));
                // SAFETY: the word lies in the arena.
                let loaded = unsafe { $module::$load(arena.at(at)) };
                assert_eq!((loaded.value, loaded.fault), (value & (!0 >> (64 - 8 * $size)), 0));
                // SAFETY: the word lies in the arena.
                unsafe { $module::$store(arena.at(at), 0) };
                arena.model[at..at + $size].fill(0);
            };
        }
        check!(backend, load8, store8, 1);
        check!(backend, load16, store16, 2);
        check!(backend, load32, store32, 4);
        check!(backend, load64, store64, 8);
        check!(portable, load8, store8, 1);
        check!(portable, load16, store16, 2);
        check!(portable, load32, store32, 4);
        check!(portable, load64, store64, 8);
    }
}

#[test]
fn words_in_inaccessible_memory_are_faults() {
    let arena = Arena::new(seed()).with_inaccessible_hole();
    macro_rules! check {
        ($module:ident, $load:ident, $store:ident, $size:literal) => {
            for at in arena.hole.start - $size + 1..arena.hole.start + 1 {
                let border = arena.at(arena.hole.start).addr();
                // SAFETY: the word lies in the arena.
                let loaded = unsafe { $module::$load(arena.at(at)) };
                assert_eq!(loaded, Loaded { value: 0, fault: border });
                // SAFETY: the word lies in the arena.
                assert_eq!(unsafe { $module::$store(arena.at(at), 0) }, border);
                let at = arena.hole.end - (arena.hole.start + 1 - at);
                // SAFETY: the word lies in the arena.
                assert_eq!(unsafe { $module::$load(arena.at(at)) }.fault, arena.at(at).addr());
            }
            arena.verify(
                arena.hole.start - 8..arena.hole.start,
                format_args!("{}", stringify!($store)),
            );
        };
    }
    check!(backend, load8, store8, 1);
    check!(backend, load16, store16, 2);
    check!(backend, load32, store32, 4);
    check!(backend, load64, store64, 8);
    #[cfg(not(windows))] // See `all_accessors`.
    check!(portable, load8, store8, 1);
    #[cfg(not(windows))]
    check!(portable, load64, store64, 8);
}
