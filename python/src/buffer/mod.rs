//! What safe Rust cannot say: who may use the map and until when, exported views, bytes-like arguments, type slots.
//!
//! # Safety
//!
//! All unsafe code of the package stands in this folder. Three facts carry it:
//! - A [`Shelf`] hands out its map only to callers that hold the interpreter or a pin, and takes the map away only when
//!   nobody does (`shelf.rs`).
//! - While a view is exported, the map is neither closed nor resized, so its address and length hold (`view.rs`).
//! - A `Python<'py>` token proves that this thread is attached to the interpreter, which is what the C functions want.

mod answer;
mod bytes;
mod methods;
mod name;
mod number;
mod shelf;
mod slots;
mod small;
mod turn;
#[cfg(unix)]
mod unix;
mod view;
mod wait;
#[cfg(windows)]
mod windows;

pub(crate) use answer::Answer;
pub(crate) use bytes::{bytes_of, copied, lend, lend_settled, new_bytes, quick_bytes, short};
pub(crate) use methods::quicken;
pub(crate) use name::class_name;
pub(crate) use number::{integer, is_index, minus_one, parts, slice, small, ssize, subscript};
pub(crate) use shelf::Shelf;
pub(crate) use slots::{fill_iterator, fill_slots};
pub(crate) use small::{keep_small, one_byte, one_int};
pub(crate) use turn::Turn;
#[cfg(unix)]
pub(crate) use unix::{audit, borrow};
#[cfg(windows)]
pub(crate) use windows::{audit, borrow, error_of_status};
