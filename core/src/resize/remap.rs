//! Resizing where the system maps a file no further than its end, and does not shorten it while it
//! is mapped.
//!
//! The view of the file is replaced. No call uses the map at that time (`sys::in_use`): between the
//! two views, the addresses belong to no map, and any other code may map them. `docs/design.md`
//! explains the rules.

use std::ffi::OsStr;

use crate::{
    Error, Map, Result,
    access::RegionsGuard,
    map::region_size,
    resize::{end_of_file, growth::FileEnd},
    sys::{self, BorrowedFile, region::Region},
};

/// A change of a file's length, from `old_end` to `new_end`. The map starts at byte `offset` of the
/// file.
#[derive(Clone, Copy)]
struct Change<'a> {
    file: BorrowedFile<'a>,
    offset: u64,
    old_end: u64,
    new_end: u64,
}

impl Map {
    /// Changes the length of the map and its file. If that fails, both are unchanged.
    pub(super) fn resize_view(
        &self,
        file: BorrowedFile<'_>,
        offset: u64,
        new_len: usize,
        file_end: FileEnd,
    ) -> Result<()> {
        let new_end = end_of_file(file, offset, new_len, file_end)?;
        // Before the file is extended.
        region_size(self.memory.lead(), new_len)?;
        let mut regions = self.lock_regions();
        let _no_views = regions.exclude_views()?;
        let old_end = sys::file::status_len(file).map_err(Error::os("resize"))?;
        let change = Change { file, offset, old_end, new_end };
        match &self.name {
            None if new_end >= old_end => self.grow_view(&mut regions, &change, new_len),
            None => self.replace_view(&mut regions, &change, new_len),
            Some(name) => {
                // A section with a name has a fixed length, so the name must be free for another
                // one.
                leave_name(&mut regions, name)?;
                self.replace_view(&mut regions, &change, new_len)
            }
        }
    }

    /// Lengthens the file if it is not long enough. Maps the new view before it unmaps the old one.
    fn grow_view(
        &self,
        regions: &mut RegionsGuard<'_>,
        change: &Change<'_>,
        new_len: usize,
    ) -> Result<()> {
        if change.new_end > change.old_end {
            self.set_file_len(change.file, change.new_end).map_err(Error::os("resize"))?;
        }
        if new_len <= regions.capacity() {
            regions.set_len(new_len);
            return Ok(());
        }
        let view = self.map_view(change, new_len).inspect_err(|_| {
            // Restores the old length of the file. The first error is the one to report.
            let _ = self.replace_view(
                regions,
                &Change { new_end: change.old_end, ..*change },
                self.len(),
            );
        })?;
        regions.replace(view, new_len, 0)
    }

    /// Changes the length of the file to `change.new_end` while no view of it is mapped.
    fn replace_view(
        &self,
        regions: &mut RegionsGuard<'_>,
        change: &Change<'_>,
        new_len: usize,
    ) -> Result<()> {
        regions.unmap_and_replace(|| {
            let cut = self.set_file_len(change.file, change.new_end).map_err(Error::os("resize"));
            match cut.and_then(|()| self.map_view(change, new_len)) {
                Ok(view) => (view, new_len, Ok(())),
                Err(error) => {
                    let (view, len) = self.old_view(change);
                    (view, len, Err(error))
                }
            }
        })
    }

    /// Maps again what was mapped before, as far as the file still reaches. Returns the view and
    /// its length, 0 if the system refuses.
    fn old_view(&self, change: &Change<'_>) -> (Option<Region>, usize) {
        if change.new_end > change.old_end {
            let _ = self.set_file_len(change.file, change.old_end);
        }
        let file_len = sys::file::status_len(change.file).unwrap_or(0);
        let reach = usize::try_from(file_len.saturating_sub(change.offset)).unwrap_or(usize::MAX);
        let len = self.len().min(reach);
        self.map_view(change, len).map_or((None, 0), |view| (view, len))
    }

    /// Changes the length of memory with a name: new memory takes over the name and the bytes. If
    /// that fails, the map is unchanged but has lost its name.
    pub(super) fn resize_named_memory(&self, name: &OsStr, new_len: usize) -> Result<()> {
        let mut regions = self.lock_regions();
        let _no_views = regions.exclude_views()?;
        let lead = self.memory.lead();
        let kept = lead + self.len().min(new_len);
        let size = region_size(lead, new_len)?;
        if new_len == 0 {
            return Err(Error::Unsupported("named memory cannot be resized to 0 bytes"));
        }
        leave_name(&mut regions, name)?;
        let new = Region::named(&self.request, size, None, name).map_err(Error::os("resize"))?;
        new.commit(&self.request, size).map_err(Error::os("resize"))?;
        regions.replace(Some(new), new_len, kept)
    }

    /// Maps the first `len` bytes of the map; returns `None` if there are none.
    fn map_view(&self, change: &Change<'_>, len: usize) -> Result<Option<Region>> {
        self.map_view_of(Some((change.file, change.offset - self.memory.lead() as u64)), len)
    }

    /// Maps `len` bytes of the map, whose region starts at an offset of a file.
    pub(super) fn map_view_of(
        &self,
        file: Option<(BorrowedFile<'_>, u64)>,
        len: usize,
    ) -> Result<Option<Region>> {
        if len == 0 {
            return Ok(None);
        }
        let size = region_size(self.memory.lead(), len)?;
        let region = match &self.name {
            Some(name) => Region::named(&self.request, size, file, name),
            None => Region::new(&self.request, size, file),
        };
        region.map(Some).map_err(Error::os("resize"))
    }
}

fn leave_name(regions: &mut RegionsGuard<'_>, name: &OsStr) -> Result<()> {
    regions
        .current_mut()
        .map_or(Ok(()), |region| region.leave_name(name))
        .map_err(Error::os("resize"))
}
