//! The methods and slots that are added to the classes when they are created.
//!
//! PyO3 collects the items of its `#[pymethods]` blocks through the `inventory` crate. This file
//! submits further items in the same way, so that no class is modified after its creation. The
//! types of `pyo3::impl_` are not covered by semantic versioning; `Cargo.toml` requires one
//! version.

use std::ffi::{c_int, c_void};

use pyo3::{
    ffi::{self, PyType_Slot},
    impl_::pyclass::{PyClassImpl, PyClassItems},
    inventory,
};

use super::{method::define, slots};
use crate::{
    file::{Read, ReadByte, Readline, Seek, Tell, Write, WriteByte},
    lines::LineIterator,
    map::{FileMap, FindForward, Forward, SeekStream},
    memory::Move,
    mmap::{Close, Mmap},
    search::{Find, Rfind},
    slow_paths::SlowMmap,
};

const fn slot(slot: c_int, function: *mut c_void) -> PyType_Slot {
    PyType_Slot { slot, pfunc: function }
}

/// Adds every method and slot that has a fast path to a class. `$fast` is whether it is used, and
/// selects the functions of the slots.
macro_rules! add_methods_and_slots {
    (
        $class:ty,
        $fast:literal,
        $length:path,
        $item:path,
        $subscript:path,
        $assign_subscript:path,
        $get_buffer:path
        $(, $name:ident: $function:path)*
    ) => {
        inventory::submit! {
            type Inventory = <$class as PyClassImpl>::Inventory;
            Inventory::new(PyClassItems {
                methods: &[
                    define::<Tell>($fast),
                    define::<Seek>($fast),
                    define::<Read>($fast),
                    define::<ReadByte>($fast),
                    define::<Readline>($fast),
                    define::<Write>($fast),
                    define::<WriteByte>($fast),
                    define::<Find>($fast),
                    define::<Rfind>($fast),
                    define::<Move>($fast),
                    define::<Close>($fast),
                ],
                slots: &[
                    slot(ffi::Py_sq_length, $length as *mut c_void),
                    slot(ffi::Py_sq_item, $item as *mut c_void),
                    slot(ffi::Py_sq_ass_item, slots::assign_item as *mut c_void),
                    slot(ffi::Py_mp_length, $length as *mut c_void),
                    slot(ffi::Py_mp_subscript, $subscript as *mut c_void),
                    slot(ffi::Py_mp_ass_subscript, $assign_subscript as *mut c_void),
                    slot(ffi::Py_bf_getbuffer, $get_buffer as *mut c_void),
                    slot(ffi::Py_bf_releasebuffer, slots::release_buffer as *mut c_void),
                    $(slot(ffi::$name, $function as *mut c_void),)*
                ],
            })
        }
    };
}

add_methods_and_slots!(
    Mmap,
    true,
    slots::length,
    slots::item,
    slots::subscript,
    slots::assign_subscript,
    slots::get_buffer
);
add_methods_and_slots!(
    SlowMmap,
    false,
    slots::length_slow,
    slots::item_slow,
    slots::subscript_slow,
    slots::assign_subscript_slow,
    slots::get_buffer_slow,
    Py_tp_new: slots::new_slow_mmap
);

// A class that is defined in Python has the first slot from `__getitem__`, which is the second.
inventory::submit! {
    type Inventory = <FileMap as PyClassImpl>::Inventory;
    Inventory::new(PyClassItems {
        methods: &[
            define::<SeekStream>(true),
            define::<FindForward>(true),
            define::<Forward<Read>>(true),
            define::<Forward<Readline>>(true),
        ],
        slots: &[
            slot(ffi::Py_sq_item, slots::item_as_int as *mut c_void),
            slot(ffi::Py_mp_subscript, slots::subscript as *mut c_void),
            slot(ffi::Py_bf_getbuffer, slots::get_buffer_of_map as *mut c_void),
            slot(ffi::Py_bf_releasebuffer, slots::release_buffer_of_map as *mut c_void),
        ],
    })
}

inventory::submit! {
    type Inventory = <LineIterator as PyClassImpl>::Inventory;
    Inventory::new(PyClassItems {
        methods: &[],
        slots: &[slot(ffi::Py_tp_iternext, slots::next_line as *mut c_void)],
    })
}
