//! Communication between processes: the module `safemap.ipc`, and what class `Map` has for it.

mod atomic;
mod format;
mod timeout;
mod wait;
mod words;

pub(crate) use atomic::Atomic;
