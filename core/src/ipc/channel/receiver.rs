//! The side of a channel that receives.

use std::{cell::Cell, fmt, sync::Arc, time::Duration};

use super::{
    frames::{self, Frame},
    shared::{Shared, Waited, Waiter},
    side::Side,
};
#[cfg(any(doc, feature = "python-internals"))]
use crate::Error;
use crate::{
    Result,
    ipc::{
        MutexGuard, event_count,
        pace::Pace,
        patience::Patience,
        viewed::{Viewed, set_len},
    },
};

/// Receives messages from a [`Channel`](super::Channel).
///
/// Made by [`Channel::receiver`](super::Channel::receiver). Each message goes to one receiver.
/// While the channel is empty, [`recv`](Receiver::recv) waits, and [`try_recv`](Receiver::try_recv)
/// returns `None`. When there were senders and none is left, and no message either, they fail with
/// [`Error::Disconnected`].
///
/// # Errors
///
/// All calls fail with [`Error::Fault`] if the file was cut, [`Error::Corrupt`] if another program
/// wrote to it, and [`Error::Os`], for example if memory is short or the program has closed the
/// descriptor. The message stays in the channel then.
///
/// # Examples
///
/// See [`Channel`](super::Channel).
pub struct Receiver {
    pub(super) shared: Arc<Shared>,
    pub(super) waiter: Waiter,
    /// What was taken since senders were last notified: [`Ring::freed_by`].
    freed: Cell<u64>,
    pace: Pace,
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Receiver> {
        let waiter = Waiter::new(Side::Receivers, shared.enter(Side::Receivers)?);
        Ok(Receiver { shared, waiter, freed: Cell::new(0), pace: Pace::default() })
    }

    /// Receives a message: replaces the bytes of `message`, whose memory is used again. Waits while
    /// the channel is empty. Returns the length.
    ///
    /// A message is delivered at most once: it is lost if this process crashes before the program
    /// has used it. See [`Receiver::peek`] for the alternative.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`].
    ///
    /// # Examples
    ///
    /// See [`Channel`](super::Channel).
    pub fn recv(&mut self, message: &mut Vec<u8>) -> Result<usize> {
        let len = self.recv_with("recv", message, Patience::Forever)?;
        Ok(len.expect("a wait without an end ends with a message"))
    }

