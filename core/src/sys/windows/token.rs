//! Liveness tokens: a byte far behind the end of a file, which the system locks for a file object.
//!
//! Its handle is not inherited. The system closes it after the threads of the process have ended.

use std::{
    io,
    mem::MaybeUninit,
    os::windows::io::{AsRawHandle, BorrowedHandle},
};

use windows_sys::Win32::Storage::FileSystem::{
    FILE_REMOTE_PROTOCOL_INFO, FileRemoteProtocolInfo, GetFileInformationByHandleEx,
};

use super::file_lock::{self, FileLock};
use crate::{
    mode::LockKind,
    sys::token_id::{all, random_id, range},
};

/// The byte with this id is locked until the token is dropped, or its process ends.
#[derive(Debug)]
pub(crate) struct Token {
    id: u64,
    _lock: FileLock,
}

impl Token {
    /// Locks a byte with a new id.
    ///
    /// Fails with `ResourceBusy` if the whole file is locked.
    pub(crate) fn new(file: BorrowedHandle<'_>) -> io::Result<Token> {
        let id = random_id()?;
        // The kind of the lock needs no access for writing, other than on Unix. It is exclusive so
        // that a shared one finds it.
        let lock = FileLock::open(file, LockKind::Shared)?;
        if !lock.try_lock(&range(id), LockKind::Exclusive)? {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        match is_alive(file, id)? {
            true => Ok(Token { id, _lock: lock }),
            false => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Returns the id.
    #[allow(clippy::unnecessary_wraps)] // On Unix a forked child has none.
    pub(crate) fn id(&self) -> Option<u64> {
        Some(self.id)
    }
}

/// Whether a token with this id exists: its byte is locked.
pub(crate) fn is_alive(file: BorrowedHandle<'_>, id: u64) -> io::Result<bool> {
    file_lock::is_locked(file, &range(id))
}

/// Whether any token exists, of this process or of another one.
pub(crate) fn is_any_alive(file: BorrowedHandle<'_>) -> io::Result<bool> {
    file_lock::is_locked(file, &all())
}

/// Fails with `Unsupported` for a file of another machine, of which the system knows the protocol.
pub(crate) fn ensure_reliable(file: BorrowedHandle<'_>) -> io::Result<()> {
    let mut info = MaybeUninit::<FILE_REMOTE_PROTOCOL_INFO>::uninit();
    let size = size_of::<FILE_REMOTE_PROTOCOL_INFO>() as u32;
    let (file, to) = (file.as_raw_handle(), info.as_mut_ptr().cast());
    // SAFETY: the system writes at most `size` bytes to `info`.
    let known = unsafe { GetFileInformationByHandleEx(file, FileRemoteProtocolInfo, to, size) };
    if known == 0 { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Returns `false`: no file system copies files that are opened for writing.
pub(crate) fn is_overlay(_: BorrowedHandle<'_>) -> io::Result<bool> {
    Ok(false)
}
