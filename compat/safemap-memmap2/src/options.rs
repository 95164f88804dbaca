//! The builder of maps.

use std::io;

use safemap::{Access, Options, Protection};

use crate::{
    MapIfSafeError, Mmap, MmapAsRawDesc, MmapMut, MmapRaw, damage,
    descriptor::{borrow, duplicate},
    immutable::{Reason, ensure_immutable},
    io_error,
    map::{Memory, read_write},
};

/// A builder of maps.
#[derive(Clone, Debug, Default)]
pub struct MmapOptions {
    offset: u64,
    len: Option<usize>,
    stack: bool,
    huge: Option<Option<u8>>,
    populate: bool,
    no_reserve_swap: bool,
}

impl MmapOptions {
    /// Creates a builder with the default settings.
    #[must_use]
    pub fn new() -> MmapOptions {
        MmapOptions::default()
    }

    /// Sets the first byte of the file to map.
    pub fn offset(&mut self, offset: u64) -> &mut Self {
        self.offset = offset;
        self
    }

    /// Sets the length of the map in bytes. By default it is that of the file.
    pub fn len(&mut self, len: usize) -> &mut Self {
        self.len = Some(len);
        self
    }

    /// Makes anonymous memory suitable for a stack (`MAP_STACK`, Linux).
    pub fn stack(&mut self) -> &mut Self {
        self.stack = true;
        self
    }

    /// Maps anonymous memory in huge pages of `2^page_bits` bytes (`MAP_HUGETLB`, Linux).
    pub fn huge(&mut self, page_bits: Option<u8>) -> &mut Self {
        self.huge = Some(page_bits);
        self
    }

    /// Makes all pages present (`MAP_POPULATE`, Linux).
    pub fn populate(&mut self) -> &mut Self {
        self.populate = true;
        self
    }

    /// Reserves no swap space (`MAP_NORESERVE`, Linux and Android).
    pub fn no_reserve_swap(&mut self) -> &mut Self {
        self.no_reserve_swap = true;
        self
    }

    /// Has no effect: on Windows, too, a map gets the protection that it requires.
    pub fn no_probe_handle(&mut self) -> &mut Self {
        self
    }

    /// Maps a file for reading.
    ///
    /// # Safety
    ///
    /// No thread and no process changes the mapped bytes of the file while a slice of them exists.
    /// A file that is cut changes bytes to zeros.
    pub unsafe fn map<T: MmapAsRawDesc>(&self, file: T) -> io::Result<Mmap> {
        self.file(Access::Write, Protection::READ, &file).map(Mmap)
    }

    /// Maps a file for reading and executing.
    ///
    /// # Safety
    ///
    /// As for [`MmapOptions::map`].
    pub unsafe fn map_exec<T: MmapAsRawDesc>(&self, file: T) -> io::Result<Mmap> {
        self.file(Access::Write, Protection::READ | Protection::EXEC, &file).map(Mmap)
    }

    /// Maps a file for reading and writing.
    ///
    /// # Safety
    ///
    /// As for [`MmapOptions::map`].
    pub unsafe fn map_mut<T: MmapAsRawDesc>(&self, file: T) -> io::Result<MmapMut> {
        self.file(Access::Write, read_write(), &file).map(MmapMut)
    }

    /// Maps a file; what is written to the map does not reach the file.
    ///
    /// # Safety
    ///
    /// As for [`MmapOptions::map`].
    pub unsafe fn map_copy<T: MmapAsRawDesc>(&self, file: T) -> io::Result<MmapMut> {
        self.file(Access::Copy, read_write(), &file).map(MmapMut)
    }

    /// Maps a file for reading; what is written after [`Mmap::make_mut`] does not reach the file.
    ///
    /// # Safety
    ///
    /// As for [`MmapOptions::map`].
    pub unsafe fn map_copy_read_only<T: MmapAsRawDesc>(&self, file: T) -> io::Result<Mmap> {
        self.file(Access::Copy, Protection::READ, &file).map(Mmap)
    }

    /// Maps a file for reading if it can never change: a memfd that is sealed against writing and
    /// shrinking, or a file with fs-verity.
    ///
    /// The map is private, because Linux before 6.7 shares no sealed file.
    pub fn map_if_safe<T: MmapAsRawDesc>(&self, file: T) -> Result<Mmap, MapIfSafeError> {
        // A duplicate, so that the file that was checked is the one that is mapped.
        let file = duplicate(&file).map_err(|error| MapIfSafeError(Reason::NotSafe(error)))?;
        ensure_immutable(&file)?;
        let map = self.options(Access::Copy, Protection::READ).map(&file);
        map.map(Memory::new).map(Mmap).map_err(|error| {
            let is_short = matches!(error, safemap::Error::BeyondFile { .. });
            let reason = if is_short { Reason::NotSafe } else { Reason::MapFailed };
            MapIfSafeError(reason(io_error(error)))
        })
    }

    /// Maps private memory without a file.
    pub fn map_anon(&self) -> io::Result<MmapMut> {
        let mut options = Options::new();
        options.len(self.len.unwrap_or(0));
        self.add_flags(&mut options);
        #[cfg(target_os = "linux")]
        if let Some(bits) = self.huge {
            use safemap::HugePage;
            let size = |bits| 1_usize.checked_shl(u32::from(bits)).map(HugePage::Size);
            let pages = bits.map_or(Some(HugePage::Default), size);
            options.huge_pages(pages.ok_or(io::ErrorKind::InvalidInput)?);
        }
        options.anonymous().map(Memory::new).map(MmapMut).map_err(io_error)
    }

    /// Maps a file for reading and writing by pointers.
    pub fn map_raw<T: MmapAsRawDesc>(&self, file: T) -> io::Result<MmapRaw> {
        self.file(Access::Write, read_write(), &file).map(MmapRaw)
    }

    /// Maps a file for reading by pointers.
    pub fn map_raw_read_only<T: MmapAsRawDesc>(&self, file: T) -> io::Result<MmapRaw> {
        self.file(Access::Write, Protection::READ, &file).map(MmapRaw)
    }

    /// Maps a file with repair. Shared maps have [`Access::Write`] also if their protection is
    /// [`Protection::READ`], so that `make_mut` leads to a map that can be flushed.
    fn file(
        &self,
        access: Access,
        protection: Protection,
        file: &impl MmapAsRawDesc,
    ) -> io::Result<Memory> {
        let mut options = self.options(access, protection);
        damage::repair(&mut options);
        options.map(borrow(file)?).map(Memory::new).map_err(io_error)
    }

    fn options(&self, access: Access, protection: Protection) -> Options {
        let mut options = Options::new();
        options.access(access).protection(protection).offset(self.offset).untracked(true);
        if let Some(len) = self.len {
            options.len(len);
        }
        self.add_flags(&mut options);
        options
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn add_flags(&self, options: &mut Options) {
        use safemap::Flags;
        // `MAP_STACK` has no effect on files.
        let flags = [
            (self.stack, Flags::STACK),
            (self.populate, Flags::POPULATE),
            (self.no_reserve_swap, Flags::NORESERVE),
        ];
        let chosen = flags.into_iter().filter(|&(is_set, _)| is_set).map(|(_, flag)| flag);
        options.flags(chosen.fold(Flags::default(), |flags, flag| flags | flag));
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn add_flags(&self, _: &mut Options) {}
}
