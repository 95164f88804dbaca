//! Every kernel against a naive twin, with and without pages that cannot be accessed.

mod arena;
mod checks;
mod ranges;
mod strides;
mod until;
mod words;

use std::cell::Cell;

#[cfg(not(windows))]
use super::portable;
use super::{Outcome, Probe};
use arena::Arena;

/// The kernels of one kind.
struct Kernels {
    name: &'static str,
    copy: fn(*mut u8, *const u8, usize) -> Outcome,
    copy_back: fn(*mut u8, *const u8, usize) -> Outcome,
    copy_until: fn(*mut u8, *const u8, usize, u8) -> Outcome,
    fill: fn(*mut u8, u8, usize) -> Outcome,
    compare: fn(*const u8, *const u8, usize) -> Outcome,
    find_byte: fn(*const u8, usize, u8) -> Outcome,
    rfind_byte: fn(*const u8, usize, u8) -> Outcome,
    find_probe: fn(*const u8, usize, &Probe) -> Outcome,
    rfind_probe: fn(*const u8, usize, &Probe) -> Outcome,
    gather: fn(*mut u8, *const u8, usize, isize) -> Outcome,
    scatter: fn(*mut u8, *const u8, usize, isize) -> Outcome,
}

/// Collects the kernels of a module.
///
/// SAFETY, for all of them: the tests hand out ranges in an `Arena` only, and arm the thread when they make one.
macro_rules! accessors_of {
    ($module:path, $stride:path, $name:literal) => {{
        use $module as module;
        use $stride as stride;
        Kernels {
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
            rfind_byte: |at, n, byte| unsafe { module::rfind_byte(at, n, byte) },
            // SAFETY: see above.
            find_probe: |at, n, probe| unsafe { module::find_probe(at, n, probe) },
            // SAFETY: see above.
            rfind_probe: |at, n, probe| unsafe { module::rfind_probe(at, n, probe) },
            // SAFETY: see above. These have one form.
            gather: |dst, src, n, step| unsafe { stride::gather(dst, src, n, step) },
            // SAFETY: see above.
            scatter: |dst, src, n, step| unsafe { stride::scatter(dst, src, n, step) },
        }
    }};
}

fn all_kernels() -> Vec<Kernels> {
    vec![
        #[cfg(all(target_arch = "x86_64", not(safemap_portable)))]
        accessors_of!(super::x86_64::sse2, super::own, "SSE2"),
        accessors_of!(super::own, super::own, "own"),
        // Wine, which runs these tests for Windows, copies for `ReadProcessMemory` what is protected as well, and takes its time.
        #[cfg(not(windows))]
        accessors_of!(portable, portable, "portable"),
    ]
}

thread_local! {
    static RECOVERIES: Cell<usize> = const { Cell::new(0) };
}

/// Counts the faults that a thread recovered from.
#[allow(dead_code)] // Portable kernels have none.
pub(super) fn count_fixup() {
    RECOVERIES.set(RECOVERIES.get() + 1);
}

/// Every kind with a hole of either kind.
fn with_holes() -> impl Iterator<Item = (Kernels, fn(Arena) -> Arena)> {
    let dug = all_kernels().into_iter().map(|kernels| (kernels, Arena::dig as fn(Arena) -> Arena));
    dug.chain(all_kernels().into_iter().map(|kernels| (kernels, Arena::close as fn(Arena) -> Arena)))
}

fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64)
    })
}

#[test]
fn no_recovery_is_itself_an_access() {
    if let Some(fixups) = super::own::fixups() {
        assert!(fixups.len() > 50);
        assert!(fixups.iter().all(|&at| super::own::fixup(at).is_none()));
    }
}
