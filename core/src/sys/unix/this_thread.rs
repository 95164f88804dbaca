//! The number of the calling thread.

#![allow(unsafe_code)]

/// Returns a number that no other thread of the process has at the same time; never 0.
///
/// It is the thread pointer, which is the address of the thread's own data.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64"))]
#[inline]
pub(crate) fn number() -> usize {
    let pointer: usize;
    // SAFETY: the ABI ("Thread-local storage", variant II) has the thread pointer at its own
    // address. No other memory is accessed.
    unsafe {
        std::arch::asm!(
            "mov {}, qword ptr fs:[0]",
            out(reg) pointer,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    pointer
}

#[cfg(all(any(target_os = "linux", target_os = "android"), target_arch = "aarch64"))]
#[inline]
pub(crate) fn number() -> usize {
    let pointer: usize;
    // SAFETY: the instruction copies a register.
    unsafe {
        std::arch::asm!(
            "mrs {}, tpidr_el0",
            out(reg) pointer,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    pointer
}

#[cfg(not(any(
    all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64"),
    all(any(target_os = "linux", target_os = "android"), target_arch = "aarch64")
)))]
pub(crate) fn number() -> usize {
    use std::cell::Cell;

    thread_local! {
        static HERE: Cell<u8> = const { Cell::new(0) };
    }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Barrier, thread};

    #[test]
    fn threads_that_run_have_different_numbers() {
        let all = Barrier::new(8);
        let numbers: BTreeSet<usize> = thread::scope(|scope| {
            let start = || {
                let number = super::number();
                all.wait();
                (number == super::number()).then_some(number)
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        assert_eq!(numbers.len(), 8);
        assert!(!numbers.contains(&0));
    }
}
