//! The note that makes a copy of the crate visible to the other copies in the process, and the
//! search for the notes of all loaded objects.
//!
//! The layout is frozen (`docs/design.md`, *Several copies in one process*): an ELF note, whose
//! content is the distance from the content to the copy's record. Mach-O objects contain the same
//! bytes in a section.
//!
//! # Safety
//!
//! The loader describes objects that stay mapped while the search looks at them. A note with this
//! header leads to a record in the same object, whose words are zero until the copy publishes it.

use super::record::Record;
pub(super) use object::{own_record, visit_records};
use std::{ptr, slice};

/// The words of a note before its content: the lengths of name and content, the version of the
/// record's layout, and the name.
const HEADER: [u32; 5] = [8, 4, 1, u32::from_ne_bytes(*b"safe"), u32::from_ne_bytes(*b"map\0")];

/// Defines the note, and the record as zeros. The record's symbol is hidden, so that another object
/// does not replace it. Linkers keep notes although no code refers to them.
#[allow(unused_macros)] // Not used on processors without notes.
macro_rules! define_note {
    ($prefix:literal, $hide:literal, $note_section:literal, $record_section:literal) => {
        std::arch::global_asm!(
            concat!(".pushsection ", $note_section),
            ".balign 4",
            // Relocations of Mach-O on x86-64 subtract symbols, and not places of a section.
            concat!($prefix, symbol_name!("note"), ":"),
            ".long 8",
            ".long 4",
            ".long 1",
            ".asciz \"safemap\"",
            // The content, behind 20 bytes.
            concat!(
                concat!(".long ", $prefix, symbol_name!("record")),
                concat!(" - ", $prefix, symbol_name!("note"), " - 20"),
            ),
            ".popsection",
            concat!(".pushsection ", $record_section),
            ".balign 8",
            concat!(".globl ", $prefix, symbol_name!("record")),
            concat!($hide, " ", $prefix, symbol_name!("record")),
            concat!($prefix, symbol_name!("record"), ":"),
            ".zero {size}",
            ".popsection",
            size = const size_of::<Record>(),
        );
    };
}

/// Calls `visit` for each record in a sequence of notes, if it lies in a range that `is_writable`
/// accepts.
///
/// # Safety
///
/// `size` bytes at `start` are readable, and do not change. The ranges that `is_writable` accepts
/// may be written and are never unmapped before a record there is published.
#[allow(dead_code)] // Not used on processors without notes.
unsafe fn visit_notes(
    start: usize,
    size: usize,
    is_writable: impl Fn(usize, usize) -> bool,
    visit: fn(&'static Record),
) {
    let words = ptr::with_exposed_provenance::<u32>(start.next_multiple_of(align_of::<u32>()));
    let count = (start + size).saturating_sub(words.addr()) / size_of::<u32>();
    // SAFETY: the words lie in the bytes (the caller), and are aligned.
    let words = unsafe { slice::from_raw_parts(words, count) };
    for note in words.windows(HEADER.len() + 1).filter(|words| words.starts_with(&HEADER)) {
        let distance = &note[HEADER.len()];
        let record = ptr::from_ref(distance).addr().wrapping_add_signed(*distance as i32 as isize);
        if record % align_of::<Record>() == 0 && is_writable(record, size_of::<Record>()) {
            // SAFETY: a note leads to a record. A record consists of atomics, so any words are
            // valid.
            visit(unsafe { &*ptr::with_exposed_provenance(record) });
        }
    }
}

/// Declares the record of this copy, which `define_note` defines.
#[allow(unused_macros)] // Not used on processors without notes.
macro_rules! declare_record {
    () => {
        unsafe extern "C" {
            #[link_name = symbol_name!("record")]
            static RECORD: Record;
        }

        /// Returns the record of this copy.
        pub(in super::super) fn own_record() -> &'static Record {
            // SAFETY: it is defined with its size and alignment, and consists of atomics.
            unsafe { &RECORD }
        }
    };
}

#[cfg(all(
    not(any(target_vendor = "apple", miri)),
    any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "riscv32",
        target_arch = "riscv64",
        target_arch = "loongarch64",
        target_arch = "s390x"
    )
))]
mod object {
    use super::{Record, visit_notes};
    use libc::{c_int, c_void, dl_phdr_info};
    use std::{mem, slice};

    define_note!("", ".hidden", ".note.safemap,\"a\",%note", ".bss.safemap_record,\"aw\",%nobits");

