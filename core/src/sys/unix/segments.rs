//! Shared memory with a name (`shm_open`). On Linux it is a file of the file system `/dev/shm`.

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use super::file::{regular_len, set_len, status_len};
use crate::sys::segment::{Creation, Segment, SegmentRequest};

pub(crate) use system::{names, remove, space};

/// Only the user of the process may open the segment, as with Python's `multiprocessing`.
#[cfg_attr(target_os = "android", allow(dead_code))]
const MODE: u32 = 0o600;

/// Whether the memory of a segment is allocated as that of a file.
pub(crate) const ALLOCATES: bool = cfg!(target_os = "linux");

/// Opens or creates a segment, and allocates the bytes that are to be mapped.
pub(crate) fn open(name: &OsStr, request: &SegmentRequest) -> io::Result<Segment> {
    if request.creation == Creation::Always {
        if let Some(file) = system::create_complete(name, request)? {
            return segment(file);
        }
    }
    let file = system::open(name, request)?;
    let complete = prepare(file.as_fd(), request).and_then(|()| segment(file));
    if complete.is_err() && request.creation == Creation::Always {
        // The first error is the one to report.
        drop(remove(name));
    }
    complete
}

/// Makes the segment as long as the request demands, and allocates its memory.
fn prepare(file: BorrowedFd<'_>, request: &SegmentRequest) -> io::Result<()> {
    if !request.is_writable {
        return Ok(());
    }
    let len = status_len(file)?;
    let end = request.len.map_or(Some(len), |len| request.offset.checked_add(len as u64));
    let end = end.ok_or_else(|| io::Error::from_raw_os_error(libc::EFBIG))?;
    let extends = request.extends || (len == 0 && request.creation != Creation::Never);
    // Before the length changes: other processes find no segment with memory that is missing.
    system::allocate(file, request.offset, if extends { end } else { end.min(len) })?;
    // macOS refuses a second ftruncate.
    if extends && len < end { set_len(file, end) } else { Ok(()) }
}

fn segment(file: OwnedFd) -> io::Result<Segment> {
    Ok(match regular_len(file.as_fd())? {
        Some(_) => Segment::File(file),
        None => {
            let len = status_len(file.as_fd())?;
            Segment::FileOfLen(file, len)
        }
    })
}

/// Linux: what glibc and musl do, without `librt`, which old versions of glibc require.
#[cfg(target_os = "linux")]
mod system {
    use std::{
        ffi::{CString, OsStr, OsString},
        fs::{self, OpenOptions},
        io,
        mem::MaybeUninit,
        os::{
            fd::{AsFd, BorrowedFd, OwnedFd},
            unix::{ffi::OsStrExt, fs::OpenOptionsExt},
        },
        path::{Path, PathBuf},
    };

    use super::{Creation, MODE, SegmentRequest, prepare, status_len};
    use crate::sys::{
        segment::SegmentSpace,
        unix::{
            check,
            file::{allocate_range, allocated_len},
            folder::give_name,
        },
    };

    const FOLDER: &str = "/dev/shm";

    /// What glibc prepends to the name of a semaphore (`sem_open`).
    const SEMAPHORE: &[u8] = b"sem.";

