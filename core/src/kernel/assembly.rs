//! What the assembly files of every processor share: names, sections and the table of recoveries.
//!
//! They are assembled with three macros in force:
//!
//! - `sm_kernel NAME` and `sm_end NAME` enclose a function. Its name carries the version of the crate, so that two versions
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
macro_rules! kernel_name {
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
    (rows) => {
        "__TEXT,__const"
    };
    (symbol $name:expr) => {
        concat!("_", kernel_name!($name))
    };
    (hide $name:expr) => {
        concat!(".private_extern _", kernel_name!($name))
    };
    (inner $name:expr) => {
        concat!(".alt_entry _", kernel_name!($name))
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
    (rows) => {
        ".rdata,\"dr\""
    };
    (symbol $name:expr) => {
        kernel_name!($name)
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
        concat!(".text.", kernel_name!("kernels"), ",\"ax\",@progbits")
    };
    (rows) => {
        concat!(".rodata.", kernel_name!("rows"), ",\"a\",@progbits")
    };
    (symbol $name:expr) => {
        kernel_name!($name)
    };
    (hide $name:expr) => {
        concat!(".hidden ", kernel_name!($name))
    };
    (inner $name:expr) => {
        ""
    };
    (open $name:expr) => {
        concat!(".type ", kernel_name!($name), ",@function\n.cfi_startproc")
    };
    (close $name:expr) => {
        concat!(".cfi_endproc\n.size ", kernel_name!($name), ", . - ", kernel_name!($name))
    };
}

/// Assembles the files of a processor as one piece, because the table of recoveries must be one.
macro_rules! assemble {
    ($($file:literal),+) => {
        std::arch::global_asm!(
            ".macro sm_kernel name",
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
            concat!(".pushsection ", object!(rows)),
            ".long 771b - .",
            ".long 772b - .",
            ".long \\to - .",
            ".popsection",
            ".endm",
            concat!(".pushsection ", object!(rows)),
            ".balign 4",
            concat!(".globl ", object!(symbol "rows")),
            object!(hide "rows"),
            concat!(object!(symbol "rows"), ":"),
            ".popsection",
            concat!(".pushsection ", object!(code)),
            $(include_str!($file),)+
            ".popsection",
            concat!(".pushsection ", object!(rows)),
            concat!(".globl ", object!(symbol "rows_end")),
            object!(hide "rows_end"),
            object!(inner "rows_end"),
            concat!(object!(symbol "rows_end"), ":"),
            ".popsection",
            ".purgem sm_kernel",
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
                #[link_name = kernel_name!($symbol)]
                pub(in crate::kernel) unsafe fn $name($($arg: $kind),*) -> $result;
            )+
        }
    };
}

/// One `sm_try`: where it begins and ends and where it recovers, each as the distance from the number itself.
#[repr(C)]
struct Row {
    from: i32,
    until: i32,
    to: i32,
}

unsafe extern "C" {
    #[link_name = kernel_name!("rows")]
    static ROWS: Row;
    #[link_name = kernel_name!("rows_end")]
    static ROWS_END: Row;
}

/// Finds where a fault at `pc` goes on, if that is an `sm_try`.
pub(super) fn recovery(pc: usize) -> Option<usize> {
    let row = rows().iter().find(|row| resolve(&row.from) <= pc && pc < resolve(&row.until))?;
    #[cfg(test)]
    super::tests::count_recovery();
    Some(resolve(&row.to))
}

fn rows() -> &'static [Row] {
    let (start, end) = (&raw const ROWS, &raw const ROWS_END);
    // SAFETY: the table holds whole rows from one symbol to the other and never changes (assemble!).
    unsafe { slice::from_raw_parts(start, (end.addr() - start.addr()) / size_of::<Row>()) }
}

fn resolve(distance: &i32) -> usize {
    ptr::from_ref(distance).addr().wrapping_add_signed(*distance as isize)
}

#[cfg(test)]
pub(super) fn recoveries() -> Option<Vec<usize>> {
    Some(rows().iter().map(|row| resolve(&row.to)).collect())
}
