//! Communication between processes: what the module `safemap.ipc` uses.

pub(crate) mod shared_memory;
