//! A needle, and where to look for it.

use safemap::{Map, Options};

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) bytes: Vec<u8>,
    pub(crate) needle: Vec<u8>,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A map of memory that holds `bytes`.
pub(crate) fn map_of(bytes: &[u8]) -> Map {
    let map = Options::new().len(bytes.len()).anonymous().unwrap();
    map.write_at(bytes, 0).unwrap();
    map
}
