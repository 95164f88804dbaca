//! The methods of `Options` that create slices.

use std::{fs::File, path::Path};

use super::{
    FileBytes,
    copy::{Limit, Source},
    memory::{Memory, map_sealed},
};
use crate::{
    Error, Options, Result,
    sys::{self, AsFile, BorrowedFile, file_state::FileState, seals::Seals},
};

impl Options {
    /// Opens the file at `path` and returns its bytes as a slice that does not change.
    ///
    /// [`offset`](Options::offset), [`len`](Options::len) and [`copy_limit`](Options::copy_limit)
    /// apply; other settings are ignored. The file must have that many bytes. If it is cut during
    /// the call, the result is shorter. Bytes that are appended during the call are not included.
    ///
    /// # Errors
    ///
    /// - [`Error::BeyondFile`] if offset and length do not lie in the file.
    /// - [`Error::CopyLimit`] if the bytes would have to be copied, and are more than the limit.
    /// - [`Error::TooLong`] if the length does not fit into the address space.
    /// - [`Error::Os`] if the file cannot be opened or read, or there is not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let bytes = safemap::Options::new().offset(1).len(7).bytes("sample.toml")?;
    /// assert_eq!(&bytes[..], b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn bytes(&self, path: impl AsRef<Path>) -> Result<FileBytes> {
        self.bytes_of(&File::open(path).map_err(Error::os("open"))?)
    }

    /// Returns the bytes of an open file as a slice that does not change, as [`Options::bytes`]
    /// does.
    ///
    /// The position of the file does not matter. A file without offsets, such as a pipe, is read
    /// from where it is to its end, or up to the length that is set.
    ///
    /// # Errors
    ///
    /// As [`Options::bytes`]; [`Error::Os`] also if an offset is set for a file without offsets.
    ///
    /// # Platforms
    ///
    /// On Windows the call moves the position of the file.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = std::fs::File::open("sample.toml")?;
    /// let bytes = safemap::Options::new().len(9).bytes_of(&file)?;
    /// assert_eq!(&bytes[..], b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bytes_of(&self, file: impl AsFile) -> Result<FileBytes> {
        let file = sys::borrow(&file);
        // In this order: the length of a file that is sealed does not change any more.
        let seals = sys::file::seals(file);
        let state = sys::file::state(file).map_err(Error::os("bytes"))?;
        match state.len {
            // The kernel reports 0 for the files of `/proc`.
            None | Some(0) => self.bytes_to_end(file, &state),
            Some(_) => self.bytes_with_len(file, &state, seals),
        }
    }

    /// Limits the length of a copy that [`Options::bytes`] makes. By default there is no limit.
    ///
    /// With a limit of 0 the bytes must be available without a copy: the file must be a memory
    /// file that is sealed (see [`Backing::Sealed`](crate::Backing::Sealed)).
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options};
    ///
    /// let refused = Options::new().copy_limit(4).bytes("Cargo.toml").unwrap_err();
    /// assert!(matches!(refused, Error::CopyLimit { limit: 4, .. }));
    /// ```
    pub fn copy_limit(&mut self, bytes: usize) -> &mut Options {
        self.copy_limit = Some(bytes);
        self
    }

    /// `seals` are those before `state` was determined.
    fn bytes_with_len(
        &self,
        file: BorrowedFile<'_>,
        state: &FileState,
        seals: Seals,
    ) -> Result<FileBytes> {
        let len = self.map_len(Some(state))?;
        // A mapping of huge pages must be a multiple of them, and may find their pool empty.
        if seals == Seals::Complete && state.huge_page.is_none() && len > 0 {
            let (region, lead) = map_sealed(file, self.offset, len)?;
            return Ok(FileBytes::new(Memory::Sealed(region), lead, len));
        }
        let (memory, len) = self.source(file, true, seals).copy(len)?;
        Ok(FileBytes::new(memory, 0, len))
    }

    fn bytes_to_end(&self, file: BorrowedFile<'_>, state: &FileState) -> Result<FileBytes> {
        let has_offsets = self.offset > 0 || state.len.is_some() || sys::file::has_offsets(file);
        let source = self.source(file, has_offsets, Seals::Impossible);
        let (memory, len) = source.copy_to_end(self.len.unwrap_or(usize::MAX))?;
        let file_len = if len > 0 { self.offset + len as u64 } else { 0 };
        if self.len.is_some_and(|wanted| len < wanted) || file_len < self.offset {
            let len = self.len.unwrap_or(0);
            return Err(Error::BeyondFile { offset: self.offset, len, file_len });
        }
        Ok(FileBytes::new(memory, 0, len))
    }

    fn source<'a>(&self, file: BorrowedFile<'a>, has_offsets: bool, seals: Seals) -> Source<'a> {
        let reason = match seals {
            Seals::Impossible => "the file may change, because only a memory file can be sealed",
            Seals::Incomplete => {
                "the file may change, because it is not sealed against writing and shrinking"
            }
            Seals::Complete => "the file consists of huge pages",
        };
        let limit = Limit { bytes: self.copy_limit, reason };
        Source { file, offset: self.offset, has_offsets, has_length: false, limit }
    }
}
