//! Sequential access to a map: a cursor that reads and writes, and an iterator over lines.

mod chunks;
mod cursor;
mod drop_behind;
mod line_search;
mod lines;
mod read_ahead;

pub use chunks::Chunks;
pub use cursor::Cursor;
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use line_search::{LineCount, LineSearch};
pub use lines::{Line, Lines, NumberedLines};
