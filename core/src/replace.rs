//! Resize where a file is mapped no further than it reaches, and not cut while it is mapped: the view of it is replaced.
//!
//! Nobody is inside the map then (`sys::pin`), so that a place which for a moment is nobody's, and may be somebody else's
//! the next, is not touched. `docs/design.md` tells the rules.

use crate::{
    Error, Map, Result,
    map::Held,
    sys::{self, BorrowedFile, region::Region},
};

/// Where a map shows its file, in bytes.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: BorrowedFile<'a>,
    offset: u64,
}

impl Map {
    /// Gives the map and its file another length; on error both are as before.
    pub(crate) fn resize_view(&self, file: BorrowedFile<'_>, offset: u64, new_len: usize) -> Result<()> {
        let end = offset.checked_add(new_len as u64).filter(|&end| end <= sys::file::MAX_LEN);
        let end = end.ok_or(Error::TooLong { len: u64::MAX })?;
        let place = Place { file, offset };
        let mut held = self.held();
        let there = sys::file::status_len(file).map_err(Error::os("resize"))?;
        if end < there {
            return self.cut(&mut held, place, end, new_len);
        }
        if end > there {
            self.set_file_len(file, end).map_err(Error::os("resize"))?;
        }
        self.grow(&mut held, place, new_len).inspect_err(|_| {
            // What the file has gained it loses again; the first error is the one to tell.
            let _ = self.cut(&mut held, place, there, self.len());
        })
    }

    /// The file is long enough. The new view is there before the old one goes.
    fn grow(&self, held: &mut Held<'_>, place: Place<'_>, new_len: usize) -> Result<()> {
        if new_len <= self.room(held) {
            self.publish_len(new_len);
            return Ok(());
        }
        let view = self.view(place, new_len)?;
        let _shut = self.pins.shut();
        held.current = view;
        self.publish_base(held);
        self.publish_len(new_len);
        Ok(())
    }

    /// Makes the file end at `end`, for which no view of it may be there.
    fn cut(&self, held: &mut Held<'_>, place: Place<'_>, end: u64, new_len: usize) -> Result<()> {
        let _shut = self.pins.shut();
        held.current = None;
        let cut = self.set_file_len(place.file, end).map_err(Error::os("resize"));
        let len = if cut.is_ok() { new_len } else { self.len() };
        let view = self.view(place, len);
        self.publish_len(if view.is_ok() { len } else { 0 });
        held.current = view?;
        self.publish_base(held);
        cut
    }

    /// Maps the first `len` bytes of the map; nothing at all for none.
    fn view(&self, place: Place<'_>, len: usize) -> Result<Option<Region>> {
        if len == 0 {
            return Ok(None);
        }
        let size = len.checked_add(self.lead).filter(|&size| size <= isize::MAX as usize);
        let size = size.ok_or(Error::TooLong { len: len as u64 })?;
        let file = Some((place.file, place.offset - self.lead as u64));
        let region = match &self.name {
            Some(name) => Region::named(&self.request, size, file, name),
            None => Region::new(&self.request, size, file),
        };
        region.map(Some).map_err(Error::os("resize"))
    }
}
