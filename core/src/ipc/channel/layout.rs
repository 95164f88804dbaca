//! Where the words of a channel are. Offsets are those of the map, in bytes.
//!
//! Each group that different processes change has 128 bytes that it shares with no other one: two
//! cache lines, because the prefetcher of a processor takes pairs. The header of the file
//! (`ipc::file`) comes first.

/// The mutex of the senders.
pub(crate) const SENDERS_MUTEX: usize = 128;
/// Where the next message begins. The senders' mutex protects it. One frame behind if a sender
/// crashed after it had sent its message.
pub(crate) const TAIL: usize = 144;
/// The number of the next message, if messages have numbers. As `TAIL`.
pub(crate) const SENT: usize = 152;
/// The mutex of the receivers.
pub(crate) const RECEIVERS_MUTEX: usize = 256;
/// Where the oldest message begins. The receivers' mutex protects its changes.
pub(crate) const HEAD: usize = 384;
/// The event count on which receivers wait for messages.
pub(crate) const RECEIVERS_EVENTS: usize = 512;
/// The event count on which senders wait for room.
pub(crate) const SENDERS_EVENTS: usize = 640;
/// How many senders ever joined; behind it, how they left (`peers`).
pub(crate) const SENDERS_JOINED: usize = 768;
/// The same of the receivers.
pub(crate) const RECEIVERS_JOINED: usize = 784;
/// How many processes one side can have.
pub(crate) const PLACES: usize = 64;
/// The ids of the senders. 0: free.
pub(crate) const SENDERS: usize = 1024;
/// The ids of the receivers.
pub(crate) const RECEIVERS: usize = 1536;
/// The first byte of the ring.
pub(crate) const RING: usize = 4096;

pub(crate) const LEAST_CAPACITY: u64 = 4096;
/// A header has 32 bits for the length of a message.
pub(crate) const GREATEST_CAPACITY: u64 = 1 << 32;