    pub(super) fn open(name: &OsStr, request: &SegmentRequest) -> io::Result<OwnedFd> {
        OpenOptions::new()
            .read(true)
            .write(request.is_writable)
            .create(request.creation == Creation::IfMissing)
            .create_new(request.creation == Creation::Always)
            .mode(MODE)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path(name)?)
            .map(OwnedFd::from)
            .map_err(without_directories)
    }

    /// Creates a segment that has its length and its memory before it has its name: no process
    /// finds an incomplete one, and a creator that is killed leaves none. Returns `None` where the
    /// system cannot do that, as without `/proc`.
    pub(super) fn create_complete(
        name: &OsStr,
        request: &SegmentRequest,
    ) -> io::Result<Option<OwnedFd>> {
        let path = path(name)?;
        if fs::symlink_metadata(&path).is_ok() {
            // Not to allocate memory in vain.
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(MODE).custom_flags(libc::O_TMPFILE);
        let Ok(file) = options.open(FOLDER).map(OwnedFd::from) else { return Ok(None) };
        prepare(file.as_fd(), request)?;
        let name = CString::new(path.as_os_str().as_bytes())?;
        match give_name(file.as_fd(), libc::AT_FDCWD, &name) {
            Ok(()) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Makes that the name has no segment.
    pub(crate) fn remove(name: &OsStr) -> io::Result<()> {
        fs::remove_file(path(name)?).map_err(without_directories)
    }

    /// Returns the names of all segments, those of other users and libraries included.
    pub(crate) fn names() -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(FOLDER)? {
            let entry = entry?;
            let name = entry.file_name();
            // A file may be gone since.
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && !name.as_bytes().starts_with(SEMAPHORE) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Allocates the bytes `start..end`, so that no access to them can fail for lack of memory.
    pub(super) fn allocate(file: BorrowedFd<'_>, start: u64, end: u64) -> io::Result<()> {
        let allocated = allocated_len(file)?;
        if allocated >= end.max(status_len(file)?) {
            return Ok(());
        }
        // Not to take all memory before the last piece fails.
        let missing = end.saturating_sub(start).saturating_sub(allocated);
        if space().is_some_and(|space| space.size > 0 && space.free < missing) {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        allocate_range(file, start..end)
    }

    /// Returns the sizes of the file system; a size of 0 means that it has no limit.
    pub(crate) fn space() -> Option<SegmentSpace> {
        let mut status = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path is a C string, and `status` has the type that statvfs fills.
        check(unsafe { libc::statvfs(c"/dev/shm".as_ptr(), status.as_mut_ptr()) }).ok()?;
        // SAFETY: statvfs succeeded and so filled it.
        let status = unsafe { status.assume_init() };
        #[allow(clippy::useless_conversion)] // The types differ between processors.
        let (unit, size) = (u64::from(status.f_frsize), u64::from(status.f_blocks));
        #[allow(clippy::useless_conversion)] // As above.
        let free = u64::from(status.f_bavail);
        let bytes = |blocks: u64| blocks.saturating_mul(unit);
        Some(SegmentSpace { path: FOLDER, size: bytes(size), free: bytes(free) })
    }

    /// Returns the path of a segment. As in the C library, slashes before the name have no meaning.
    fn path(name: &OsStr) -> io::Result<PathBuf> {
        let bytes = name.as_bytes();
        let start = bytes.iter().position(|&byte| byte != b'/').unwrap_or(bytes.len());
        match &bytes[start..] {
            b"" | b"." | b".." => Err(io::Error::from_raw_os_error(libc::EINVAL)),
            name if name.contains(&b'/') => Err(io::Error::from_raw_os_error(libc::EINVAL)),
            name => Ok(Path::new(FOLDER).join(OsStr::from_bytes(name))),
        }
    }

    /// glibc reports a directory as a name that is not valid.
    fn without_directories(error: io::Error) -> io::Error {
        match error.raw_os_error() {
            Some(libc::EISDIR) => io::Error::from_raw_os_error(libc::EINVAL),
            _ => error,
        }
    }
}

/// Segments that are not in a file system, or in one whose place the C library knows.
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
mod system {
    use std::{
        ffi::{CString, OsStr, OsString},
        io,
        os::{
            fd::{BorrowedFd, FromRawFd, OwnedFd},
            unix::ffi::OsStrExt,
        },
    };

    use super::{Creation, MODE, SegmentRequest};
    use crate::sys::{segment::SegmentSpace, unix::check};

    // Variadic on macOS: a `mode_t` is passed as an `int`.
    #[cfg(target_vendor = "apple")]
    const MODE_ARGUMENT: libc::c_uint = MODE;
    #[cfg(not(target_vendor = "apple"))]
    const MODE_ARGUMENT: libc::mode_t = MODE as libc::mode_t;

    pub(super) fn open(name: &OsStr, request: &SegmentRequest) -> io::Result<OwnedFd> {
        let access = if request.is_writable { libc::O_RDWR } else { libc::O_RDONLY };
        let creation = match request.creation {
            Creation::Never => 0,
            Creation::IfMissing => libc::O_CREAT,
            Creation::Always => libc::O_CREAT | libc::O_EXCL,
        };
        let name = c_name(name)?;
        // shm_open(2): the descriptor is close-on-exec.
        // SAFETY: the name is a C string.
        match unsafe { libc::shm_open(name.as_ptr(), access | creation, MODE_ARGUMENT) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: the descriptor is new.
            file => Ok(unsafe { OwnedFd::from_raw_fd(file) }),
        }
    }

    /// Returns `None`: such an object has a name from its creation on.
    pub(super) fn create_complete(_: &OsStr, _: &SegmentRequest) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }

    /// Makes that the name has no segment.
    pub(crate) fn remove(name: &OsStr) -> io::Result<()> {
        let name = c_name(name)?;
        // SAFETY: the name is a C string.
        check(unsafe { libc::shm_unlink(name.as_ptr()) })
    }

    pub(crate) fn names() -> io::Result<Vec<OsString>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Does nothing: the memory of a segment is taken when it is used, from the page file.
    pub(super) fn allocate(_: BorrowedFd<'_>, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn space() -> Option<SegmentSpace> {
        None
    }

    /// POSIX: a portable name starts with a slash.
    fn c_name(name: &OsStr) -> io::Result<CString> {
        let bytes = name.as_bytes();
        let slash = if bytes.starts_with(b"/") { &b""[..] } else { b"/" };
        Ok(CString::new([slash, bytes].concat())?)
    }
}

/// Android and others have no such memory.
#[cfg(not(any(
    target_os = "linux",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
mod system {
    use std::{
        ffi::{OsStr, OsString},
        io,
        os::fd::{BorrowedFd, OwnedFd},
    };

    use super::SegmentRequest;
    use crate::sys::segment::SegmentSpace;

    pub(super) fn open(_: &OsStr, _: &SegmentRequest) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn create_complete(_: &OsStr, _: &SegmentRequest) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }

    pub(crate) fn remove(_: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn names() -> io::Result<Vec<OsString>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn allocate(_: BorrowedFd<'_>, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn space() -> Option<SegmentSpace> {
        None
    }
}
