//! Finding and repairing damage in maps whose memory external code accesses.

use std::{
    io,
    ops::{Range, RangeBounds},
    sync::Arc,
};

use crate::{
    Damage, Error, Map, Result,
    access::Span,
    map::Origin,
    mode::Stores,
    sys::{
        self,
        region::Region,
        repair::{Mark, Reaction},
    },
};

/// Returns how many faults of external code were repaired in this process: each is an access to a
/// page of a map with [`Options::repair`](crate::Options::repair) that could not be read or
/// written, and was replaced by zeros.
///
/// If the number is the same after a computation as before it, no access of the computation was
/// repaired. A fault is counted before its page is replaced. A forked child starts with the number
/// of its parent. If a process contains several copies of this crate, each counts the faults of the
/// maps that it has made.
///
/// # Examples
///
/// ```
/// let map = safemap::Options::new().offset(1).repair(true).open("Cargo.toml");
/// let before = safemap::damages();
/// // Code that accesses the memory of the map directly.
/// assert_eq!(safemap::damages(), before);
/// ```
#[must_use]
pub fn damages() -> usize {
    sys::repair::damages()
}

impl Map {
    /// Returns the lowest offset at which external code has accessed zeros in place of bytes that
    /// could not be read, since the map was last intact.
    ///
    /// Always `None` for maps made without [`Options::repair`](crate::Options::repair).
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.damage(), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn damage(&self) -> Option<usize> {
        let first = self.mark.as_ref().and_then(|mark| mark.first())?;
        self.end_of_transactions().is_none().then_some(first)
    }

    /// Returns the fault that damaged the map: the first one since it was last intact.
    ///
    /// Its offset may be greater than that of [`Map::damage`], which is the lowest.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.first_damage(), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn first_damage(&self) -> Option<Damage> {
        let (number, offset) = self.mark.as_ref()?.first_fault()?;
        Some(Damage { map: self.base().addr(), offset, number })
    }

    /// Returns the lowest offset in `range` at which zeros have replaced bytes since the map was
    /// last intact.
    ///
    /// Whole pages are replaced, so this may be a byte that was not accessed itself. Bytes of
    /// `range` behind the end of the map are ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.damage_in(10..20), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn damage_in(&self, range: impl RangeBounds<usize>) -> Option<usize> {
        self.damage()?;
        let (start, end) = Span::bounds(range);
        let end = end.unwrap_or(usize::MAX).min(self.len());
        if start >= end { None } else { self.first_replaced(start..end) }
    }

    fn first_replaced(&self, range: Range<usize>) -> Option<usize> {
        let lead = self.memory.lead();
        let range = range.start + lead..range.end + lead;
        let regions = self.lock_regions();
        let first = regions.all().filter_map(|region| region.first_replaced(range.clone())).min();
        first.map(|first| first - lead)
    }

    /// Maps the file again where its pages were replaced by zeros, so that the map is intact. What
    /// external code has written to the zeros is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] while the file is shorter than the map; [`Error::NoFile`] if the map was
    /// made [`untracked`](crate::Options::untracked); [`Error::Os`] if the system refuses;
    /// [`Error::Damaged`] if the file was cut again during the call, and external code has accessed
    /// the missing part. The map stays damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// map.restore()?; // Does nothing, as the map is intact.
    /// assert_eq!(map.damage(), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn restore(&self) -> Result<()> {
        let Some(mark) = &self.mark else { return Ok(()) };
        self.ensure_usable()?;
        if mark.first_after_repair().is_none() {
            return Ok(());
        }
        let Origin::File { file: Some(file), offset } = &self.origin else {
            return Err(Error::NoFile { call: "restore" });
        };
        self.ensure_inherited()?;
        let file = sys::borrow(file);
        let regions = self.lock_regions();
        let file_len =
            sys::file::state(file).map_err(Error::os("restore"))?.len.unwrap_or(u64::MAX);
        let missing = (self.len() as u64)
            .checked_sub(file_len.saturating_sub(*offset))
            .filter(|&bytes| bytes > 0);
        if let Some(missing) = missing {
            return Err(Error::Fault { offset: self.len() - missing as usize });
        }
        let start = offset - self.memory.lead() as u64;
        let restored =
            regions.all().map(|region| region.restore(file, start)).fold(Ok(()), io::Result::and);
        mark.clear_if(|| regions.all().all(Region::is_intact));
        restored.map_err(Error::os("restore"))?;
        // Set if external code has accessed missing pages during the call.
        self.ensure_intact()
    }

    /// Registers the map for repair: the fault handler replaces pages that external code cannot
    /// access, and does what `reaction` says when the map becomes damaged.
    pub(crate) fn start_repair(&mut self, reaction: Reaction) -> Result<()> {
        if !sys::repair::POSSIBLE {
            return Err(Error::Unsupported("repair is not supported on this platform"));
        }
        if self.is_anonymous() {
            return Err(Error::Unsupported("repair is not supported for anonymous memory"));
        }
        self.mark = Some(Arc::new(Mark::new(reaction)));
        let mut regions = self.lock_regions();
        let watched = regions.current_mut().map_or(Ok(()), |region| self.watch(region));
        watched.map_err(Error::os("map"))
    }

    /// Registers a region of the map for repair, if the map was made with it.
    pub(crate) fn watch(&self, region: &mut Region) -> io::Result<()> {
        match self.mark.as_ref().filter(|_| self.stores != Stores::Noted) {
            Some(mark) => region.watch(&self.request, self.memory.lead(), Arc::clone(mark)),
            None => Ok(()),
        }
    }

    /// Fails with [`Error::Damaged`] if the map is damaged.
    #[inline]
    pub(crate) fn ensure_intact(&self) -> Result<()> {
        if self.is_intact() { Ok(()) } else { Err(self.unusable()) }
    }

    /// Fails for a transactional map in a forked child, also in one that has not noticed it, and in
    /// doubt.
    pub(crate) fn ensure_usable(&self) -> Result<()> {
        self.end_of_transactions().map_or(Ok(()), Err)
    }

    /// Whether calls may access the memory: the map is not damaged, nor in doubt, nor that of a
    /// parent process.
    #[inline]
    pub(crate) fn is_intact(&self) -> bool {
        self.mark.as_ref().is_none_or(|mark| mark.first().is_none())
    }

    /// The error of a map whose mark is set.
    #[cold]
    #[inline(never)]
    fn unusable(&self) -> Error {
        let first = self.mark.as_ref().and_then(|mark| mark.first());
        let damaged = Error::Damaged { offset: first.unwrap_or(0) };
        self.end_of_transactions().unwrap_or(damaged)
    }
}