    declare_record!();

    const PT_LOAD: u32 = 1;
    const PT_NOTE: u32 = 4;
    const PF_W: u32 = 2;
    const PF_R: u32 = 4;

    /// Calls `visit` for the record of each copy in the process, this one included.
    ///
    /// No object is loaded or unloaded during the call. `visit` must not call the loader.
    pub(in super::super) fn visit_records(visit: fn(&'static Record)) {
        // SAFETY: `visit_object` expects such a function.
        unsafe { libc::dl_iterate_phdr(Some(visit_object), visit as *mut c_void) };
    }

    unsafe extern "C" fn visit_object(
        info: *mut dl_phdr_info,
        _: usize,
        visit: *mut c_void,
    ) -> c_int {
        // SAFETY: `visit_records` passes a function of this type.
        let visit = unsafe { mem::transmute::<*mut c_void, fn(&'static Record)>(visit) };
        // SAFETY: the loader passes a description that is valid during the call.
        let info = unsafe { &*info };
        // SAFETY: as above.
        let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let start_of = |address| (info.dlpi_addr as usize).wrapping_add(address);
        // Whether a loaded segment with these flags contains `size` bytes at `start`.
        let covers = |start: usize, size: usize, flags: u32| {
            headers.iter().any(|header| {
                header.p_type == PT_LOAD
                    && header.p_flags & flags == flags
                    && start
                        .checked_sub(start_of(header.p_vaddr as usize))
                        .and_then(|inside| inside.checked_add(size))
                        .is_some_and(|end| end <= header.p_memsz as usize)
            })
        };
        for header in headers.iter().filter(|header| header.p_type == PT_NOTE) {
            let (start, size) = (start_of(header.p_vaddr as usize), header.p_memsz as usize);
            if covers(start, size, PF_R) {
                // SAFETY: the bytes are loaded and readable, and linkers make no writable notes. No
                // object is unloaded now, and those with a published record never are.
                unsafe {
                    visit_notes(start, size, |at, size| covers(at, size, PF_R | PF_W), visit)
                };
            }
        }
        0
    }
}

#[cfg(target_vendor = "apple")]
mod object {
    use super::{Record, visit_notes};
    use libc::{c_char, c_ulong, c_void};

    define_note!("_", ".private_extern", "__TEXT,__safemap,regular,no_dead_strip", "__DATA,__data");

    declare_record!();

    unsafe extern "C" {
        fn _dyld_image_count() -> u32;
        fn _dyld_get_image_header(index: u32) -> *const c_void;
        fn getsectiondata(
            header: *const c_void,
            segment: *const c_char,
            section: *const c_char,
            size: *mut c_ulong,
        ) -> *const u8;
    }

    /// Calls `visit` for the record of each copy in the process, this one included.
    pub(in super::super) fn visit_records(visit: fn(&'static Record)) {
        // SAFETY: no preconditions.
        let count = unsafe { _dyld_image_count() };
        for index in 0..count {
            // SAFETY: null if there is no such image now.
            let header = unsafe { _dyld_get_image_header(index) };
            if !header.is_null() {
                visit_image(header, visit);
            }
        }
    }

    fn visit_image(header: *const c_void, visit: fn(&'static Record)) {
        let (segment, section, mut size) = (c"__TEXT".as_ptr(), c"__safemap".as_ptr(), 0);
        // SAFETY: the header of a loaded image, two strings, and a local variable.
        let notes = unsafe { getsectiondata(header, segment, section, &raw mut size) };
        if !notes.is_null() {
            // SAFETY: the section is loaded and never written. Its notes lead to data of the image.
            unsafe { visit_notes(notes.expose_provenance(), size as usize, |_, _| true, visit) };
        }
    }
}

/// Rust has no stable assembly for the other processors. Copies do not find each other there.
#[cfg(all(
    not(target_vendor = "apple"),
    not(all(
        not(miri),
        any(
            target_arch = "x86",
            target_arch = "x86_64",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "riscv32",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "s390x"
        )
    ))
))]
mod object {
    use super::Record;
    use std::mem;

    pub(in super::super) fn visit_records(_: fn(&'static Record)) {}

    /// Returns the record of this copy.
    pub(in super::super) fn own_record() -> &'static Record {
        // SAFETY: a record of zeros is valid.
        static RECORD: Record = unsafe { mem::zeroed() };
        &RECORD
    }
}
