//! Memory files that are written through a map and then sealed.

use std::{
    ffi::{CString, OsStr},
    io, mem,
};

use super::{FileBytes, memory::Memory as Bytes};
use crate::{
    Access, Error, Map, Options, Result,
    access::Memory,
    map::Origin,
    options::Source,
    sys::{self, BorrowedFile, region::Region, seals::Seals},
};

impl Options {
    /// Creates a file in memory and maps it. [`Map::seal`] makes a slice of it, without a copy.
    ///
    /// The file has no path, and exists as long as a map or a descriptor of it. `name` appears in
    /// `/proc`, and has at most 249 bytes on Linux; several files may have the same. The map is
    /// shared and writable unless other settings say otherwise. It has the length that is set, by
    /// default 0, and [`Map::resize`] changes it.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] on other platforms; otherwise as [`Options::map`].
    ///
    /// # Platforms
    ///
    /// Linux, and FreeBSD 13.
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// let map = safemap::Options::new().len(3).memfd("table")?;
    /// map.write_at(b"abc", 0)?;
    /// map.resize(5)?;
    /// let bytes = map.seal().map_err(|(error, _map)| error)?;
    /// assert_eq!(&bytes[..], b"abc\0\0");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "memfd_create")]
    pub fn memfd(&self, name: impl AsRef<OsStr>) -> Result<Map> {
        let name = CString::new(name.as_ref().as_encoded_bytes());
        let name = name.map_err(|error| Error::os("memfd")(error.into()))?;
        let file = sys::file::create_memory_file(&name).map_err(memfd_error)?;
        let len = self.offset.checked_add(self.len.unwrap_or(0) as u64);
        let len = len.ok_or(Error::too_long(u64::MAX))?;
        sys::file::set_len(sys::borrow(&file), len).map_err(Error::os("memfd"))?;
        let mut options = self.clone();
        options.len = None;
        options.access.get_or_insert(Access::Write);
        options.make(Source::Owned(file))
    }
}

pub(crate) fn memfd_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::Unsupported => {
            Error::Unsupported("memory files are not supported on this platform")
        }
        _ => Error::os("memfd")(error),
    }
}

impl Map {
    /// Forbids for ever that the file of this map changes, and returns its bytes as a slice.
    ///
    /// The file must be one that can be sealed: [`Options::memfd`] makes such files. It may be open
    /// in other processes, and they may map it for reading from then on. No bytes are copied. If
    /// another process has shortened the file before, the slice is shorter than the map.
    ///
    /// # Errors
    ///
    /// The error and the map, as it was before, but with the protection that it was made with, and
    /// with pages that are not locked.
    ///
    /// - [`Error::Os`] (`EBUSY`) if another map of the file exists that is shared and writable, in
    ///   this process, in another one or in a forked child, or a shared read-only one whose
    ///   descriptor is open for writing; if the kernel is writing to its pages, or they are in a
    ///   pipe (`splice`, `vmsplice`).
    /// - [`Error::Os`] (`EPERM`) if the file has the seal against further seals, or the descriptor
    ///   is not open for writing.
    /// - [`Error::Unsupported`] if the file cannot be sealed or consists of huge pages, and for
    ///   private maps and maps with [`Options::repair`].
    /// - [`Error::NoFile`] for an [`untracked`](Options::untracked) map.
    ///
    /// Should the kernel refuse to map again what was mapped before, for lack of memory, the map is
    /// empty.
    ///
    /// # Platforms
    ///
    /// Linux, and FreeBSD 13.
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(target_os = "linux") { return Ok(()); }
    /// use safemap::{Backing, Options};
    ///
    /// let map = Options::new().len(3).memfd("table")?;
    /// map.write_at(b"abc", 0)?;
    /// match map.seal() {
    ///     Ok(bytes) => assert_eq!((&bytes[..], bytes.backing()), (&b"abc"[..], Backing::Sealed)),
    ///     Err((error, map)) => println!("{error}; the map has {} bytes", map.len()),
    /// }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[allow(clippy::result_large_err)] // The caller keeps the map.
    pub fn seal(mut self) -> Result<FileBytes, (Error, Map)> {
        match self.try_seal() {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err((error, self)),
        }
    }

    fn try_seal(&mut self) -> Result<FileBytes> {
        let (file, offset) = self.sealable()?;
        let file = file.try_clone_to_owned().map_err(Error::os("seal"))?;
        let (file, lead, len) = (sys::borrow(&file), self.memory.lead(), self.len());
        let start = offset - lead as u64;
        // The map is empty in between. Regions that it has left are unmapped.
        let memory = mem::replace(&mut self.memory, Memory::new(None, lead, 0));
        let Some(region) = memory.into_current() else {
            seal_file(file).map_err(Error::os("seal"))?;
            return Ok(FileBytes::new(Bytes::Heap(Vec::new()), 0, 0));
        };
        match seal_region(region, file, start) {
            Ok(region) => {
                let file_len = sys::file::status_len(file).map_err(Error::os("seal"))?;
                let reach = usize::try_from(file_len.saturating_sub(offset)).unwrap_or(usize::MAX);
                Ok(FileBytes::new(Bytes::Sealed(region), lead, len.min(reach)))
            }
            Err((error, region)) => {
                let len = if region.is_some() { len } else { 0 };
                self.memory = Memory::new(region, lead, len);
                Err(Error::os("seal")(error))
            }
        }
    }

    /// Returns the file of a map that can be sealed, and the offset of the map.
    fn sealable(&self) -> Result<(BorrowedFile<'_>, u64)> {
        self.ensure_intact()?;
        self.ensure_inherited()?;
        let (file, offset) = match &self.origin {
            Origin::Memory => return Err(UNSEALABLE),
            Origin::File { file: None, .. } => return Err(Error::NoFile { call: "seal" }),
            Origin::File { file: Some(file), offset } => (sys::borrow(file), *offset),
        };
        match sys::file::seals(file) {
            Seals::Impossible => Err(UNSEALABLE),
            _ if !self.request.flags.is_shared() => {
                Err(Error::Unsupported("a private map cannot be sealed"))
            }
            _ if self.request.page != sys::page_size() => {
                Err(Error::Unsupported("a map of huge pages cannot be sealed"))
            }
            _ if self.mark.is_some() => {
                Err(Error::Unsupported("a map with repair cannot be sealed"))
            }
            _ => Ok((file, offset)),
        }
    }
}

const UNSEALABLE: Error =
    Error::Unsupported("only a memory file can be sealed; Options::memfd makes one");

/// Replaces the mapping of a region by a private one for reading, and seals the file. Nothing can
/// fail after the seal. On failure returns the region as it was, if the kernel maps it again.
fn seal_region(
    mut region: Region,
    file: BorrowedFile<'_>,
    start: u64,
) -> Result<Region, (io::Error, Option<Region>)> {
    if let Err(error) = region.show_for_reading(file, start) {
        return Err((error, region.elsewhere(file, start)));
    }
    let Err(error) = seal_file(file) else { return Ok(region) };
    match region.show_again(file, start) {
        Ok(()) => Err((error, Some(region))),
        Err(_) => Err((error, region.elsewhere(file, start))),
    }
}

fn seal_file(file: BorrowedFile<'_>) -> io::Result<()> {
    // A file that has these seals may have the one against further seals, too.
    if sys::file::seals(file) == Seals::Complete { Ok(()) } else { sys::file::seal(file) }
}
