//! What the assembly files of every processor share: names, sections and the table of fixups.
//!
//! They are assembled with three macros in force:
//!
//! - `sm_accessor NAME` and `sm_end NAME` enclose a function. Its name carries the version of the crate, so that two versions
//!   can be linked together, and is hidden.
//! - `sm_try LABEL, INSTRUCTION` is an instruction that touches memory that may not be there. If it faults, the handler of
//!   signals puts the address that could not be accessed into the fault register (r11, x17) and goes on at LABEL; nothing
//!   else has changed.
//!
//! Kernels are leaves and leave the stack and the direction flag alone. Labels are numbers, because other names would have
//! to carry the version, too; for the same reason each file forgets its macros at its end.
//!
//! No `sm_try` stands directly at a LABEL: otherwise what a recovered fault left on the stack would look like a fault that
//! still waits for its recovery.

use std::{ptr, slice};

/// Names a kernel as the linker knows it, but for Apple's underscore.
macro_rules! symbol_name {
    ($name:expr) => {
        concat!(
            "safemap_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH"),
            "_",
            $name
        )
    };
}

// Mach-O: the linker may move apart what symbols separate, so nothing falls through from one kernel into the next, and the
// end of the table is marked as a part of it.
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
        concat!(".text.", symbol_name!("kernels"), ",\"ax\",@progbits")
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

/// Assembles the files of a processor as one piece, because the table of fixups must be one.
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

/// Declares kernels that the assembly files define.
macro_rules! declare {
    ($abi:literal, $($(#[$doc:meta])* fn $name:ident $symbol:literal ($($arg:ident: $kind:ty),*) -> $result:ty;)+) => {
        unsafe extern $abi {
            $(
                $(#[$doc])*
                #[link_name = symbol_name!($symbol)]
                pub(in crate::accessor) unsafe fn $name($($arg: $kind),*) -> $result;
            )+
        }
    };
}

/// One `sm_try`: where it begins and ends and where it recovers, each as the distance from the number itself.
#[repr(C)]
struct ExceptionEntry {
    from: i32,
    until: i32,
    to: i32,
}

unsafe extern "C" {
    #[link_name = symbol_name!("exception_table")]
    static EXCEPTION_TABLE: ExceptionEntry;
    #[link_name = symbol_name!("exception_table_end")]
    static EXCEPTION_TABLE_END: ExceptionEntry;
}

/// Finds where a fault at `pc` goes on, if that is an `sm_try`.
pub(super) fn fixup(pc: usize) -> Option<usize> {
    let row = exception_table().iter().find(|row| resolve(&row.from) <= pc && pc < resolve(&row.until))?;
    #[cfg(test)]
    super::tests::count_fixup();
    Some(resolve(&row.to))
}

fn exception_table() -> &'static [ExceptionEntry] {
    let (start, end) = (&raw const EXCEPTION_TABLE, &raw const EXCEPTION_TABLE_END);
    // SAFETY: the table holds whole rows from one symbol to the other and never changes (assemble!).
    unsafe { slice::from_raw_parts(start, (end.addr() - start.addr()) / size_of::<ExceptionEntry>()) }
}

fn resolve(distance: &i32) -> usize {
    ptr::from_ref(distance).addr().wrapping_add_signed(*distance as isize)
}

#[cfg(test)]
pub(super) fn fixups() -> Option<Vec<usize>> {
    Some(exception_table().iter().map(|row| resolve(&row.to)).collect())
}
