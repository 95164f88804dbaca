//! Waiting until a word of a map changes, between processes.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use crate::{Error, Map, Result, Sharing, access::Sleep};

/// Why [`Map::wait`] returned.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use safemap::{Options, Sharing, ipc::Waited};
///
/// let map = Options::new().len(4).sharing(Sharing::Shared).anonymous()?;
/// assert_eq!(map.wait(0, 1, None)?, Waited::Changed);
/// assert_eq!(map.wait(0, 0, Some(Duration::from_millis(1)))?, Waited::TimedOut);
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Waited {
    /// The thread was woken: by [`Map::notify`], by a signal, or without a reason.
    Notified,
    /// The word is not the expected one.
    Changed,
    /// The time has passed.
    TimedOut,
}

impl Map {
    /// Waits until another thread or process calls [`Map::notify`] for the word at `at`, as long as
    /// the word is `expected`.
    ///
    /// The comparison and the start of the wait are one step: if the word was changed before a
    /// `notify`, the thread does not miss it. As with every futex, the call may return without a
    /// reason. So callers check the word, and wait again. A process may also be terminated between
    /// its store and its `notify`: protocols that must survive this wait with a timeout.
    ///
    /// Before the thread sleeps it spins; see [`Options::spin`](crate::Options::spin). A read-only
    /// map is sufficient.
    ///
    /// # Errors
    ///
    /// - [`Error::OutOfBounds`], and [`Error::Unaligned`] if the address is not a multiple of 4.
    /// - [`Error::Fault`] if the page cannot be accessed, for example because the file was
    ///   truncated. A thread that is already asleep is not woken by that.
    /// - [`Error::Unsupported`] if the map is private, or without native accessors.
    ///
    /// # Platforms
    ///
    /// Linux and Android: `futex`. macOS 14.4: `os_sync_wait_on_address`. FreeBSD: `_umtx_op`.
    /// OpenBSD: `futex`. Elsewhere, and on older macOS, the thread sleeps in steps from 50 µs to
    /// 5 ms and checks the word after each of them.
    ///
    /// Windows: a semaphore that is named after the file and the offset of the word, and a check
    /// after 5, 10, 20, and then every 40 ms. `notify` wakes threads of the same session and user.
    /// Other processes are noticed by the checks. Timeouts end at a tick of the system's clock
    /// (15.6 ms by default).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> safemap::Result<()> {
    /// use std::{sync::atomic::Ordering::{Acquire, Release}, thread};
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let ready = map.atomic::<u32>(0)?;
    /// thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         ready.store(1, Release)?;
    ///         map.notify(0, u32::MAX)
    ///     });
    ///     while ready.load(Acquire)? == 0 {
    ///         map.wait(0, 0, None)?;
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[doc(alias = "futex")]
    pub fn wait(&self, at: usize, expected: u32, timeout: Option<Duration>) -> Result<Waited> {
        self.ensure_seen_by_others()?;
        let word = self.atomic::<u32>(at)?;
        let has_changed = || Ok(word.load(Ordering::Acquire)? != expected);
        // A deadline beyond the clock's range is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.spin_and_sleep(at, expected, deadline, has_changed)
    }

    /// Waits while the 32 bits at `at` are `expected`, and `has_changed` returns false.
    pub(super) fn spin_and_sleep(
        &self,
        at: usize,
        expected: u32,
        deadline: Option<Instant>,
        has_changed: impl Fn() -> Result<bool>,
    ) -> Result<Waited> {
        let Some(sleeper) = self.spin.spin(deadline, &has_changed)? else {
            return Ok(Waited::Changed);
        };
        for round in 0.. {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            let waited = match self.sleep_on(at, expected, left, round)? {
                Sleep::Woken => Waited::Notified,
                Sleep::Changed => Waited::Changed,
                Sleep::TimedOut => break,
                Sleep::Elapsed if has_changed()? => Waited::Changed,
                Sleep::Elapsed => continue,
            };
            sleeper.woke();
            return Ok(waited);
        }
        Ok(if has_changed()? { Waited::Changed } else { Waited::TimedOut })
    }

    /// Wakes up to `count` threads, of any process, that [wait](Map::wait) on the word at `at`.
    /// `u32::MAX` wakes all.
    ///
    /// A read-only map is sufficient.
    ///
    /// # Errors
    ///
    /// As [`Map::wait`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(4).sharing(Sharing::Shared).anonymous()?;
    /// map.notify(0, 1)?; // no thread waits
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn notify(&self, at: usize, count: u32) -> Result<()> {
        self.ensure_seen_by_others()?;
        self.atomic::<u32>(at)?;
        if count == 0 { Ok(()) } else { self.wake(at, count) }
    }

    /// Fails if other processes do not see this memory.
    fn ensure_seen_by_others(&self) -> Result<()> {
        match self.sharing() {
            Sharing::Shared => Ok(()),
            Sharing::Private => {
                Err(Error::Unsupported("the map is private: no other process can change its words"))
            }
        }
    }
}
