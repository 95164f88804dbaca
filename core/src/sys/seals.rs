//! Whether the content of a file can change, independent of the operating system.

/// The seals of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seals {
    /// Neither the bytes nor their number can change.
    Complete,
    /// The file can be sealed, and is not completely sealed.
    #[allow(dead_code)] // Constructed only where files can be sealed.
    Incomplete,
    /// The file cannot be sealed.
    Impossible,
}