    /// Like [`Receiver::recv`], and returns `None` if the channel is empty.
    ///
    /// If another receiver holds a message that it has [peeked](Receiver::peek), the call waits for
    /// up to 100 ms.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// let (mut receiver, mut message) = (channel.receiver()?, Vec::new());
    /// assert_eq!(receiver.try_recv(&mut message)?, None);
    /// channel.sender()?.send(b"hello")?;
    /// assert_eq!(receiver.try_recv(&mut message)?, Some(5));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn try_recv(&mut self, message: &mut Vec<u8>) -> Result<Option<usize>> {
        self.recv_with("try_recv", message, Patience::Never)
    }

    /// Like [`Receiver::recv`], and returns `None` if no message comes within `timeout`.
    ///
    /// If another receiver holds a message that it has [peeked](Receiver::peek), the call waits for
    /// at least 100 ms.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// let (mut receiver, mut message) = (channel.receiver()?, Vec::new());
    /// assert_eq!(receiver.recv_timeout(&mut message, Duration::from_millis(5))?, None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn recv_timeout(
        &mut self,
        message: &mut Vec<u8>,
        timeout: Duration,
    ) -> Result<Option<usize>> {
        self.recv_with("recv_timeout", message, Patience::of(timeout))
    }

    /// Receives the messages that are there, at most `limit`, and appends them to `messages`. Waits
    /// for the first one. Returns their number.
    ///
    /// It takes less time than as many calls of [`recv`](Receiver::recv), and other receivers wait
    /// during the call. If this process crashes during the call, the messages stay in the channel.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`], for the first message. If a later one fails, the call returns those
    /// before it.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
    /// sender.send_many(["some", "lines", "more"])?;
    /// let mut messages = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut messages, 2)?, 2);
    /// assert_eq!(messages, [b"some".to_vec(), b"lines".to_vec()]);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn recv_many(&mut self, messages: &mut Vec<Vec<u8>>, limit: usize) -> Result<usize> {
        self.recv_many_with("recv_many", messages, limit, Patience::Forever)
    }

    /// Like [`Receiver::recv_many`], and returns 0 if no message comes within `timeout`.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// let (mut receiver, mut messages) = (channel.receiver()?, Vec::new());
    /// let time = Duration::from_millis(5);
    /// assert_eq!(receiver.recv_many_timeout(&mut messages, 10, time)?, 0);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn recv_many_timeout(
        &mut self,
        messages: &mut Vec<Vec<u8>>,
        limit: usize,
        timeout: Duration,
    ) -> Result<usize> {
        self.recv_many_with("recv_many_timeout", messages, limit, Patience::of(timeout))
    }

    fn recv_many_with(
        &self,
        call: &'static str,
        messages: &mut Vec<Vec<u8>>,
        limit: usize,
        patience: Patience,
    ) -> Result<usize> {
        if limit == 0 {
            return Ok(0);
        }
        let (memory, ring) = (self.shared.file.memory(call), &self.shared.ring);
        let Some((guard, mut last)) = self.find(&memory, patience)? else { return Ok(0) };
        let before = messages.len();
        self.append(&memory, &last, messages)?;
        // The next call returns the error of a later message.
        while messages.len() - before < limit {
            let Ok(Some(frame)) = frames::next(&memory, ring, &last) else { break };
            if self.append(&memory, &frame, messages).is_err() {
                break;
            }
            last = frame;
        }
        let count = messages.len() - before;
        self.take(&memory, guard, &last, count)?;
        Ok(count)
    }

    /// Returns the next message without taking it. Waits while the channel is empty.
    ///
    /// *Until the value is dropped, other receivers wait.* A message that is not
    /// [accepted](Message::accept) stays in the channel, and the next receiver gets it; also if
    /// this process crashes. So a message is delivered at least once.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// channel.sender()?.send(b"hello")?;
    /// let mut receiver = channel.receiver()?;
    /// drop(receiver.peek()?);
    ///
    /// let message = receiver.peek()?;
    /// let mut bytes = [0; 5];
    /// message.read_at(&mut bytes, 0)?;
    /// message.accept()?;
    /// assert_eq!(&bytes, b"hello");
    /// assert!(channel.is_empty()?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn peek(&mut self) -> Result<Message<'_>> {
        let message = self.peek_with("peek", Patience::Forever)?;
        Ok(message.expect("a wait without an end ends with a message"))
    }

    /// Like [`Receiver::peek`], and returns `None` if the channel is empty.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// assert!(channel.receiver()?.try_peek()?.is_none());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn try_peek(&mut self) -> Result<Option<Message<'_>>> {
        self.peek_with("try_peek", Patience::Never)
    }

    /// Like [`Receiver::peek`], and returns `None` if no message comes within `timeout`.
    ///
    /// # Errors
    ///
    /// Those of [`Receiver`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// assert!(channel.receiver()?.peek_timeout(Duration::from_millis(5))?.is_none());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn peek_timeout(&mut self, timeout: Duration) -> Result<Option<Message<'_>>> {
        self.peek_with("peek_timeout", Patience::of(timeout))
    }

    /// Like [`Receiver::try_peek`], and returns `None` as well while another thread has the lock.
    ///
    /// For the Python package, which must not wait here.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn peek_now(&mut self) -> Result<Option<Message<'_>>> {
        self.peek_with("peek", Patience::NotForLocks)
    }

    /// Like [`Receiver::try_recv`], and returns `None` as well while another thread has the lock.
    ///
    /// For the Python package, which must not wait here.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn recv_now(&mut self, message: &mut Vec<u8>) -> Result<Option<usize>> {
        self.recv_with("recv", message, Patience::NotForLocks)
    }

    fn recv_with(
        &self,
        call: &'static str,
        message: &mut Vec<u8>,
        patience: Patience,
    ) -> Result<Option<usize>> {
        let memory = self.shared.file.memory(call);
        let Some((guard, frame)) = self.find(&memory, patience)? else { return Ok(None) };
        self.copy_all(&memory, &frame, message)?;
        self.take(&memory, guard, &frame, 1)?;
        Ok(Some(frame.len))
    }

    fn peek_with(&self, call: &'static str, patience: Patience) -> Result<Option<Message<'_>>> {
        let found = self.find(&self.shared.file.memory(call), patience)?;
        Ok(found.map(|(guard, frame)| Message { receiver: self, guard, frame }))
    }

    /// Finds the next message, and locks the receivers' side.
    fn find(
        &self,
        memory: &Viewed<'_>,
        patience: Patience,
    ) -> Result<Option<(MutexGuard<'_>, Frame)>> {
        if !self.shared.ensure_joined(Side::Receivers, patience)? {
            return Ok(None);
        }
        let ring = &self.shared.ring;
        loop {
            // Without the lock: a receiver that waits does not disturb the others.
            if frames::is_empty(memory, ring)? && !self.wait(memory, patience)? {
                return Ok(None);
            }
            let Some(guard) = self.shared.lock(Side::Receivers, patience)? else { return Ok(None) };
            if let Some(frame) = frames::first(memory, ring)? {
                return Ok(Some((guard, frame)));
            }
        }
    }

    #[cold]
    fn wait(&self, memory: &Viewed<'_>, patience: Patience) -> Result<bool> {
        let has_message = || Ok(!frames::is_empty(memory, &self.shared.ring)?);
        if patience.is_none() {
            self.waiter.glance(memory, has_message)?;
            return has_message();
        }
        self.notify_senders(memory)?;
        self.pace.waits();
        let waited = self.waiter.wait(&self.shared, memory, patience, has_message)?;
        if waited == Waited::Spun && !self.shared.spin[Side::Receivers.index()].is_off() {
            self.pace.pause(patience.deadline());
        }
        Ok(waited != Waited::TooLong)
    }

    fn append(
        &self,
        memory: &Viewed<'_>,
        frame: &Frame,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<()> {
        let mut message = Vec::new();
        self.copy_all(memory, frame, &mut message)?;
        messages.push(message);
        Ok(())
    }

    /// Replaces `bytes` by those of a message.
    fn copy_all(&self, memory: &Viewed<'_>, frame: &Frame, bytes: &mut Vec<u8>) -> Result<()> {
        set_len("recv", bytes, frame.len)?;
        self.copy(memory, frame, bytes, 0)
    }

    fn copy(&self, memory: &Viewed<'_>, frame: &Frame, bytes: &mut [u8], at: usize) -> Result<()> {
        let start = frame.start.wrapping_add(at as u64);
        let mut pieces = self.shared.ring.pieces(start, bytes.len());
        pieces.try_for_each(|(from, range)| memory.copy_out(&mut bytes[range], from))
    }

    /// Takes all messages up to `last`, whose number is `messages`.
    fn take(
        &self,
        memory: &Viewed<'_>,
        guard: MutexGuard<'_>,
        last: &Frame,
        messages: usize,
    ) -> Result<()> {
        frames::take(memory, last)?;
        drop(guard);
        self.waiter.succeeded();
        self.pace.took(messages);
        let ring = &self.shared.ring;
        let freed = self.freed.get() + ring.freed_by(last.through, messages);
        self.freed.set(freed);
        // Waking senders for each message would let them send one each.
        let is_worthwhile = freed >= ring.capacity() / 4;
        if is_worthwhile { self.notify_senders(memory) } else { Ok(()) }
    }

    fn notify_senders(&self, memory: &Viewed<'_>) -> Result<()> {
        self.freed.set(0);
        event_count::notify(memory, Side::Senders.events())
    }
}

/// A message that is still in the channel, made by [`Receiver::peek`]. *Other receivers wait until
/// it is dropped.*
///
/// # Examples
///
/// See [`Receiver::peek`].
#[must_use = "a message that is not accepted stays in the channel"]
pub struct Message<'a> {
    receiver: &'a Receiver,
    guard: MutexGuard<'a>,
    frame: Frame,
}

