//! The membership of this process among those that use a map.

use crate::sys::token::Token;

/// What a process needs to own parts of a map. Made at first use, and again in a forked child.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) id: u64,
    pub(super) pid: u32,
    /// Ends with the map.
    pub(super) _token: Token,
}
