//! The side of a channel that sends.

use std::{cell::Cell, fmt, io, sync::Arc, time::Duration};

use super::{
    frames::{self, Full, Mark, Room},
    shared::{Shared, Waited, Waiter},
    side::Side,
};
use crate::{
    Error, Result,
    ipc::{MutexGuard, event_count, patience::Patience, viewed::Viewed},
};

/// Sends messages through a [`Channel`](super::Channel).
///
/// Made by [`Channel::sender`](super::Channel::sender). While the channel is full,
/// [`send`](Sender::send) waits, and [`try_send`](Sender::try_send) returns false. When there were
/// receivers and none is left, they fail with [`Error::Disconnected`]; the message is not sent
/// then.
///
/// # Errors
///
/// All calls fail with [`Error::TooLong`] for a message that no channel of this capacity can hold,
/// [`Error::Fault`] if the file was cut, [`Error::Corrupt`] if another program wrote to it, and
/// [`Error::Os`], for example if the program has closed the descriptor.
///
/// # Examples
///
/// See [`Channel`](super::Channel).
pub struct Sender {
    shared: Arc<Shared>,
    waiter: Waiter,
    /// The oldest message when this sender last looked.
    front: Cell<Option<Mark>>,
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Sender> {
        let waiter = Waiter::new(Side::Senders, shared.enter(Side::Senders)?);
        Ok(Sender { shared, waiter, front: Cell::default() })
    }

