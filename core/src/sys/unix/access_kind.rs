//! The kind of access that an instruction attempted, and which protections allow it.

use crate::flags::Protection;

/// What an instruction attempted to do at an address.
// On Linux the signal is enough.
#[cfg_attr(any(target_os = "linux", target_os = "android"), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessKind {
    Read,
    Write,
    Execute,
}

/// An access that has faulted.
#[derive(Clone, Copy)]
pub(super) struct FaultAccess {
    pub(super) address: usize,
    /// Given if the protection of the region decides. An unknown kind is allowed.
    pub(super) kind: Option<AccessKind>,
    /// Whether it was a write, if that is known.
    pub(super) is_write: Option<bool>,
}

impl AccessKind {
    /// Whether pages with this protection allow the access.
    pub(super) fn is_allowed_by(self, protection: Protection) -> bool {
        match self {
            // Processors allow reads of pages that may be written or executed.
            AccessKind::Read => protection != Protection::NONE,
            AccessKind::Write => protection.contains(Protection::WRITE),
            AccessKind::Execute => protection.contains(Protection::EXEC),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protection_allows_the_access_kinds_it_names() {
        let (read, write) = (Protection::READ, Protection::READ | Protection::WRITE);
        let cases = [
            (read, AccessKind::Read, true),
            (read, AccessKind::Write, false),
            (read, AccessKind::Execute, false),
            (write, AccessKind::Write, true),
            (Protection::WRITE, AccessKind::Read, true),
            (Protection::NONE, AccessKind::Read, false),
            (read | Protection::EXEC, AccessKind::Execute, true),
        ];
        for (protection, kind, allowed) in cases {
            assert_eq!(kind.is_allowed_by(protection), allowed, "{kind:?} under {protection:?}");
        }
    }
}
