//! Resource limits, which no error code suggests.

/// The resource that a system call ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceLimit {}

pub(crate) fn remedy(_: &str, _: i32) -> Option<&'static str> {
    None
}

impl ResourceLimit {
    pub(crate) fn of(_: i32, _: &str) -> Option<ResourceLimit> {
        None
    }

    pub(crate) fn name(self) -> &'static str {
        match self {}
    }
}
