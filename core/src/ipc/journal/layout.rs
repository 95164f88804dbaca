//! Where the words of a journal are. Offsets are those of the file, in bytes.
//!
//! Each group that different processes change has 128 bytes that it shares with no other one, as in
//! a channel. The header of the file (`ipc::file`) comes first. All words that a reader loads are
//! in the first 512 bytes.

/// The mutex of the writers.
pub(crate) const WRITERS_MUTEX: usize = 128;
/// Where the last record ends, or where the end mark is. The writers' mutex protects its changes.
/// One record behind if a writer crashed after it had appended its record.
pub(crate) const TAIL: usize = 144;
/// How often the writers' mutex was taken over. Headers have it.
pub(crate) const TAKEOVERS: usize = 152;
/// The event count on which readers wait.
pub(crate) const EVENTS: usize = 256;
/// The numbers of recoveries (`epoch`).
pub(crate) const RECOVERIES: usize = 384;
/// The boot id, in two words, of the system that has recovered the journal last. Zeros: none.
pub(crate) const BOOT: usize = 392;
/// All records before it are on the disk. The mutex of `sync` protects its changes.
pub(crate) const SYNCED: usize = 408;
/// Not 0 if the kernel may count pages as clean that it could not write. As `SYNCED`.
pub(crate) const UNWRITTEN: usize = 416;
/// The mutex of `sync`.
pub(crate) const SYNC_MUTEX: usize = 512;
/// The first record.
pub(crate) const RECORDS: usize = 4096;
