//! Words of a map that processes change atomically.

use std::{
    fmt,
    marker::PhantomData,
    sync::atomic::{Ordering, fence},
};

use crate::{
    Access, Error, Map, Result,
    access::Update,
    accessor::{HAS_UPDATES, UPDATES_PRECEDE_LOADS},
    word::{Integer, Word},
};

const NO_UPDATES: Error =
    Error::Unsupported("atomic words are not supported on this processor: no native accessors");
const PRIVATE: Error =
    Error::Unsupported("the map is private: other processes do not see what is stored in it");

/// Fails on processors without native accessors.
#[inline]
pub(super) fn ensure_processor_has_updates() -> Result<()> {
    if HAS_UPDATES { Ok(()) } else { Err(NO_UPDATES) }
}

/// A word of a map that several processes change atomically, made by [`Map::atomic`].
///
/// The methods have the names and meanings of those of [`std::sync::atomic`]. They are atomic for
/// all processes that map the memory, also through `std`'s types, and through `safemap.ipc.Atomic`
/// in Python. The byte order is that of the machine.
///
/// An ordering may be stronger than the one that is asked for: changes are always
/// [`SeqCst`](Ordering::SeqCst). An ordering that `std` does not permit, such as a load with
/// [`Release`](Ordering::Release), counts as `SeqCst`.
///
/// # Errors
///
/// All methods fail with [`Error::OutOfBounds`] if the map has become shorter, with
/// [`Error::Fault`] if the page cannot be accessed, and with [`Error::Damaged`]. After an error
/// nothing was changed. On a read-only map all methods but [`load`](Atomic::load) fail with
/// [`Error::ReadOnly`]. On a private map, such as one with [`Access::Copy`], all but `load` and
/// [`store`](Atomic::store) fail with [`Error::Unsupported`]: they would exclude no other process.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::Ordering::Relaxed;
/// use safemap::{Options, Sharing};
///
/// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
/// let counter = map.atomic::<u64>(0)?;
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| (0..1000).try_for_each(|_| counter.fetch_add(1, Relaxed).map(drop)));
///     }
/// });
/// assert_eq!(counter.load(Relaxed)?, 2000);
/// # Ok::<(), safemap::Error>(())
/// ```
pub struct Atomic<'a, T> {
    map: &'a Map,
    at: usize,
    word: PhantomData<fn(T) -> T>,
}

impl Map {
    /// Returns a handle for the word at `at`, for changes that are atomic between processes.
    ///
    /// # Errors
    ///
    /// - [`Error::OutOfBounds`] if the word does not lie in the map.
    /// - [`Error::Unaligned`] if its *address* is not a multiple of its size. A map starts at a
    ///   multiple of the page size, unless [`Options::offset`](crate::Options::offset) is not one.
    /// - [`Error::Unsupported`] on processors without native accessors.
    ///
    /// # Platforms
    ///
    /// x86-64 and aarch64 have native accessors, unless the crate was compiled with
    /// `--cfg safemap_portable`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::AcqRel;
    /// use safemap::{Error, Options, Sharing};
    ///
    /// let map = Options::new().len(64).sharing(Sharing::Shared).anonymous()?;
    /// let flags = map.atomic::<u32>(4)?;
    /// assert_eq!(flags.fetch_or(0b101, AcqRel)?, 0);
    /// assert_eq!(flags.swap(0, AcqRel)?, 0b101);
    /// assert!(matches!(map.atomic::<u32>(5), Err(Error::Unaligned { multiple: 4, .. })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn atomic<T: Word>(&self, at: usize) -> Result<Atomic<'_, T>> {
        ensure_processor_has_updates()?;
        self.span_at("atomic", at, size_of::<T>())?;
        if self.base().addr().wrapping_add(at) % size_of::<T>() != 0 {
            let (offset, multiple) = (at as u64, size_of::<T>());
            return Err(Error::Unaligned { call: "atomic", offset, multiple });
        }
        Ok(Atomic { map: self, at, word: PhantomData })
    }
}

