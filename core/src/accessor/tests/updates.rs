//! Tests of the accessors that replace a word, called and inlined.

use super::{
    super::{backend, inline},
    arena::Arena,
    seed,
};

/// The functions of one size, called and inlined: with address, offset and operands.
struct Updates {
    size: usize,
    swap: fn(*mut u8, usize, u64) -> Option<u64>,
    add: fn(*mut u8, usize, u64) -> Option<u64>,
    exchange: fn(*mut u8, usize, u64, u64) -> Option<u64>,
}

/// SAFETY, for all of them: the tests pass only words in an `Arena`, and making an arena ensures
/// that the thread can take a fault.
macro_rules! updates {
    ($size:literal, $swap:ident, $add:ident, $exchange:ident) => {
        [
            Updates {
                size: $size,
                // SAFETY: see above.
                swap: |base, at, word| unsafe { inline::$swap(base, at, word) },
                // SAFETY: see above.
                add: |base, at, word| unsafe { inline::$add(base, at, word) },
                // SAFETY: see above.
                exchange: |base, at, old, new| unsafe { inline::$exchange(base, at, old, new) },
            },
            Updates {
                size: $size,
                swap: |base, at, word| {
                    let at = base.wrapping_add(at);
                    // SAFETY: see above.
                    completed(unsafe { backend::$swap(at, word) }, at)
                },
                add: |base, at, word| {
                    let at = base.wrapping_add(at);
                    // SAFETY: see above.
                    completed(unsafe { backend::$add(at, word) }, at)
                },
                exchange: |base, at, old, new| {
                    let at = base.wrapping_add(at);
                    // SAFETY: see above.
                    completed(unsafe { backend::$exchange(at, old, new) }, at)
                },
            },
        ]
    };
}

/// Converts the result of an accessor; a fault must be that of the word at `at`.
fn completed(loaded: super::super::Loaded, at: *mut u8) -> Option<u64> {
    assert!([0, at.addr()].contains(&loaded.fault));
    assert!(loaded.fault == 0 || loaded.value == 0);
    (loaded.fault == 0).then_some(loaded.value)
}

fn all() -> impl Iterator<Item = Updates> {
    [
        updates!(1, swap8, add8, compare_exchange8),
        updates!(2, swap16, add16, compare_exchange16),
        updates!(4, swap32, add32, compare_exchange32),
        updates!(8, swap64, add64, compare_exchange64),
    ]
    .into_iter()
    .flatten()
}

/// The word of `size` bytes at `at` in the model.
fn word(arena: &Arena, at: usize, size: usize) -> u64 {
    (0..size).fold(0, |word, i| word | u64::from(arena.model[at + i]) << (8 * i))
}

fn set_word(arena: &mut Arena, at: usize, size: usize, word: u64) {
    arena.model[at..at + size].copy_from_slice(&word.to_le_bytes()[..size]);
}

#[test]
fn updates_change_exactly_their_word() {
    let mut arena = Arena::new(seed());
    arena.refill(0);
    for Updates { size, swap, add, exchange } in all() {
        let mask = !0 >> (64 - 8 * size);
        for at in (0..64).chain(arena.page - 16..arena.page + 16).step_by(size) {
            let base = arena.at(0);
            let (former, new) = (word(&arena, at, size), 0x8877_6655_4433_2211 & mask);
            assert_eq!(swap(base, at, new), Some(former));
            assert_eq!(add(base, at, mask), Some(new), "adds -1");
            assert_eq!(exchange(base, at, new, 0), Some(new - 1), "not what is there");
            set_word(&mut arena, at, size, new - 1);
            arena.verify(at..at + size, format_args!("{size} bytes, not exchanged"));
            assert_eq!(exchange(base, at, new - 1, former), Some(new - 1));
            set_word(&mut arena, at, size, former);
            arena.verify(at..at + size, format_args!("{size} bytes, exchanged"));
        }
    }
}

#[test]
fn updates_of_protected_memory_are_faults() {
    for make_hole in [Arena::with_inaccessible_hole, Arena::with_read_only_hole] {
        let arena = make_hole(Arena::new(seed()));
        let (start, end) = (arena.hole.start, arena.hole.end);
        for Updates { size, swap, add, exchange } in all() {
            for at in (start - 16..start + 16).chain(end - 16..end + 16).step_by(size) {
                let is_possible = arena.can_write(at);
                let base = arena.at(0);
                assert_eq!(add(base, at, 0).is_some(), is_possible, "{at}");
                // An exchange for another value may store nothing, and so needs no access to write.
                let value = word(&arena, at, size);
                assert_eq!(swap(base, at, value).is_some(), is_possible, "{at}");
                assert_eq!(exchange(base, at, value, value).is_some(), is_possible, "{at}");
            }
        }
        arena.verify(start - 16..end + 16, format_args!("updates that met a fault"));
    }
}
