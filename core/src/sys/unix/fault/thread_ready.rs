//! A thread-local number: that of this thread, if it is known to be able to take a fault.

pub(super) use flag::{inlining_number, number, set};

/// In a library that is loaded at run time, such as a Python extension, the compiler calls the
/// loader before every access to a thread-local variable. That is expensive for short calls:
/// `read_byte` took a quarter longer. The ABI also defines *TLS descriptors*, which aarch64 uses by
/// default. With them the loader provides an address and a function of two instructions, and the
/// linker replaces both by a constant if it can.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(target_feature = "avx512f")))]
mod flag {
    use crate::sys::this_thread;

    // Code that is inlined into another object than the one with the crate (`accessor::inline`)
    // refers to a number of that object, which is never set. Each block defines it, unless the same
    // compilation unit has defined it, and the linker keeps one in each object (COMDAT).

    /// Executes an instruction on this thread's number, which lies at `fs:[rax]`.
    ///
    /// The two instructions before it are the sequence that the ABI prescribes ("Thread-local
    /// storage descriptors" for x86-64), in the form that linkers recognise. The function that is
    /// called preserves all registers except rax. Older loaders do not preserve vector registers
    /// (glibc before 2.40).
    macro_rules! with_number {
        ($instruction:literal, [$($number:ident)?], [$($option:ident),*]) => {{
            let result: usize;
            // SAFETY: the number belongs to this thread, and no reference to it exists.
            unsafe {
                std::arch::asm!(
                    concat!(".ifndef ", symbol_name!("thread_ready")),
                    concat!(
                        ".pushsection .tbss.",
                        symbol_name!("thread_ready"),
                        ",\"awTG\",@nobits,",
                        symbol_name!("thread_ready"),
                        ",comdat"
                    ),
                    concat!(".weak ", symbol_name!("thread_ready")),
                    concat!(".hidden ", symbol_name!("thread_ready")),
                    concat!(".type ", symbol_name!("thread_ready"), ",@tls_object"),
                    concat!(".size ", symbol_name!("thread_ready"), ", 8"),
                    ".p2align 3",
                    concat!(symbol_name!("thread_ready"), ": .zero 8"),
                    ".popsection",
                    ".endif",
                    concat!("lea rax, [rip + ", symbol_name!("thread_ready"), "@TLSDESC]"),
                    concat!("call qword ptr [rax + ", symbol_name!("thread_ready"), "@TLSCALL]"),
                    $instruction,
                    $(number = in(reg) $number,)?
                    out("rax") result,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                    out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                    out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    options($($option),*),
                );
            }
            result
        }};
    }

    /// The number of this thread if it is known to be able to take a fault, else 0. In another
    /// object it is 0.
    #[inline]
    #[allow(named_asm_labels)] // Defined once: `.ifndef`.
    pub(in super::super) fn number() -> usize {
        with_number!("mov rax, qword ptr fs:[rax]", [], [pure, readonly])
    }

    /// The number of this thread if it is ready, and this code may contain inlined accesses.
    #[inline]
    pub(in super::super) fn inlining_number() -> usize {
        number()
    }

    /// Records that this thread can take a fault.
    #[allow(named_asm_labels)] // As above.
    pub(in super::super) fn set() {
        let number = this_thread::number();
        with_number!("mov qword ptr fs:[rax], {number}", [number], []);
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(target_feature = "avx512f"))))]
mod flag {
    use std::cell::Cell;

    use crate::{accessor::inline, sys::this_thread};

    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(0) };
    }

    /// The number of this thread if it is known to be able to take a fault, else 0.
    #[inline]
    pub(in super::super) fn number() -> usize {
        NUMBER.get()
    }

    /// The number of this thread if it is ready, and this code may contain inlined accesses.
    #[inline]
    pub(in super::super) fn inlining_number() -> usize {
        if inline::is_home() { number() } else { 0 }
    }

    /// Records that this thread can take a fault.
    pub(in super::super) fn set() {
        NUMBER.set(this_thread::number());
    }
}
