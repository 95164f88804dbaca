//! A thread-local flag: whether this thread is known to be able to take a fault.

pub(super) use flag::{can_inline, is_ready, set};

/// In a library that is loaded at run time, such as a Python extension, the compiler calls the
/// loader before every access to a thread-local variable. That is expensive for short calls:
/// `read_byte` took a quarter longer. The ABI also defines *TLS descriptors*, which aarch64 uses by
/// default. With them the loader provides an address and a function of two instructions, and the
/// linker replaces both by a constant if it can.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(target_feature = "avx512f")))]
mod flag {
    // Code that is inlined into another object than the one with the crate (`accessor::inline`)
    // refers to a flag of that object, which is never set. Each block defines the flag, unless the
    // same compilation unit has defined it, and the linker keeps one in each object (COMDAT).

    /// Executes an instruction on this thread's flag, which lies at `fs:[rax]`.
    ///
    /// The two instructions before it are the sequence that the ABI prescribes ("Thread-local
    /// storage descriptors" for x86-64), in the form that linkers recognise. The function that is
    /// called preserves all registers except rax. Older loaders do not preserve vector registers
    /// (glibc before 2.40).
    macro_rules! with_flag {
        ($instruction:literal $(, $option:ident)*) => {{
            let result: usize;
            // SAFETY: the flag belongs to this thread, and no reference to it exists.
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
                    concat!(".size ", symbol_name!("thread_ready"), ", 1"),
                    concat!(symbol_name!("thread_ready"), ": .zero 1"),
                    ".popsection",
                    ".endif",
                    concat!("lea rax, [rip + ", symbol_name!("thread_ready"), "@TLSDESC]"),
                    concat!("call qword ptr [rax + ", symbol_name!("thread_ready"), "@TLSCALL]"),
                    $instruction,
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

    /// Whether this thread is known to be able to take a fault. In another object the answer is no.
    #[inline]
    #[allow(named_asm_labels)] // Defined once: `.ifndef`.
    pub(in super::super) fn is_ready() -> bool {
        with_flag!("movzx eax, byte ptr fs:[rax]", pure, readonly) != 0
    }

    /// Whether this thread is ready, and this code may contain inlined accesses.
    #[inline]
    pub(in super::super) fn can_inline() -> bool {
        is_ready()
    }

    /// Records that this thread can take a fault.
    #[allow(named_asm_labels)] // As above.
    pub(in super::super) fn set() {
        with_flag!("mov byte ptr fs:[rax], 1");
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(target_feature = "avx512f"))))]
mod flag {
    use std::cell::Cell;

    thread_local! {
        static READY: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether this thread is known to be able to take a fault.
    #[inline]
    pub(in super::super) fn is_ready() -> bool {
        READY.get()
    }

    /// Whether this thread is ready, and this code may contain inlined accesses.
    #[inline]
    pub(in super::super) fn can_inline() -> bool {
        is_ready() && crate::accessor::inline::is_home()
    }

    /// Records that this thread can take a fault.
    pub(in super::super) fn set() {
        READY.set(true);
    }
}
