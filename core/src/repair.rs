//! Repair: maps whose memory is lent to code that cannot take a fault.

use std::{io, sync::Arc};

use crate::{
    Error, Map, Result,
    map::Origin,
    sys::{self, region::Region, repair::Mark},
};

impl Map {
    /// Returns the lowest offset at which foreign code met zeros in the place of bytes that could not be had.
    ///
    /// Always `None` for maps made without [`Options::repair`](crate::Options::repair).
    #[must_use]
    pub fn damage(&self) -> Option<usize> {
        self.mark.as_ref().and_then(|mark| mark.first())
    }

    /// Maps the file again where zeros were put in its place, so that the map is whole. What foreign code wrote to the zeros
    /// is lost.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] while the file does not reach over the whole map; [`Error::NoFile`] if the map was made
    /// [`untracked`](crate::Options::untracked); [`Error::Os`] if the system refuses. The map stays damaged.
    pub fn restore(&self) -> Result<()> {
        let (Some(mark), Some(_)) = (&self.mark, self.damage()) else { return Ok(()) };
        let Origin::File { file: Some(file), offset } = &self.origin else {
            return Err(Error::NoFile { call: "restore" });
        };
        let file = sys::borrow(file);
        let held = self.lock_regions();
        let there = sys::file::state(file).map_err(Error::os("restore"))?.len.unwrap_or(u64::MAX);
        let missing = (self.len() as u64).checked_sub(there.saturating_sub(*offset)).filter(|&bytes| bytes > 0);
        if let Some(missing) = missing {
            return Err(Error::Fault { offset: self.len() - missing as usize });
        }
        // Before the pages: damage that comes meanwhile must not be forgotten.
        mark.clear();
        let regions = held.left.iter().chain(&held.current);
        let start = offset - self.lead as u64;
        let restored = regions.map(|region| region.restore(file, start)).fold(Ok(()), io::Result::and);
        restored.map_err(|error| {
            mark.spoil();
            Error::os("restore")(error)
        })
    }

    /// Has the map's pages replaced where foreign code cannot get them.
    pub(crate) fn watched(mut self) -> Result<Map> {
        if !sys::repair::POSSIBLE {
            return Err(Error::Unsupported("repair is not supported on this platform"));
        }
        if self.is_anonymous() {
            return Err(Error::Unsupported("repair is not supported for anonymous memory"));
        }
        self.mark = Some(Arc::new(Mark::new()));
        let mut held = self.lock_regions();
        let watched = held.current.as_mut().map_or(Ok(()), |region| self.watch(region));
        drop(held);
        watched.map(|()| self).map_err(Error::os("map"))
    }

    pub(crate) fn watch(&self, region: &mut Region) -> io::Result<()> {
        match &self.mark {
            Some(mark) => region.watch(&self.request, self.lead, Arc::clone(mark)),
            None => Ok(()),
        }
    }

    /// Refuses to go on with a damaged map.
    #[inline]
    pub(crate) fn intact(&self) -> Result<()> {
        match &self.mark {
            None => Ok(()),
            Some(mark) => mark.first().map_or(Ok(()), |offset| Err(Error::Damaged { offset })),
        }
    }
}