impl<T> Clone for Atomic<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Atomic<'_, T> {}

impl<T> fmt::Debug for Atomic<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atomic").field("offset", &self.at).field("map", self.map).finish()
    }
}

impl<T: Word> Atomic<'_, T> {
    /// Loads the word. Works on every map.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Acquire;
    ///
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.atomic::<u8>(0)?.load(Acquire)?, b'[');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn load(&self, order: Ordering) -> Result<T> {
        // A sequentially consistent store that precedes this load is an update, or has a fence.
        if !UPDATES_PRECEDE_LOADS && is_sequential(order, Ordering::Acquire) {
            fence(Ordering::SeqCst);
        }
        let word = self.map.load_word("load", self.at)?;
        if order != Ordering::Relaxed {
            // Orders the load before all later accesses, as a load-acquire would.
            fence(Ordering::Acquire);
        }
        Ok(word)
    }

    /// Stores `word`.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::{Acquire, Release};
    ///
    /// let map = safemap::Options::new().len(8).anonymous()?;
    /// let word = map.atomic::<f64>(0)?;
    /// word.store(0.5, Release)?;
    /// assert_eq!(word.load(Acquire)?, 0.5);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn store(&self, word: T, order: Ordering) -> Result<()> {
        if order != Ordering::Relaxed {
            fence(Ordering::Release);
        }
        self.map.store_word("store", self.at, word)?;
        if is_sequential(order, Ordering::Release) {
            fence(Ordering::SeqCst);
        }
        Ok(())
    }

    /// Replaces the word and returns the former one.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::SeqCst;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// assert_eq!(map.atomic::<i16>(2)?.swap(-1, SeqCst)?, 0);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn swap(&self, word: T, _order: Ordering) -> Result<T> {
        self.update("swap", Update::Swap(word.into_bits()))
    }

    #[inline]
    fn update(&self, call: &'static str, update: Update) -> Result<T> {
        if !self.map.reaches_others() {
            return Err(refusal(self.map, call));
        }
        self.map.update_word(call, self.at, update)
    }
}

