//! What the assembly files of all processors share: symbol names, sections and the exception table.
//!
//! The files are assembled with three macros:
//!
//! - `sm_accessor NAME` and `sm_end NAME` enclose a function. Its symbol contains the version of
//!   the crate, so that two versions can be linked together, and is hidden.
//! - `sm_try LABEL, INSTRUCTION` is an instruction that may access inaccessible memory. If it
//!   faults, the signal handler stores the fault address in the fault register (r11, x17) and
//!   continues at LABEL, the fixup. Nothing else is changed.
//!
//! Accessors are leaf functions. They do not change the stack or the direction flag. Labels are
//! numbers, because names would have to contain the version too. For the same reason each file
//! removes its macros at its end.
//!
//! No `sm_try` may stand directly at a fixup LABEL: the remains of a resolved fault on the stack
//! would then look like a fault that is still pending (`sys::unix::fault::raised`).

// Mach-O: the linker may move symbols apart. So no accessor falls through into the next one, and
// the symbol at the end of the table is declared to be inside it.
#[cfg(target_vendor = "apple")]
macro_rules! object {
    (code) => {
        "__TEXT,__text,regular,pure_instructions"
    };
    (exception_table) => {
        "__TEXT,__const"
    };
    (symbol $name:expr) => {
        concat!("_", symbol_name!($name))
    };
    (hide $name:expr) => {
        concat!(".private_extern _", symbol_name!($name))
    };
    (inner $name:expr) => {
        concat!(".alt_entry _", symbol_name!($name))
    };
    (open $name:expr) => {
        ""
    };
    (close $name:expr) => {
        ""
    };
}

#[cfg(windows)]
macro_rules! object {
    (code) => {
        ".text,\"xr\""
    };
    (exception_table) => {
        ".rdata,\"dr\""
    };
    (symbol $name:expr) => {
        symbol_name!($name)
    };
    (hide $name:expr) => {
        ""
    };
    (inner $name:expr) => {
        ""
    };
    (open $name:expr) => {
        ""
    };
    (close $name:expr) => {
        ""
    };
}

#[cfg(not(any(target_vendor = "apple", windows)))]
macro_rules! object {
    (code) => {
        concat!(".text.", symbol_name!("accessors"), ",\"ax\",@progbits")
    };
    (exception_table) => {
        concat!(".rodata.", symbol_name!("exception_table"), ",\"a\",@progbits")
    };
    (symbol $name:expr) => {
        symbol_name!($name)
    };
    (hide $name:expr) => {
        concat!(".hidden ", symbol_name!($name))
    };
    (inner $name:expr) => {
        ""
    };
    (open $name:expr) => {
        concat!(".type ", symbol_name!($name), ",@function\n.cfi_startproc")
    };
    (close $name:expr) => {
        concat!(".cfi_endproc\n.size ", symbol_name!($name), ", . - ", symbol_name!($name))
    };
}

/// Assembles the files of a processor as one unit, so that they share one exception table.
macro_rules! assemble {
    ($($file:literal),+) => {
        std::arch::global_asm!(
            ".macro sm_accessor name",
            ".balign 32",
            concat!(".globl ", object!(symbol "\\name")),
            object!(hide "\\name"),
            concat!(object!(symbol "\\name"), ":"),
            object!(open "\\name"),
            ".endm",
            ".macro sm_end name",
            object!(close "\\name"),
            ".endm",
            ".macro sm_try to, instruction:vararg",
            "771: \\instruction",
            "772:",
            concat!(".pushsection ", object!(exception_table)),
            ".long 771b - .",
            ".long 772b - .",
            ".long \\to - .",
            ".popsection",
            ".endm",
            concat!(".pushsection ", object!(exception_table)),
            ".balign 4",
            concat!(".globl ", object!(symbol "exception_table")),
            object!(hide "exception_table"),
            concat!(object!(symbol "exception_table"), ":"),
            ".popsection",
            concat!(".pushsection ", object!(code)),
            $(include_str!($file),)+
            ".popsection",
            concat!(".pushsection ", object!(exception_table)),
            concat!(".globl ", object!(symbol "exception_table_end")),
            object!(hide "exception_table_end"),
            object!(inner "exception_table_end"),
            concat!(object!(symbol "exception_table_end"), ":"),
            ".popsection",
            ".purgem sm_accessor",
            ".purgem sm_end",
            ".purgem sm_try",
            options(raw)
        );
    };
}

/// Declares accessors that the assembly files define.
macro_rules! declare {
    (
        $abi:literal,
        $(fn $name:ident $symbol:literal ($($arg:ident: $kind:ty),*) -> $result:ty;)+
    ) => {
        unsafe extern $abi {
            $(
                #[link_name = symbol_name!($symbol)]
                pub(in crate::accessor) unsafe fn $name($($arg: $kind),*) -> $result;
            )+
        }
    };
}

/// Like `declare`, for code that may be inlined into other objects than the one with the crate. The
/// symbols are hidden from those, but the variables that hold the addresses are not.
macro_rules! declare_for_all {
    (
        $abi:literal,
        $(fn $name:ident $symbol:literal ($($arg:ident: $kind:ty),*) -> $result:ty;)+
    ) => {
        mod symbols {
            use super::*;
            declare! { $abi, $(fn $name $symbol ($($arg: $kind),*) -> $result;)+ }
        }
        $(
            #[inline]
            pub(in crate::accessor) unsafe fn $name($($arg: $kind),*) -> $result {
                static FORM: unsafe extern $abi fn($($kind),*) -> $result = symbols::$name;
                // SAFETY: the conditions are the caller's.
                unsafe { FORM($($arg),*) }
            }
        )+
    };
}
