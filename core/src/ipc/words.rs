//! What the protocols need of a map: a few operations on words.
//!
//! The protocols are generic over them. So tests can run them on simulated memory, stop a process
//! before each operation, and explore interleavings.

use std::time::Duration;

/// A process that owns what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Its id, which the kernel knows. Not 0, and at most 61 bits.
    pub(crate) id: u64,
    /// Its process id, for humans.
    pub(crate) pid: u32,
    /// The number of forks of the process: in a forked child it is another one.
    pub(crate) forks: u64,
}

/// Words of shared memory, as one process uses them. Offsets are in bytes.
pub(crate) trait Words {
    type Error;

    /// Returns this process. In a forked child, that is another one than in its parent.
    fn owner(&self) -> Result<Owner, Self::Error>;

    /// Replaces `current` by `new`, sequentially consistent; returns the former word, as `Err` if
    /// it was another one.
    fn compare_exchange(
        &self,
        at: usize,
        current: u64,
        new: u64,
    ) -> Result<Result<u64, u64>, Self::Error>;

    /// Stores the 32 bits at `at`, without ordering: a hint for humans. It may fail.
    fn store_hint(&self, at: usize, hint: u32);

    /// Returns whether the process with this id exists.
    fn is_alive(&self, id: u64) -> Result<bool, Self::Error>;

    /// Sleeps while the low 32 bits of the word at `at` are those of `expected`, at most for
    /// `timeout`. May return at any time.
    fn sleep(&self, at: usize, expected: u64, timeout: Duration) -> Result<(), Self::Error>;

    /// Wakes one thread that sleeps on the word at `at`.
    fn wake_one(&self, at: usize) -> Result<(), Self::Error>;
}

/// Words of shared memory that are also loaded and stored. They are aligned.
pub(crate) trait Memory: Words {
    /// Loads a word. Later accesses stay behind it (acquire).
    fn load(&self, at: usize) -> Result<u64, Self::Error>;

    /// Stores a word. Earlier accesses stay before it (release).
    fn store(&self, at: usize, word: u64) -> Result<(), Self::Error>;

    /// Orders all earlier accesses before all later ones, sequentially consistent.
    fn fence(&self);

    /// Wakes all threads that sleep on the word at `at`.
    fn wake_all(&self, at: usize) -> Result<(), Self::Error>;

    /// Returns the error that the word at `at` is not one that the protocol stores.
    fn corrupt(&self, at: usize) -> Self::Error;
}