impl Message<'_> {
    /// Returns the length of the message in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Channel;
    ///
    /// # if Channel::anonymous().is_err() { return Ok(()); }
    /// let channel = Channel::anonymous()?;
    /// channel.sender()?.send(b"hello")?;
    /// assert_eq!(channel.receiver()?.peek()?.len(), 5);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.frame.len
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
    /// channel.sender()?.send(b"")?;
    /// assert!(channel.receiver()?.peek()?.is_empty());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads bytes of the message from `at` on, as many as fit into `bytes`. Returns their
    /// number; 0 at the end of the message.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] if the file was cut.
    ///
    /// # Examples
    ///
    /// See [`Receiver::peek`].
    pub fn read_at(&self, bytes: &mut [u8], at: usize) -> Result<usize> {
        let at = at.min(self.len());
        let count = bytes.len().min(self.len() - at);
        let memory = self.receiver.shared.file.memory("read_at");
        self.receiver.copy(&memory, &self.frame, &mut bytes[..count], at)?;
        Ok(count)
    }

    /// Fills `bytes`, which need not be initialised, with the first bytes of the message.
    ///
    /// Fails with [`Error::OutOfBounds`] if the message is shorter. For the Python package.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn read_uninit(&self, bytes: &mut [std::mem::MaybeUninit<u8>]) -> Result<()> {
        let (count, len) = (bytes.len(), self.len());
        if count > len {
            return Err(Error::OutOfBounds { call: "read_uninit", start: 0, end: count, len });
        }
        let shared = &self.receiver.shared;
        for (from, range) in shared.ring.pieces(self.frame.start, count) {
            shared.file.map.read_uninit_at(&mut bytes[range], from)?;
        }
        Ok(())
    }

    /// Takes the message: it will not be delivered again.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] if the file was cut. [`Error::Os`] if another process has taken the lock
    /// over, because this one counted as crashed.
    ///
    /// # Examples
    ///
    /// See [`Receiver::peek`].
    pub fn accept(self) -> Result<()> {
        self.guard.ensure_owned("accept")?;
        let memory = self.receiver.shared.file.memory("accept");
        self.receiver.take(&memory, self.guard, &self.frame, 1)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.notify_senders(&self.shared.file.memory("receiver"));
        self.shared.leave(Side::Receivers);
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("len", &self.len()).finish_non_exhaustive()
    }
}