    /// Sends a message. Waits while the channel is full.
    ///
    /// The message is in the channel when the call returns. Neither the end of this process nor the
    /// crash of another one removes it.
    ///
    /// # Errors
    ///
    /// Those of [`Sender`].
    ///
    /// # Examples
    ///
    /// See [`Channel`](super::Channel).
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        self.send_with("send", message, Patience::Forever).map(drop)
    }

    /// Sends a message if the channel has space. Returns whether it was sent.
    ///
    /// If another sender has a [claim](Sender::claim), or waits with a long message, the call waits
    /// for up to 100 ms, and then returns false.
    ///
    /// # Errors
    ///
    /// Those of [`Sender`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::options().capacity(4096).anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::options().capacity(4096).anonymous()?;
    /// let mut sender = channel.sender()?;
    /// assert!(sender.try_send(&[1; 3000])?);
    /// assert!(!sender.try_send(&[2; 3000])?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn try_send(&mut self, message: &[u8]) -> Result<bool> {
        self.send_with("try_send", message, Patience::Never)
    }

    /// Sends a message. Returns false if the channel has no space within `timeout`.
    ///
    /// If another sender has a [claim](Sender::claim), or waits with a long message, the call waits
    /// for at least 100 ms.
    ///
    /// # Errors
    ///
    /// Those of [`Sender`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::options().capacity(4096).anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::options().capacity(4096).anonymous()?;
    /// let mut sender = channel.sender()?;
    /// sender.send(&[1; 3000])?;
    /// assert!(!sender.send_timeout(&[2; 3000], Duration::from_millis(5))?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<bool> {
        self.send_with("send_timeout", message, Patience::of(timeout))
    }

    /// Sends several messages, which takes less time than as many calls. Waits while the channel is
    /// full. Returns how many were sent.
    ///
    /// Messages of other senders may come in between. But other senders wait while `messages` makes
    /// the next message, and receivers may not notice the earlier ones until then: an iterator that
    /// waits for input, or that uses the same channel, belongs in a loop of [`send`](Sender::send).
    ///
    /// # Errors
    ///
    /// Those of [`Sender`], for the first message. If a later one fails, the call returns how many
    /// were sent before it; sending the rest returns the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// let mut sender = channel.sender()?;
    /// assert_eq!(sender.send_many(["some", "lines"])?, 2);
    /// assert_eq!(channel.len()?, 2);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn send_many<M: AsRef<[u8]>>(
        &mut self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<usize> {
        let memory = self.shared.file.memory(SEND_MANY);
        let mut sent = Batch { sender: self, memory, guard: None, count: 0 };
        for message in messages {
            match sent.send(message.as_ref()) {
                Ok(()) => {}
                Err(_) if sent.count > 0 => break,
                Err(error) => return Err(error),
            }
        }
        sent.end()
    }

    /// Reserves space for a message of `len` bytes, to be written in place. Waits while the channel
    /// is full.
    ///
    /// *Until the claim ends, other senders wait.* A claim that is dropped, or whose process
    /// crashes, has no effect.
    ///
    /// # Errors
    ///
    /// Those of [`Sender`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
    /// let claim = sender.claim(5)?;
    /// claim.write_at(b"lo", 3)?;
    /// claim.write_at(b"hel", 0)?;
    /// claim.commit()?;
    ///
    /// let mut message = Vec::new();
    /// receiver.recv(&mut message)?;
    /// assert_eq!(message, b"hello");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_>> {
        let claim = self.claim_with("claim", len, Patience::Forever)?;
        Ok(claim.expect("a wait without an end ends with space"))
    }

    /// Like [`Sender::claim`], and returns `None` if the channel is full.
    ///
    /// # Errors
    ///
    /// Those of [`Sender`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::options().capacity(4096).anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::options().capacity(4096).anonymous()?;
    /// let mut sender = channel.sender()?;
    /// sender.send(&[1; 3000])?;
    /// assert!(sender.try_claim(3000)?.is_none());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn try_claim(&mut self, len: usize) -> Result<Option<Claim<'_>>> {
        self.claim_with("try_claim", len, Patience::Never)
    }

    /// Like [`Sender::try_send`], and returns false as well while another thread has the lock.
    ///
    /// For the Python package, which must not wait here.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn send_now(&mut self, message: &[u8]) -> Result<bool> {
        self.send_with("send", message, Patience::NotForLocks)
    }

    fn send_with(&self, call: &'static str, message: &[u8], patience: Patience) -> Result<bool> {
        let memory = self.shared.file.memory(call);
        let Some((guard, room)) = self.reserve(&memory, message.len(), patience)? else {
            return Ok(false);
        };
        self.copy(&memory, &room, message, 0)?;
        self.publish(&memory, &room)?;
        drop(guard);
        event_count::notify(&memory, Side::Receivers.events())?;
        Ok(true)
    }

    fn claim_with(
        &self,
        call: &'static str,
        len: usize,
        patience: Patience,
    ) -> Result<Option<Claim<'_>>> {
        let reserved = self.reserve(&self.shared.file.memory(call), len, patience)?;
        Ok(reserved.map(|(guard, room)| Claim { sender: self, guard, room, written: 0 }))
    }

    fn reserve(
        &self,
        memory: &Viewed<'_>,
        len: usize,
        patience: Patience,
    ) -> Result<Option<(MutexGuard<'_>, Room)>> {
        if !self.prepare(memory, len, patience)? {
            return Ok(None);
        }
        loop {
            let Some(guard) = self.shared.lock(Side::Senders, patience)? else { return Ok(None) };
            let full = match self.reserve_locked(memory, len)? {
                Ok(room) => return Ok(Some((guard, room))),
                Err(full) => full,
            };
            // Senders of short messages would use up the space that a long one waits for.
            let is_long = len as u64 > self.shared.ring.capacity() / 16;
            let _guard = is_long.then_some(guard);
            if !self.wait_for_space(memory, &full, patience)? {
                return Ok(None);
            }
        }
    }

    /// What comes before the first attempt to send a message. Returns false if it takes too long.
    #[inline]
    fn prepare(&self, memory: &Viewed<'_>, len: usize, patience: Patience) -> Result<bool> {
        let limit = self.shared.ring.longest();
        if len > limit {
            return Err(Error::TooLong { len: len as u64, limit: limit as u64 });
        }
        if !self.shared.ensure_joined(Side::Senders, patience)? {
            return Ok(false);
        }
        self.waiter.glance(memory, || Ok(false)).map(|()| true)
    }

    #[inline]
    fn reserve_locked(
        &self,
        memory: &Viewed<'_>,
        len: usize,
    ) -> Result<std::result::Result<Room, Full>> {
        let mut front = self.front.get();
        let room = frames::reserve(memory, &self.shared.ring, len, &mut front);
        self.front.set(front);
        room
    }

    #[cold]
    fn wait_for_space(&self, memory: &Viewed<'_>, full: &Full, patience: Patience) -> Result<bool> {
        if patience.is_none() {
            return Ok(false);
        }
        let has_space = || frames::has_space(memory, &self.shared.ring, full);
        let waited = self.waiter.wait(&self.shared, memory, patience, has_space)?;
        Ok(waited != Waited::TooLong)
    }

    #[inline]
    fn publish(&self, memory: &Viewed<'_>, room: &Room) -> Result<()> {
        frames::publish(memory, &self.shared.ring, room)?;
        self.waiter.succeeded();
        Ok(())
    }

    #[inline]
    fn copy(&self, memory: &Viewed<'_>, room: &Room, bytes: &[u8], at: usize) -> Result<()> {
        let start = room.start.wrapping_add(at as u64);
        let mut pieces = self.shared.ring.pieces(start, bytes.len());
        pieces.try_for_each(|(to, range)| memory.copy_in(&bytes[range], to))
    }
}

