//! Shared memory with a name.

use std::{ffi::OsStr, io};

use super::{Options, Source};
#[cfg(doc)]
use crate::ipc::remove_shared_memory;
use crate::{
    Access, Error, Map, Result,
    sys::{
        segment::{Creation, Segment, SegmentRequest, UNSUPPORTED},
        segments,
    },
};

impl Options {
    /// Maps the shared memory that has a name, or creates it.
    ///
    /// It exists, with its bytes, until [`remove_shared_memory`] or a restart of the system;
    /// neither the end of a process nor the end of a map removes it. The name is that of
    /// `shm_open`, with or without a slash before it. Python's
    /// `multiprocessing.shared_memory.SharedMemory` and `safemap.ipc.SharedMemory` map the same
    /// memory under the same name.
    ///
    /// The memory must exist, unless [`Options::create`] or [`Options::create_new`] is set. New
    /// memory has the length that is set, contains zeros, and can be opened by processes of the
    /// same user. The map is shared and writable unless other settings say otherwise.
    ///
    /// The bytes of a writable map are allocated now. So a full `/dev/shm` is an error of this call
    /// and not a fault later; containers often have one of 64 MiB. [`Map::resize`] allocates new
    /// bytes as well.
    ///
    /// # Errors
    ///
    /// As [`Options::map`], and:
    ///
    /// - [`Error::NoSpace`] if the file system of shared memory is full. It has the sizes.
    /// - [`Error::Os`]: `NotFound` if the memory does not exist, `AlreadyExists` if it does and
    ///   [`Options::create_new`] is set, `InvalidInput` for a name that is empty or contains a
    ///   slash, and for a map that creates and is not writable.
    ///
    /// # Platforms
    ///
    /// - Linux: a file in `/dev/shm`. A read-only map allocates nothing, nor does a file system
    ///   that cannot do it.
    /// - macOS, FreeBSD, NetBSD, OpenBSD: nothing is allocated. macOS has names of at most 31
    ///   bytes, rounds the length up to whole pages, and cannot change it.
    /// - Windows: a section of the page file ([`Options::name`]). It exists as long as a map of it.
    ///   Its length is rounded up to whole pages.
    /// - Elsewhere, as on Android: [`Error::Unsupported`]. Pass a descriptor of
    ///   [`Options::memfd`] instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Options, ipc};
    ///
    /// let name = format!("safemap-example-{}", std::process::id());
    /// let map = Options::new().create_new(true).len(100).shared_memory(&name)?;
    /// map.write_at(b"hello", 0)?;
    ///
    /// // In another process:
    /// let same = Options::new().shared_memory(&name)?;
    /// assert_eq!(same.to_vec(..5)?, b"hello");
    ///
    /// ipc::remove_shared_memory(&name)?;
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "shm_open")]
    pub fn shared_memory(&self, name: impl AsRef<OsStr>) -> Result<Map> {
        let (name, mut options) = (name.as_ref(), self.clone());
        options.access.get_or_insert(Access::Write);
        options.allocate |= segments::ALLOCATES;
        let request = options.segment_request();
        let segment = segments::open(name, &request);
        let segment = segment.map_err(|error| open_error(error, &request))?;
        options.map_segment(name, segment).inspect_err(|_| {
            if self.create_new {
                // The first error is the one to report.
                drop(segments::remove(name));
            }
        })
    }

    fn segment_request(&self) -> SegmentRequest {
        let creation = match (self.create, self.create_new) {
            (_, true) => Creation::Always,
            (true, false) => Creation::IfMissing,
            (false, false) => Creation::Never,
        };
        SegmentRequest {
            is_writable: self.access == Some(Access::Write),
            creation,
            offset: self.offset,
            len: self.len,
            extends: self.extend,
        }
    }

    fn map_segment(&mut self, name: &OsStr, segment: Segment) -> Result<Map> {
        match segment {
            Segment::File(file) => self.make(Source::Owned(file)),
            Segment::FileOfLen(file, len) => {
                self.set_segment_len(len)?;
                self.make(Source::Owned(file))
            }
            // The map opens the section again. It would be gone without this handle.
            Segment::Section(_section, len) => {
                self.set_segment_len(len)?;
                self.name = Some(name.to_owned());
                self.make(Source::Memory)
            }
        }
    }

    /// Sets the length to the rest of a segment of `file_len` bytes, if none is set.
    fn set_segment_len(&mut self, file_len: u64) -> Result<()> {
        let (offset, len) = (self.offset, self.len.unwrap_or(0));
        let rest = file_len.checked_sub(offset).filter(|&rest| len as u64 <= rest);
        let rest = rest.ok_or(Error::BeyondFile { offset, len, file_len })?;
        let rest = usize::try_from(rest).map_err(|_| Error::too_long(rest))?;
        self.len.get_or_insert(rest);
        Ok(())
    }
}

fn open_error(error: io::Error, request: &SegmentRequest) -> Error {
    match (error.kind(), segments::space()) {
        (io::ErrorKind::StorageFull, Some(space)) => Error::NoSpace {
            len: request.len.unwrap_or(0) as u64,
            file_system: space.path,
            free: space.free,
            size: space.size,
        },
        (io::ErrorKind::Unsupported, _) => Error::Unsupported(UNSUPPORTED),
        _ => Error::os("shared_memory")(error),
    }
}
