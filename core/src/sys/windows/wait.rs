//! Waiting until a word is changed. `WaitOnAddress` reaches the threads of one process only.

pub(crate) use crate::sys::polled::{sleep, wake};
