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

use std::{ptr, slice};

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

/// One `sm_try`: its start, its end and its fixup, each as the distance from the field itself.
#[repr(C)]
struct ExceptionEntry {
    start: i32,
    end: i32,
    fixup: i32,
}

unsafe extern "C" {
    #[link_name = symbol_name!("exception_table")]
    static EXCEPTION_TABLE: ExceptionEntry;
    #[link_name = symbol_name!("exception_table_end")]
    static EXCEPTION_TABLE_END: ExceptionEntry;
}

/// Returns the fixup of the `sm_try` at `pc`.
pub(super) fn fixup(pc: usize) -> Option<usize> {
    let covers_pc =
        |entry: &&ExceptionEntry| resolve(&entry.start) <= pc && pc < resolve(&entry.end);
    exception_table().iter().find(covers_pc).map(|entry| resolve(&entry.fixup))
}

fn exception_table() -> &'static [ExceptionEntry] {
    let (start, end) = (&raw const EXCEPTION_TABLE, &raw const EXCEPTION_TABLE_END);
    // SAFETY: the two symbols enclose whole entries, which never change (assemble!).
    unsafe {
        slice::from_raw_parts(start, (end.addr() - start.addr()) / size_of::<ExceptionEntry>())
    }
}

fn resolve(distance: &i32) -> usize {
    ptr::from_ref(distance).addr().wrapping_add_signed(*distance as isize)
}

#[cfg(test)]
pub(super) fn fixups() -> Option<Vec<usize>> {
    Some(exception_table().iter().map(|entry| resolve(&entry.fixup)).collect())
}