impl<T: Integer> Atomic<'_, T> {
    /// Replaces the word with `new` if it is `current`. Returns the former word: as `Ok` if it was
    /// replaced, otherwise as `Err`.
    ///
    /// # Errors
    ///
    /// The outer error is described at [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::{Acquire, Relaxed};
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let lock = map.atomic::<u32>(0)?;
    /// assert_eq!(lock.compare_exchange(0, 1, Acquire, Relaxed)?, Ok(0));
    /// assert_eq!(lock.compare_exchange(0, 1, Acquire, Relaxed)?, Err(1));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn compare_exchange(
        &self,
        current: T,
        new: T,
        _success: Ordering,
        _failure: Ordering,
    ) -> Result<std::result::Result<T, T>> {
        let (expected, new) = (current.into_bits(), new.into_bits());
        let former: T =
            self.update("compare_exchange", Update::CompareExchange { expected, new })?;
        Ok(if former == current { Ok(former) } else { Err(former) })
    }

    /// Adds `value`, modulo the range of the type, and returns the former word.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Relaxed;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let word = map.atomic::<u8>(0)?;
    /// word.store(250, Relaxed)?;
    /// assert_eq!((word.fetch_add(10, Relaxed)?, word.load(Relaxed)?), (250, 4));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn fetch_add(&self, value: T, _order: Ordering) -> Result<T> {
        self.update("fetch_add", Update::Add(value.into_bits()))
    }

    /// Subtracts `value`, modulo the range of the type, and returns the former word.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Relaxed;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let word = map.atomic::<i32>(0)?;
    /// word.store(1, Relaxed)?;
    /// assert_eq!((word.fetch_sub(2, Relaxed)?, word.load(Relaxed)?), (1, -1));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn fetch_sub(&self, value: T, _order: Ordering) -> Result<T> {
        self.update("fetch_sub", Update::Add(value.negated().into_bits()))
    }

    /// Replaces the word with its bitwise "and" with `value`, and returns the former one.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Relaxed;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let word = map.atomic::<u16>(0)?;
    /// word.store(0b110, Relaxed)?;
    /// assert_eq!((word.fetch_and(0b011, Relaxed)?, word.load(Relaxed)?), (0b110, 0b010));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn fetch_and(&self, value: T, _order: Ordering) -> Result<T> {
        self.fetch_map("fetch_and", |word| word.and(value))
    }

    /// Replaces the word with its bitwise "or" with `value`, and returns the former one.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Relaxed;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let word = map.atomic::<u16>(0)?;
    /// word.store(0b110, Relaxed)?;
    /// assert_eq!((word.fetch_or(0b011, Relaxed)?, word.load(Relaxed)?), (0b110, 0b111));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn fetch_or(&self, value: T, _order: Ordering) -> Result<T> {
        self.fetch_map("fetch_or", |word| word.or(value))
    }

    /// Replaces the word with its bitwise "exclusive or" with `value`, and returns the former one.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Relaxed;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let word = map.atomic::<u64>(0)?;
    /// word.store(0b110, Relaxed)?;
    /// assert_eq!((word.fetch_xor(0b011, Relaxed)?, word.load(Relaxed)?), (0b110, 0b101));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn fetch_xor(&self, value: T, _order: Ordering) -> Result<T> {
        self.fetch_map("fetch_xor", |word| word.xor(value))
    }

    /// Replaces the word with the lesser one of it and `value`, and returns the former one.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Relaxed;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let word = map.atomic::<i64>(0)?;
    /// word.store(5, Relaxed)?;
    /// assert_eq!((word.fetch_min(-3, Relaxed)?, word.load(Relaxed)?), (5, -3));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn fetch_min(&self, value: T, _order: Ordering) -> Result<T> {
        self.fetch_map("fetch_min", |word| word.min(value))
    }

    /// Replaces the word with the greater one of it and `value`, and returns the former one.
    ///
    /// # Errors
    ///
    /// See [`Atomic`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::Ordering::Relaxed;
    /// use safemap::{Options, Sharing};
    ///
    /// let map = Options::new().len(8).sharing(Sharing::Shared).anonymous()?;
    /// let word = map.atomic::<i8>(0)?;
    /// word.store(5, Relaxed)?;
    /// assert_eq!((word.fetch_max(7, Relaxed)?, word.load(Relaxed)?), (5, 7));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[inline]
    pub fn fetch_max(&self, value: T, _order: Ordering) -> Result<T> {
        self.fetch_map("fetch_max", |word| word.max(value))
    }

    /// Replaces the word with what `map` returns for it. The exchange fails if another thread comes
    /// in between, and is repeated.
    #[inline]
    fn fetch_map(&self, call: &'static str, map: impl Fn(T) -> T) -> Result<T> {
        let mut expected: T = self.map.load_word(call, self.at)?;
        loop {
            let new = map(expected).into_bits();
            let exchange = Update::CompareExchange { expected: expected.into_bits(), new };
            let former: T = self.update(call, exchange)?;
            if former == expected {
                return Ok(former);
            }
            expected = former;
        }
    }
}

/// Whether `order` is `SeqCst`, or one that the operation does not have, which counts as such.
/// `own` is the ordering that it has.
#[inline]
fn is_sequential(order: Ordering, own: Ordering) -> bool {
    order != Ordering::Relaxed && order != own
}

/// Why the changes of a map do not reach other processes.
#[cold]
fn refusal(map: &Map, call: &'static str) -> Error {
    match map.access() {
        Access::Read => Error::ReadOnly { call },
        Access::Write | Access::Copy => PRIVATE,
    }
}
