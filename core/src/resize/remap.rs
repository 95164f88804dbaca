//! Resize where a file is mapped no further than it reaches, and not cut while it is mapped: the view of it is replaced.
//!
//! Nobody is inside the map then (`sys::pin`), so that a place which for a moment is nobody's, and may be somebody else's
//! the next, is not touched. `docs/design.md` tells the rules.
//!
//! # Safety
//!
//! The one unsafe block hands a kernel the bytes of two regions, whose door is shut.

#![allow(unsafe_code)]

use std::ffi::OsStr;

use crate::{
    Error, Map, Result, accessor,
    map::RegionsGuard,
    sys::{self, BorrowedFile, fault, region::Region},
};

/// The file, where the map begins in it, where it ends, and where it is to end, in bytes.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: BorrowedFile<'a>,
    offset: u64,
    there: u64,
    end: u64,
}

impl Map {
    /// Gives the map and its file another length; on error both are as before.
    pub(crate) fn resize_view(&self, file: BorrowedFile<'_>, offset: u64, new_len: usize) -> Result<()> {
        let end = offset.checked_add(new_len as u64).filter(|&end| end <= sys::file::MAX_LEN);
        let end = end.ok_or(Error::TooLong { len: u64::MAX })?;
        let mut held = self.lock_regions();
        let there = sys::file::status_len(file).map_err(Error::os("resize"))?;
        let place = Place { file, offset, there, end };
        match &self.name {
            None if end >= there => self.grow(&mut held, &place, new_len),
            None => self.exchange(&mut held, &place, new_len),
            Some(name) => {
                // What has a name is as long as it is. The name must be free for what comes.
                self.leave_name(&mut held, name)?;
                self.exchange(&mut held, &place, new_len)
            }
        }
    }

    fn leave_name(&self, held: &mut RegionsGuard<'_>, name: &OsStr) -> Result<()> {
        held.current.as_mut().map_or(Ok(()), |region| region.leave_name(name)).map_err(Error::os("resize"))
    }

    /// Makes the file longer, where it is not long enough. The new view is there before the old one goes.
    fn grow(&self, held: &mut RegionsGuard<'_>, place: &Place<'_>, new_len: usize) -> Result<()> {
        if place.end > place.there {
            self.set_file_len(place.file, place.end).map_err(Error::os("resize"))?;
        }
        if new_len <= self.room(held) {
            self.publish_len(new_len);
            return Ok(());
        }
        let view = self.view(place, new_len).inspect_err(|_| {
            // Once more with the length that it had; the first error is the one to tell.
            let _ = self.exchange(held, &Place { end: place.there, ..*place }, self.len());
        })?;
        let _shut = self.in_use.shut();
        self.install(held, view, new_len);
        Ok(())
    }

    /// Makes the file end at `place.end`, while no view of it is there.
    fn exchange(&self, held: &mut RegionsGuard<'_>, place: &Place<'_>, new_len: usize) -> Result<()> {
        let _shut = self.in_use.shut();
        held.current = None;
        let cut = self.set_file_len(place.file, place.end).map_err(Error::os("resize"));
        match cut.and_then(|()| self.view(place, new_len)) {
            Ok(view) => {
                self.install(held, view, new_len);
                Ok(())
            }
            Err(error) => {
                self.put_back(held, place);
                Err(error)
            }
        }
    }

    /// Maps again what was mapped before, as far as the file still reaches, or nothing where the system refuses.
    fn put_back(&self, held: &mut RegionsGuard<'_>, place: &Place<'_>) {
        if place.end > place.there {
            let _ = self.set_file_len(place.file, place.there);
        }
        let reach = sys::file::status_len(place.file).unwrap_or(0).saturating_sub(place.offset);
        let len = self.len().min(usize::try_from(reach).unwrap_or(usize::MAX));
        match self.view(place, len) {
            Ok(view) => self.install(held, view, len),
            Err(_) => self.install(held, None, 0),
        }
    }

    /// For whoever has shut the door.
    fn install(&self, held: &mut RegionsGuard<'_>, view: Option<Region>, len: usize) {
        held.current = view;
        self.publish_base(held);
        self.publish_len(len);
    }

    /// Gives memory with a name another length: new memory takes the name and the bytes. If there is none, or somebody takes the name
    /// at the very moment, the map stays as it is, and without a name.
    pub(crate) fn resize_named_memory(&self, name: &OsStr, new_len: usize) -> Result<()> {
        fault::ensure_ready();
        let mut held = self.lock_regions();
        let kept = self.lead + self.len().min(new_len);
        let size = sys::size::with_lead(new_len, self.lead);
        let size = size.ok_or(Error::TooLong { len: new_len as u64 })?;
        if new_len == 0 {
            return Err(Error::Unsupported("memory of no bytes with a name"));
        }
        self.leave_name(&mut held, name)?;
        let new = Region::named(&self.request, size, None, name).map_err(Error::os("resize"))?;
        new.commit(&self.request, size).map_err(Error::os("resize"))?;
        let _shut = self.in_use.shut();
        let old = self.base().wrapping_sub(self.lead);
        // SAFETY: `kept` bytes lie in both regions, which do not overlap.
        let copied = unsafe { accessor::copy(new.base().as_ptr(), old, kept) };
        if copied.fault != 0 {
            return Err(Error::Fault { offset: copied.done.saturating_sub(self.lead) });
        }
        self.install(&mut held, Some(new), new_len);
        Ok(())
    }

    /// Maps the first `len` bytes of the map; nothing at all for none.
    fn view(&self, place: &Place<'_>, len: usize) -> Result<Option<Region>> {
        if len == 0 {
            return Ok(None);
        }
        let size = sys::size::with_lead(len, self.lead);
        let size = size.ok_or(Error::TooLong { len: len as u64 })?;
        let file = Some((place.file, place.offset - self.lead as u64));
        let region = match &self.name {
            Some(name) => Region::named(&self.request, size, file, name),
            None => Region::new(&self.request, size, file),
        };
        region.map(Some).map_err(Error::os("resize"))
    }
}
