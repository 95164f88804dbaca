//! What the protocol needs of the data file and of its commit journal.

use std::ops::Range;

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The file that is mapped.
    Data,
    /// The commit journal beside it.
    Journal,
}

/// The data file and its commit journal, as one process uses them.
pub(crate) trait Files {
    type Error;

    /// A journal is as long at first.
    const FIRST_LEN: u64 = 64 << 10;
    /// A journal does not become longer, except for a record that needs it.
    const MOST_LEN: u64 = 64 << 20;

    /// Returns the length in bytes.
    fn len(&self, which: Which) -> Result<u64, Self::Error>;

    /// Copies bytes from `at` to `buffer`. Returns how many: fewer only at the end of the file.
    fn read(&self, which: Which, buffer: &mut [u8], at: u64) -> Result<usize, Self::Error>;

    /// Writes all of `bytes` at `at`. If it fails, a part may have been written.
    fn write(&self, which: Which, bytes: &[u8], at: u64) -> Result<(), Self::Error>;

    /// Cuts or lengthens the file; new bytes are zeros.
    fn set_len(&self, which: Which, len: u64) -> Result<(), Self::Error>;

    /// Gives the bytes of the data file in `range` blocks on the disk, also those behind its end.
    /// Its bytes and its length do not change.
    fn allocate(&self, range: Range<u64>) -> Result<(), Self::Error>;

    /// Waits until the bytes and the length of the file are on the disk.
    fn sync(&self, which: Which) -> Result<(), Self::Error>;

    /// Gives the journal its name, if it is new, and waits until the name is on the disk.
    fn publish(&self) -> Result<(), Self::Error>;

    /// Returns numbers that are others after a start of the system, and after the file system was
    /// mounted again; zeros if they are not known.
    fn boot(&self) -> [u64; 4];

    /// Returns a random number.
    fn random(&self) -> Result<u64, Self::Error>;
}
