//! Waiting until a word is changed.

pub(crate) use crate::sys::polled::{sleep, wake};
