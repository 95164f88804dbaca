//! Resize: a longer or shorter map, while others read and write it. `docs/design.md` tells the four rules.
//!
//! # Safety
//!
//! The one unsafe block hands a kernel bytes of the current region, which [`Regions`] keeps.

#![allow(unsafe_code)]

mod remap;

use crate::{
    Access, Error, Flags, Map, Result, Sharing, accessor,
    map::{Origin, Regions},
    span::Span,
    sys::{
        self, BorrowedFile, fault,
        region::{self, Region},
    },
};

impl Map {
    /// Makes the map `new_len` bytes long.
    ///
    /// A file becomes `offset + new_len` bytes long: bytes of the file behind the map, if it showed only a part, are cut
    /// off. New bytes are zeros. Others may read and write the map meanwhile; what lies beyond the new end is
    /// [`Error::OutOfBounds`] or [`Error::Fault`] for them.
    ///
    /// On error the file and the map are as before.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::NoFile`]; [`Error::TooLong`]; [`Error::Unsupported`] for a private map of a file, whose
    /// bytes are not the file's, and for shared anonymous memory that is to grow beyond its [`capacity`](Map::capacity);
    /// [`Error::Os`] if the system has no room or the file cannot have that length.
    ///
    /// # Platforms
    ///
    /// Within the capacity growing is one `ftruncate`. Beyond it the map moves to a place that is at least twice as large,
    /// so that growing by small steps stays cheap; the address changes.
    ///
    /// Windows maps a file no further than it reaches, and does not shorten one that is mapped. There a map of a file is mapped
    /// anew when its length changes; the call waits for calls on other threads that are inside the map, and new ones
    /// wait for it. A file that is mapped elsewhere as well can grow, and is refused to shrink with the system's error. If the
    /// system should refuse to map again what it had mapped before, which nobody has seen yet, the map is empty afterwards.
    ///
    /// Memory with a [`name`](crate::Options::name) and without a reserve is made anew under its name there, and refused to change
    /// while others have it.
    #[doc(alias = "mremap")]
    #[doc(alias = "ftruncate")]
    pub fn resize(&self, new_len: usize) -> Result<()> {
        self.writable("resize")?;
        self.intact()?;
        match &self.origin {
            Origin::File { .. } if self.access() == Access::Copy || self.sharing() == Sharing::Private => {
                Err(Error::Unsupported("resizing a private map of a file"))
            }
            Origin::File { file: None, .. } => Err(Error::NoFile { call: "resize" }),
            Origin::File { file: Some(file), offset } if region::OUTGROWS_FILES => {
                self.resize_file(sys::borrow(file), *offset, new_len)
            }
            Origin::File { file: Some(file), offset } => self.resize_view(sys::borrow(file), *offset, new_len),
            Origin::Memory if self.sharing() == Sharing::Shared => match &self.name {
                Some(name) if !self.request.flags.contains(Flags::NORESERVE) => self.resize_named_memory(name, new_len),
                _ => self.resize_shared_memory(new_len),
            },
            Origin::Memory => self.resize_private_memory(new_len),
        }
    }

