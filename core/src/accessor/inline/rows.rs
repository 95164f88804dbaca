//! The part of the exception table that describes inlined instructions.
//!
//! Each block appends an entry to a section, which the linker collects. Its name is a C identifier,
//! for which the linker defines the symbols `__start_NAME` and `__stop_NAME`. They are hidden, so
//! that each object has its own. The flag "R" keeps the section when unused ones are removed.
//!
//! Functions that refer to the table may be inlined into another object than the one that contains
//! the crate: a program that gets the crate from a Rust `dylib`. The handler does not know the
//! entries of such an object. Code there finds no [`is_home`] and calls the crate.

use std::ptr;

use crate::accessor::entry::{Entry, between};

/// The entry of the instructions between the labels 771 and 772, at which the thread continues.
macro_rules! entry {
    () => {
        concat!(
            ".pushsection ",
            symbol_name!("inlined"),
            ",\"aR\",@progbits\n",
            ".balign 4\n",
            ".long 771b - .\n",
            ".long 772b - .\n",
            ".long 772b - .\n",
            ".popsection",
        )
    };
}

// The table has at least one entry, which covers nothing: without one the linker would not define
// the symbols. `home` is weak because references to it are.
std::arch::global_asm!(
    concat!(".pushsection ", symbol_name!("inlined"), ",\"aR\",@progbits"),
    ".balign 4",
    ".long 0, -4, 0",
    ".popsection",
    concat!(".hidden __start_", symbol_name!("inlined")),
    concat!(".hidden __stop_", symbol_name!("inlined")),
    concat!(".pushsection .rodata.", symbol_name!("home"), ",\"a\",@progbits"),
    ".balign 4",
    concat!(".weak ", symbol_name!("home")),
    concat!(".hidden ", symbol_name!("home")),
    concat!(symbol_name!("home"), ":"),
    concat!(".long __start_", symbol_name!("inlined"), " - ."),
    concat!(".long __stop_", symbol_name!("inlined"), " - ."),
    ".popsection",
);

unsafe extern "C" {
    /// The bounds of the table, each as the distance from the field itself.
    #[link_name = symbol_name!("home")]
    static HOME: [i32; 2];
}

/// The entries of this object.
pub(in crate::accessor) fn table() -> &'static [Entry] {
    // SAFETY: defined above, and never changed.
    let bounds = unsafe { &HOME };
    let [start, end] = bounds.each_ref().map(|distance| {
        let address = ptr::from_ref(distance).addr().wrapping_add_signed(*distance as isize);
        ptr::with_exposed_provenance::<Entry>(address)
    });
    // SAFETY: the linker puts whole entries between these addresses.
    unsafe { between(start, end) }
}
