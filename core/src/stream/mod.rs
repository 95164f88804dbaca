//! Streams: a map read and written as a file, and line by line.

mod cursor;
mod lines;
mod read_ahead;

pub use cursor::Cursor;
pub use lines::Lines;
