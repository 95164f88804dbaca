//! The ids of liveness tokens, and the bytes that they lock.

use std::{io, ops::Range};

use super::random;

/// The byte of id 0, which no token has.
const FIRST_BYTE: u64 = 1 << 62;

/// Ids are below this limit.
const LIMIT: u64 = 1 << 61;

/// The first byte that locks of users do not reach. It serves the creation of files.
pub(crate) const CREATION_BYTE: u64 = FIRST_BYTE - 1;

/// The first byte behind those of all tokens. The locks of transactions begin there.
#[cfg(unix)]
pub(crate) const BEHIND_TOKENS: u64 = FIRST_BYTE + LIMIT;

/// Whether a token may have this id.
pub(crate) fn is_valid(id: u64) -> bool {
    (1..LIMIT).contains(&id)
}

/// Returns the byte that a token with this id locks.
pub(super) fn range(id: u64) -> Range<u64> {
    FIRST_BYTE + id..FIRST_BYTE + id + 1
}

/// Returns the bytes of all tokens.
pub(super) fn all() -> Range<u64> {
    FIRST_BYTE..FIRST_BYTE + LIMIT
}

/// Returns an id that no other token has: the chance of two equal ones among a million is 1 in
/// four million.
pub(super) fn random_id() -> io::Result<u64> {
    loop {
        let id = random::word()? % LIMIT;
        if is_valid(id) {
            return Ok(id);
        }
    }
}
