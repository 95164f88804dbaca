//! Which threads have been found fit to take a fault: a flag of each thread's own.

pub(super) use flag::{is_ready, set};

/// In a library that is loaded at run time, as a Python extension is, the compiler puts a call of the loader before every look at
/// a variable of the thread's. Short calls feel it: `read_byte` took a quarter longer. A *TLS descriptor* is the other way that the ABI knows,
/// and the usual one on aarch64: the loader leaves an address and a function of two instructions, and linkers put a constant in
/// their place where they can.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(target_feature = "avx512f")))]
mod flag {
    /// The flag's name, as the linker knows it: with the version, so that two versions of the crate can be linked together.
    macro_rules! name {
        () => {
            concat!(
                "safemap_",
                env!("CARGO_PKG_VERSION_MAJOR"),
                "_",
                env!("CARGO_PKG_VERSION_MINOR"),
                "_",
                env!("CARGO_PKG_VERSION_PATCH"),
                "_thread_ready"
            )
        };
    }

    std::arch::global_asm!(
        concat!(".pushsection .tbss.", name!(), ",\"awT\",@nobits"),
        concat!(".globl ", name!()),
        concat!(".hidden ", name!()),
        concat!(".type ", name!(), ",@tls_object"),
        concat!(".size ", name!(), ", 1"),
        concat!(name!(), ": .zero 1"),
        ".popsection",
    );

    /// Executes an instruction on this thread's flag, which lies at `fs:[rax]`.
    ///
    /// Before it stands the sequence that the ABI prescribes ("Thread-local storage descriptors" for x86-64), in the form which linkers
    /// know. The function called there keeps all registers but rax; older loaders forget vectors (glibc before 2.40).
    macro_rules! with_flag {
        ($instruction:literal $(, $option:ident)*) => {{
            let answer: usize;
            // SAFETY: the flag is this thread's own, and no reference to it exists.
            unsafe {
                std::arch::asm!(
                    concat!("lea rax, [rip + ", name!(), "@TLSDESC]"),
                    concat!("call qword ptr [rax + ", name!(), "@TLSCALL]"),
                    $instruction,
                    out("rax") answer,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                    out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                    out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    options($($option),*),
                );
            }
            answer
        }};
    }

    /// Whether this thread is known to be fit.
    #[inline]
    pub(in super::super) fn is_ready() -> bool {
        with_flag!("movzx eax, byte ptr fs:[rax]", pure, readonly) != 0
    }

    /// Notes that this thread is fit.
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

    /// Whether this thread is known to be fit.
    #[inline]
    pub(in super::super) fn is_ready() -> bool {
        READY.get()
    }

    /// Notes that this thread is fit.
    pub(in super::super) fn set() {
        READY.set(true);
    }
}
