//! Sequential access to a map: a cursor that reads and writes, and an iterator over lines.

mod chunks;
mod cursor;
mod lines;
mod read_ahead;

pub use chunks::Chunks;
pub use cursor::Cursor;
pub use lines::Lines;