    /// Returns how many bytes the map can have without moving.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.room(&self.lock_regions())
    }

    pub(crate) fn room(&self, held: &Regions) -> usize {
        held.current.as_ref().map_or(0, |region| region.size() - self.lead)
    }

    /// All that can fail comes before the file is touched, and then the file before the map.
    fn resize_file(&self, file: BorrowedFile<'_>, offset: u64, new_len: usize) -> Result<()> {
        let end = offset.checked_add(new_len as u64).filter(|&end| end <= sys::file::MAX_LEN);
        let end = end.ok_or(Error::TooLong { len: u64::MAX })?;
        let mut held = self.lock_regions();
        let larger = self.larger_region(&mut held, new_len, Some((file, offset - self.lead as u64)))?;
        let old_len = self.len();
        // Nobody may begin beyond the new end while the file is cut there.
        self.publish_len(new_len.min(old_len));
        if let Err(error) = self.set_file_len(file, end) {
            self.publish_len(old_len);
            return Err(Error::os("resize")(error));
        }
        if let Some(region) = larger {
            self.move_to(&mut held, region);
        }
        self.publish_len(new_len);
        Ok(())
    }

    pub(crate) fn set_file_len(&self, file: BorrowedFile<'_>, len: u64) -> std::io::Result<()> {
        match self.allocate {
            true => sys::file::set_len_allocated(file, len),
            false => sys::file::set_len(file, len),
        }
    }

    fn resize_shared_memory(&self, new_len: usize) -> Result<()> {
        let held = self.lock_regions();
        if new_len > self.room(&held) {
            return Err(Error::Unsupported("growing shared anonymous memory beyond its reserve"));
        }
        self.commit(held.current.as_ref(), new_len)?;
        // Nothing is wiped: the bytes behind the end belong to other processes too.
        self.publish_len(new_len);
        Ok(())
    }

    fn resize_private_memory(&self, new_len: usize) -> Result<()> {
        fault::ensure_ready();
        let mut held = self.lock_regions();
        let old_len = self.len();
        if new_len < old_len {
            self.publish_len(new_len);
            held.dirty = held.dirty.max(old_len);
            // This gives memory back. If it fails it is tried again, and must succeed, before the bytes show once more.
            let _ = self.wipe(&mut held, new_len);
            return Ok(());
        }
        self.wipe(&mut held, old_len)?;
        let larger = self.larger_region(&mut held, new_len, None)?;
        self.commit(larger.as_ref().or(held.current.as_ref()), new_len)?;
        if let Some(region) = larger {
            if let Some(old) = &held.current {
                // From now on the old memory is there and forbidden, for good in the end.
                fault::ensure_first_for_protection();
                region.take_over(old, old_len, &self.request).map_err(Error::os("resize"))?;
            }
            self.move_to(&mut held, region);
        }
        self.publish_len(new_len);
        Ok(())
    }

    /// A region for `new_len` bytes, where the present one is too small; with room to grow if the system has it.
    fn larger_region(
        &self,
        held: &mut Regions,
        new_len: usize,
        file: Option<(BorrowedFile<'_>, u64)>,
    ) -> Result<Option<Region>> {
        let room = self.room(held);
        if new_len <= room {
            return Ok(None);
        }
        // Room for the old region in the list, so that nothing can fail once the new one is in use.
        held.left.try_reserve(1).map_err(|error| Error::os("resize")(error.into()))?;
        let size = sys::size::with_lead(new_len, self.lead);
        let size = size.ok_or(Error::TooLong { len: new_len as u64 })?;
        let ample = size.max(room.saturating_mul(2)).min(isize::MAX as usize);
        let region = match self.request.spacious() {
            Some(request) => Region::new(&request, ample, file).or_else(|_| Region::new(&self.request, size, file)),
            None => Region::new(&self.request, size, file),
        };
        let mut region = region.map_err(Error::os("resize"))?;
        self.watch(&mut region).map_err(Error::os("resize"))?;
        Ok(Some(region))
    }

    fn commit(&self, region: Option<&Region>, len: usize) -> Result<()> {
        region.map_or(Ok(()), |region| region.commit(&self.request, self.lead + len)).map_err(Error::os("resize"))
    }

    fn move_to(&self, held: &mut Regions, region: Region) {
        if let Some(old) = held.current.replace(region) {
            self.publish_base(held);
            old.forget_pages();
            held.left.push(old);
        } else {
            self.publish_base(held);
        }
    }

    /// Makes zeros of what earlier, longer lives of the map left between `from` and the end of its region.
    fn wipe(&self, held: &mut Regions, from: usize) -> Result<()> {
        let Some(count) = held.dirty.checked_sub(from).filter(|&count| count > 0) else { return Ok(()) };
        let span = Span::within("resize", self.room(held), from, count)?;
        fault::ensure_ready();
        let dropped = self.drop_pages(span);
        let until = if dropped { span.end().min(self.page_end(from)) } else { span.end() };
        // SAFETY: `from..until` lies in the region, which `held` keeps.
        let outcome = unsafe { accessor::fill(self.base().wrapping_add(from), 0, until - from) };
        if outcome.fault != 0 {
            return Err(Error::Fault { offset: from + outcome.done });
        }
        held.dirty = from;
        Ok(())
    }

    /// Gives all whole pages of `span` back, the last one included.
    fn drop_pages(&self, span: Span) -> bool {
        let from = self.page_end(span.start());
        let Some(count) = span.end().checked_sub(from).filter(|&count| count > 0) else { return true };
        let Ok(span) = Span::within("resize", span.end(), from, count) else { return false };
        self.whole_pages(span).is_some_and(|pages| pages.renew(&self.request).is_ok())
    }

    /// The start of the first whole page at `at` or behind it.
    fn page_end(&self, at: usize) -> usize {
        at.next_multiple_of(self.request.page)
    }
}
