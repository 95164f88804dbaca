//! Communication between processes through mapped memory.

mod shared_memory;

pub use shared_memory::{remove_shared_memory, shared_memory_names};
