//! Kernels for integers.

use super::{
    super::{Loaded, own, portable},
    arena::Arena,
    seed,
};

#[test]
fn words_go_to_any_address() {
    let mut arena = Arena::new(seed());
    arena.refill(0);
    let value = 0x8877_6655_4433_2211_u64;
    for at in (0..70).chain(arena.page - 9..arena.page + 9) {
        macro_rules! check {
            ($module:ident, $load:ident, $store:ident, $size:literal) => {
                // SAFETY: in the arena.
                assert_eq!(unsafe { $module::$store(arena.at(at), value) }, 0);
                arena.twin[at..at + $size].copy_from_slice(
                    &value.to_ne_bytes()[if cfg!(target_endian = "big") { 8 - $size } else { 0 }..][..$size],
                );
                arena.verify(at..at + $size, format_args!("{}", stringify!($store)));
                // SAFETY: in the arena.
                let loaded = unsafe { $module::$load(arena.at(at)) };
                assert_eq!((loaded.value, loaded.fault), (value & (!0 >> (64 - 8 * $size)), 0));
                // SAFETY: in the arena.
                unsafe { $module::$store(arena.at(at), 0) };
                arena.twin[at..at + $size].fill(0);
            };
        }
        check!(own, load8, store8, 1);
        check!(own, load16, store16, 2);
        check!(own, load32, store32, 4);
        check!(own, load64, store64, 8);
        check!(portable, load8, store8, 1);
        check!(portable, load16, store16, 2);
        check!(portable, load32, store32, 4);
        check!(portable, load64, store64, 8);
    }
}

#[test]
fn words_that_are_not_there_are_faults() {
    let arena = Arena::new(seed()).dig();
    macro_rules! check {
        ($module:ident, $load:ident, $store:ident, $size:literal) => {
            for at in arena.hole.start - $size + 1..arena.hole.start + 1 {
                let border = arena.at(arena.hole.start).addr();
                // SAFETY: in the arena.
                assert_eq!(unsafe { $module::$load(arena.at(at)) }, Loaded { value: 0, fault: border });
                // SAFETY: in the arena.
                assert_eq!(unsafe { $module::$store(arena.at(at), 0) }, border);
                let at = arena.hole.end - (arena.hole.start + 1 - at);
                // SAFETY: in the arena.
                assert_eq!(unsafe { $module::$load(arena.at(at)) }.fault, arena.at(at).addr());
            }
            arena.verify(arena.hole.start - 8..arena.hole.start, format_args!("{}", stringify!($store)));
        };
    }
    check!(own, load8, store8, 1);
    check!(own, load16, store16, 2);
    check!(own, load32, store32, 4);
    check!(own, load64, store64, 8);
    #[cfg(not(windows))] // See `all_kernels`.
    check!(portable, load8, store8, 1);
    #[cfg(not(windows))]
    check!(portable, load64, store64, 8);
}
