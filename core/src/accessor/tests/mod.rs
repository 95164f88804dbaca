//! Tests of every accessor against a naive reference model, with and without inaccessible pages.

mod arena;
mod checks;
// The portable accessors may tear a word that they store.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
mod inlined;
mod ranges;
mod strides;
mod until;
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
mod updates;
mod words;

use std::cell::Cell;

#[cfg(not(windows))]
use super::portable;
use super::{Outcome, Probe};
use arena::Arena;

/// The accessors of one implementation.
struct Accessors {
    name: &'static str,
    copy: fn(*mut u8, *const u8, usize) -> Outcome,
    copy_back: fn(*mut u8, *const u8, usize) -> Outcome,
    copy_until: fn(*mut u8, *const u8, usize, u8) -> Outcome,
    fill: fn(*mut u8, u8, usize) -> Outcome,
    compare: fn(*const u8, *const u8, usize) -> Outcome,
    find_byte: fn(*const u8, usize, u8) -> Outcome,
    count_byte: fn(*const u8, usize, u8) -> Outcome,
    rfind_byte: fn(*const u8, usize, u8) -> Outcome,
    find_probe: fn(*const u8, usize, &Probe) -> Outcome,
    rfind_probe: fn(*const u8, usize, &Probe) -> Outcome,
    gather: fn(*mut u8, *const u8, usize, isize) -> Outcome,
    scatter: fn(*mut u8, *const u8, usize, isize) -> Outcome,
}

/// Collects the accessors of a module.
///
/// SAFETY, for all of them: the tests pass only ranges in an `Arena`, and making an arena ensures
/// that the thread can take a fault.
macro_rules! accessors_of {
    ($module:path, $stride:path, $name:literal) => {{
        use $module as module;
        use $stride as stride;
        Accessors {
            name: $name,
            // SAFETY: see above.
            copy: |dst, src, n| unsafe { module::copy(dst, src, n) },
            // SAFETY: see above.
            copy_back: |dst, src, n| unsafe { module::copy_back(dst, src, n) },
            // SAFETY: see above.
            copy_until: |dst, src, n, byte| unsafe { module::copy_until(dst, src, n, byte) },
            // SAFETY: see above.
            fill: |dst, byte, n| unsafe { module::fill(dst, byte, n) },
            // SAFETY: see above.
            compare: |a, b, n| unsafe { module::compare(a, b, n) },
            // SAFETY: see above.
            find_byte: |at, n, byte| unsafe { module::find_byte(at, n, byte) },
            // SAFETY: see above.
            count_byte: |at, n, byte| unsafe { module::count_byte(at, n, byte) },
            // SAFETY: see above.
            rfind_byte: |at, n, byte| unsafe { module::rfind_byte(at, n, byte) },
            // SAFETY: see above.
            find_probe: |at, n, probe| unsafe { module::find_probe(at, n, probe) },
            // SAFETY: see above.
            rfind_probe: |at, n, probe| unsafe { module::rfind_probe(at, n, probe) },
            // SAFETY: see above. The strided accessors have one form only.
            gather: |dst, src, n, step| unsafe { stride::gather(dst, src, n, step) },
            // SAFETY: see above.
            scatter: |dst, src, n, step| unsafe { stride::scatter(dst, src, n, step) },
        }
    }};
}

fn all_accessors() -> Vec<Accessors> {
    vec![
        #[cfg(all(target_arch = "x86_64", not(safemap_portable)))]
        accessors_of!(super::x86_64::sse2, super::backend, "SSE2"),
        accessors_of!(super::backend, super::backend, "native"),
        // Wine, which runs these tests for Windows, lets `ReadProcessMemory` copy protected memory
        // as well, and is slow.
        #[cfg(not(windows))]
        accessors_of!(portable, portable, "portable"),
    ]
}

thread_local! {
    static FIXUPS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the faults of this thread for which the exception table had a fixup.
pub(super) fn count(fixup: Option<usize>) {
    FIXUPS.set(FIXUPS.get() + usize::from(fixup.is_some()));
}

/// Each implementation, with an inaccessible hole and with a read-only one.
fn with_holes() -> impl Iterator<Item = (Accessors, fn(Arena) -> Arena)> {
    let holes = [Arena::with_inaccessible_hole as fn(Arena) -> Arena, Arena::with_read_only_hole];
    holes.into_iter().flat_map(|make_hole| {
        all_accessors().into_iter().map(move |accessors| (accessors, make_hole))
    })
}

fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |time| time.as_nanos() as u64)
    })
}

#[test]
fn no_fixup_address_is_itself_an_access() {
    if let Some(fixups) = super::backend::fixups() {
        assert!(fixups.len() > 50);
        assert!(fixups.iter().all(|&at| super::backend::fixup(at).is_none()));
    }
}
