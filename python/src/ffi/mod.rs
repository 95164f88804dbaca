//! All unsafe code of the package: access to the shared map, exported buffers, bytes-like
//! arguments, and the C functions of the classes.
//!
//! # Safety
//!
//! Three invariants make the unsafe blocks sound:
//! - A [`SharedMap`] gives its map only to callers that are attached to the interpreter or are
//!   counted as users. It removes the map only when there are neither (`shared_map.rs`).
//! - While a buffer is exported, the map is neither closed nor resized, so its address and length
//!   stay valid (`buffer.rs`).
//! - A `Python<'py>` token proves that this thread is attached to the interpreter, as the C API
//!   requires.

mod buffer;
mod bytes;
mod class;
mod class_name;
mod integer;
mod lock;
mod method;
mod object;
mod return_value;
mod shared_map;
mod slots;
mod small_objects;
#[cfg(unix)]
mod unix;
mod wait;
#[cfg(windows)]
mod windows;

pub(crate) use bytes::{
    bytes_from, is_buffer, new_bytes, return_bytes, try_new_bytes, try_short_bytes, with_bytes,
    with_stable_bytes, with_writable_bytes,
};
pub(crate) use class_name::class_name;
pub(crate) use integer::{
    is_index, minus_one, return_int, slice_bounds, ssize, subscript, try_slice_bounds,
    try_small_int,
};
pub(crate) use lock::Lock;
pub(crate) use method::Method;
pub(crate) use object::ClassOf;
pub(crate) use return_value::ReturnValue;
pub(crate) use shared_map::SharedMap;
pub(crate) use small_objects::{fill_small_objects, single_byte, small_int};
#[cfg(unix)]
pub(crate) use unix::{audit, borrow};
#[cfg(windows)]
pub(crate) use windows::{audit, borrow, error_of_status};
