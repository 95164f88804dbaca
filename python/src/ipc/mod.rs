//! Communication between processes: the module `safemap.ipc`, and what class `Map` has for it.

mod atomic;
pub(crate) mod channel;
mod error;
mod format;
mod journal;
mod mutex;
pub(crate) mod path;
mod pool;
mod range_lock;
pub(crate) mod shared_memory;
pub(crate) mod timeout;
mod wait;
mod words;

pub(crate) use atomic::Atomic;
pub(crate) use channel::{Channel, Receiver, Sender};
pub(crate) use journal::{Journal, JournalReader, JournalWriter};
pub(crate) use mutex::{LockedCount, Mutex};
pub(crate) use range_lock::RangeLock;
