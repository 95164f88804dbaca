//! The handle of a channel, from which senders and receivers are made.

use std::{fmt, sync::Arc};

use super::{frames, peers, receiver::Receiver, sender::Sender, shared::Shared, side::Side};
use crate::{Result, sys::BorrowedFile};

/// Messages of bytes from many senders to many receivers, of any number of processes.
///
/// A channel is a file, or a memory file. Each message goes to one receiver. Messages have any
/// length from 0 to [`longest_message`](Channel::longest_message), which is 16 bytes less than the
/// capacity. Senders wait while the channel is full.
///
/// Processes may crash at any instruction; the others continue. No message is torn, delivered
/// twice, or delivered out of the order of its sender. A message whose [`send`](Sender::send) has
/// returned is lost in two cases only: a receiver crashes after it has taken the message, or the
/// system is restarted, after which the channel is empty.
///
/// # Processes
///
/// Of each channel 64 processes may send and 64 may receive at once. The threads that use one
/// `Channel`, its clones, and their senders and receivers, count as one. A forked child takes part
/// by itself, with the senders and receivers that it inherits. It joins during the fork, but its
/// parent may drop the same receiver before: then senders may learn that no receiver is there.
/// A child that has used such a handle and ends without dropping it has crashed, also if it
/// executes another program. One that has not used it has left, however it ends.
///
/// `sender` and `receiver` open the file again: a process must have the permission for it, and a
/// descriptor left. Senders and receivers need neither.
///
/// # Disconnection
///
/// If there were processes at the other side and none is left, receivers still get the messages in
/// the channel. After them comes [`Error::Disconnected`](crate::Error::Disconnected), which says
/// whether one of them crashed. Senders get the error as well. An orderly end is noticed at
/// once, a crash after 1.2 s at the latest. A receiver for which no sender was there yet waits.
///
/// # Platforms
///
/// Those of [`Liveness`](crate::ipc::Liveness) on x86-64 and aarch64: Linux, macOS and Windows.
/// Elsewhere [`Error::Unsupported`](crate::Error::Unsupported).
///
/// # Examples
///
/// ```
/// use safemap::{Error, ipc::Channel};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.ch");
/// let channel = match Channel::options().capacity(1 << 16).open_or_create(&path) {
///     Err(Error::Unsupported(_)) => return Ok(()), // this system has no channels
///     channel => channel?,
/// };
/// let mut sender = channel.sender()?;
/// let mut receiver = channel.receiver()?;
/// sender.send(b"hello")?;
///
/// let mut message = Vec::new();
/// receiver.recv(&mut message)?;
/// assert_eq!(message, b"hello");
///
/// drop(sender);
/// assert!(matches!(receiver.recv(&mut message), Err(Error::Disconnected { died: false })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Channel {
    pub(super) shared: Arc<Shared>,
}

/// How many processes take part in a channel, for [`Channel::peers`].
///
/// # Examples
///
/// ```
/// use safemap::ipc::{Channel, Peers};
///
/// # if Channel::anonymous().is_err() { return Ok(()); }
/// let channel = Channel::anonymous()?;
/// let sender = channel.sender()?;
/// let Peers { senders, receivers, .. } = channel.peers()?;
/// assert_eq!((senders, receivers), (1, 0));
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peers {
    /// Processes that send.
    pub senders: usize,
    /// Processes that receive.
    pub receivers: usize,
}

impl Channel {
    /// Returns a sender. The process takes part as one that sends until its last sender is dropped.
    ///
    /// Waits while another process joins, which takes long only if that process is stopped.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyProcesses`](crate::Error::TooManyProcesses) if 64 processes send.
    /// [`Error::Locked`](crate::Error::Locked) if another program has locked the whole file.
    /// [`Error::Fault`](crate::Error::Fault), [`Error::Os`](crate::Error::Os).
    ///
    /// # Examples
    ///
    /// See [`Channel`].
    pub fn sender(&self) -> Result<Sender> {
        Sender::new(self.shared.clone())
    }

    /// Returns a receiver. The process takes part as one that receives until its last receiver is
    /// dropped.
    ///
    /// # Errors
    ///
    /// As [`Channel::sender`].
    ///
    /// # Examples
    ///
    /// See [`Channel`].
    pub fn receiver(&self) -> Result<Receiver> {
        Receiver::new(self.shared.clone())
    }

    /// Returns the bytes of the ring.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// assert_eq!(channel.capacity(), 1 << 20);
    /// assert_eq!(channel.longest_message(), (1 << 20) - 16);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity() as usize
    }

    /// Returns the greatest length of a message.
    ///
    /// # Examples
    ///
    /// See [`Channel::capacity`].
    #[must_use]
    pub fn longest_message(&self) -> usize {
        self.shared.ring.longest()
    }

    /// Returns the greatest number of messages in the channel, or `None` if only its capacity
    /// limits them. See [`max_messages`](crate::ipc::ChannelOptions::max_messages).
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::options().max_messages(3).anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::options().max_messages(3).anonymous()?;
    /// assert_eq!(channel.max_messages(), Some(3));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn max_messages(&self) -> Option<u64> {
        self.shared.ring.max_messages()
    }

    /// Returns the number of messages in the channel. It may have changed when the call returns:
    /// show it, do not decide by it.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault), [`Error::Corrupt`](crate::Error::Corrupt).
    ///
    /// # Examples
    ///
    /// See [`Channel::from_file`].
    pub fn len(&self) -> Result<u64> {
        frames::count(&self.shared.file.memory("len"), &self.shared.ring)
    }

    /// Returns whether no message is in the channel; see [`Channel::len`].
    ///
    /// # Errors
    ///
    /// As [`Channel::len`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// assert!(channel.is_empty()?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn is_empty(&self) -> Result<bool> {
        frames::is_empty(&self.shared.file.memory("is_empty"), &self.shared.ring)
    }

    /// Returns how often a lock was taken over from a process that crashed.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn takeovers(&self) -> Result<u64> {
        let takeovers = [Side::Senders, Side::Receivers].map(|side| self.shared.takeovers(side));
        Ok(takeovers.into_iter().sum::<Result<u32>>()?.into())
    }

    /// Leaves both sides, also if senders and receivers are left. The next use of one joins again.
    ///
    /// For the Python package, whose forked children may have copies that no thread uses.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn leave(&self) {
        self.shared.leave_with_all();
    }

    /// Returns how many processes take part; see [`Channel::len`].
    ///
    /// # Errors
    ///
    /// [`Error::Fault`](crate::Error::Fault), [`Error::Os`](crate::Error::Os).
    ///
    /// # Examples
    ///
    /// See [`Peers`].
    pub fn peers(&self) -> Result<Peers> {
        let alive = |side| peers::count(&self.shared.file.memory("peers"), side);
        Ok(Peers { senders: alive(Side::Senders)?, receivers: alive(Side::Receivers)? })
    }

    /// Returns the file, for example to pass its descriptor to another process.
    ///
    /// # Examples
    ///
    /// See [`Channel::from_file`].
    #[must_use]
    pub fn file(&self) -> BorrowedFile<'_> {
        self.shared.file.borrow()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut channel = f.debug_struct("Channel");
        channel.field("capacity", &self.capacity());
        if let Ok(peers) = self.peers() {
            channel.field("peers", &peers);
        }
        channel.finish_non_exhaustive()
    }
}
