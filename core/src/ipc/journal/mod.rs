//! Journals: records that are appended to a file, and that any number of processes follow.

mod chain;
mod cursor;
mod epoch;
mod handle;
mod layout;
mod log_file;
mod options;
mod position;
mod reader;
mod records;
mod recovery;
mod storage;
#[cfg(test)]
mod tests;
mod writer;

pub use handle::Journal;
pub use options::JournalOptions;
pub use position::{Position, ReadFrom};
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use reader::KeptCursor;
pub use reader::{JournalReader, Records};
pub use writer::JournalWriter;
