//! What the protocols of a journal need of its file, beside words.

use std::ops::Range;

use crate::ipc::words::Memory;

/// A file that is mapped, as one process uses it.
pub(crate) trait Storage: Memory {
    /// Returns the number of bytes that can be accessed now.
    fn len(&self) -> usize;

    /// Makes at least `needed` bytes accessible: maps what other processes have added, and if that
    /// is not enough, extends the file by zeros that have blocks on the disk.
    ///
    /// Called with the writers' mutex. If it fails, the file may be longer, and nothing else has
    /// changed.
    fn extend(&self, needed: usize) -> Result<(), Self::Error>;

    /// Maps what other processes have added, and returns the number of bytes that can be accessed.
    fn refresh(&self) -> Result<usize, Self::Error>;

    /// Copies `bytes` to the file.
    fn write(&self, bytes: &[u8], at: usize) -> Result<(), Self::Error>;

    /// Fills `buffer` with bytes of the file. They may change during the copy.
    fn read(&self, buffer: &mut [u8], at: usize) -> Result<(), Self::Error>;

    /// Replaces the content of `buffer` by `len` bytes of the file, as [`Storage::read`].
    fn read_all(&self, buffer: &mut Vec<u8>, len: usize, at: usize) -> Result<(), Self::Error> {
        buffer.resize(len, 0);
        self.read(buffer, at)
    }

    /// Writes zeros from `from` to the end of the file, also where there are zeros already: the
    /// disk may have other bytes.
    fn write_zeros(&self, from: usize) -> Result<(), Self::Error>;

    /// Makes the kernel write the pages with these bytes again. No other byte may be stored to,
    /// since writers change those of the same pages. The bytes themselves do not change.
    fn rewrite(&self, range: Range<usize>) -> Result<(), Self::Error>;

    /// Waits until these bytes and the length of the file are on the disk.
    fn sync(&self, range: Range<usize>) -> Result<(), Self::Error>;

    /// Returns the boot id of this system; zeros if it is not known.
    fn boot(&self) -> [u64; 2];

    /// Returns whether a process takes part: whether a liveness token exists.
    fn is_in_use(&self) -> Result<bool, Self::Error>;
}