/// Messages that are sent under one lock, as long as there is space.
struct Batch<'a> {
    sender: &'a Sender,
    memory: Viewed<'a>,
    guard: Option<MutexGuard<'a>>,
    count: usize,
}

impl Batch<'_> {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        let (sender, len) = (self.sender, message.len());
        // In a child that `messages` has forked, the guard is its parent's.
        let is_locked = self.guard.as_ref().is_some_and(MutexGuard::is_of_this_process);
        if is_locked && len <= sender.shared.ring.longest() {
            if let Ok(room) = sender.reserve_locked(&self.memory, len)? {
                return self.publish(&room, message);
            }
        }
        self.unlock()?;
        let reserved = sender.reserve(&self.memory, len, Patience::Forever)?;
        let (guard, room) = reserved.expect("a wait without an end ends with space");
        self.guard = Some(guard);
        self.publish(&room, message)
    }

    fn publish(&mut self, room: &Room, message: &[u8]) -> Result<()> {
        self.sender.copy(&self.memory, room, message, 0)?;
        self.sender.publish(&self.memory, room)?;
        self.count += 1;
        Ok(())
    }

    fn unlock(&mut self) -> Result<()> {
        match self.guard.take() {
            Some(guard) => {
                drop(guard);
                event_count::notify(&self.memory, Side::Receivers.events())
            }
            None => Ok(()),
        }
    }

    fn end(mut self) -> Result<usize> {
        self.unlock()?;
        Ok(self.count)
    }
}

const SEND_MANY: &str = "send_many";

/// Space for a message in the channel, made by [`Sender::claim`]. *Other senders wait until it
/// ends.*
///
/// Bytes that are not written have any value: those of earlier messages.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use safemap::ipc::Channel;
///
/// # if Channel::anonymous().is_err() { return Ok(()); }
/// let channel = Channel::anonymous()?;
/// let mut sender = channel.sender()?;
/// let mut claim = sender.claim(7)?;
/// write!(claim, "{:07}", 42)?;
/// claim.commit()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a claim that is dropped sends nothing"]
pub struct Claim<'a> {
    sender: &'a Sender,
    guard: MutexGuard<'a>,
    room: Room,
    /// Where `Write` continues.
    written: usize,
}

impl Claim<'_> {
    /// Returns the length of the message in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// assert_eq!(channel.sender()?.claim(5)?.len(), 5);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.room.len
    }

    /// Returns whether the message has no bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// assert!(channel.sender()?.claim(0)?.is_empty());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes a part of the message, at `at`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] if the bytes do not lie in the message; [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// See [`Sender::claim`].
    pub fn write_at(&self, bytes: &[u8], at: usize) -> Result<()> {
        let len = self.len();
        if at > len || bytes.len() > len - at {
            let end = at.saturating_add(bytes.len());
            return Err(Error::OutOfBounds { call: "write_at", start: at, end, len });
        }
        self.write(bytes, at)
    }

    /// Sends the message.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`]; the message may have been sent then.
    ///
    /// # Examples
    ///
    /// See [`Sender::claim`].
    pub fn commit(self) -> Result<()> {
        let sender = self.sender;
        self.guard.ensure_owned("commit")?;
        let memory = sender.shared.file.memory("commit");
        sender.publish(&memory, &self.room)?;
        drop(self);
        event_count::notify(&memory, Side::Receivers.events())
    }

    fn write(&self, bytes: &[u8], at: usize) -> Result<()> {
        let memory = self.sender.shared.file.memory("write_at");
        self.sender.copy(&memory, &self.room, bytes, at)
    }
}

impl io::Write for Claim<'_> {
    /// Writes where the last call ended, as many bytes as the message has space for.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.len() - self.written);
        self.write_at(&bytes[..count], self.written)?;
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.leave(Side::Senders);
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("len", &self.len()).finish_non_exhaustive()
    }
}
