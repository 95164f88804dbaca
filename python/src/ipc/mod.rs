//! Communication between processes: the module `safemap.ipc`, and what class `Map` has for it.

mod atomic;
mod format;
pub(crate) mod shared_memory;
mod timeout;
mod wait;
mod words;

pub(crate) use atomic::Atomic;
