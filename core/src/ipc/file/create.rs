//! The protocol that creates and opens files: what it does to the file, in which order.
//!
//! Processes exclude each other by the lock of one byte, which the kernel releases when its owner
//! crashes. A file is complete when its state says so, and nothing uses one before.
//!
//! | step | a crash after it leaves |
//! |---|---|
//! | 1. the header, in creation | a file that the next creator completes |
//! | 2. sync | the same, also after a power failure |
//! | 3. the length, with blocks, and sync | the same |
//! | 4. the state: complete | a complete file |
//! | 5. sync, for a journal | the same, also after a power failure |
//!
//! A channel from before a reboot starts empty: its state is set back, and synced, before step 1.
//! A journal keeps its content, and itself notes the system that has written last.

use std::io;

use super::header::{COMPLETE, Found, Geometry, Header, IN_CREATION, Id, Kind, LEN, STATE};
use super::refusal::Refusal;
use crate::FormatError;

type Result<T> = std::result::Result<T, Refusal>;

/// The operations on a file that its creation needs. Tests simulate them.
pub(super) trait Storage {
    /// Excludes other processes until it is dropped.
    type Lock;

    fn lock(&self) -> io::Result<Self::Lock>;

    fn len(&self) -> io::Result<u64>;

    /// Reads bytes until the buffer is full or the file ends. Returns their number.
    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Truncates the file, or extends it by zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Extends the file by zeros that have blocks on the disk.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Waits until the bytes and the length, and the file's name if that matters, are on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Returns whether a process takes part: whether its liveness token exists.
    fn is_in_use(&self) -> io::Result<bool>;

    /// Returns the number of this start of the system; zeros if it is not known.
    fn boot(&self) -> Id;

    fn random(&self) -> io::Result<Id>;
}

/// What the caller needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) kind: Kind,
    /// For a new file. A file that exists must have it. `None`: the file must exist.
    pub(super) geometry: Option<Geometry>,
}

/// A file that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) header: Header,
    /// Whether this call has made the content.
    pub(super) is_new: bool,
}

/// Opens the file, and completes it if the request allows that. Without a geometry, a journal is
/// only read.
pub(super) fn prepare<S: Storage>(storage: &S, request: Request) -> Result<Prepared> {
    request.geometry.map(|geometry| geometry.file_len(request.kind)).transpose()?;
    let _lock = storage.lock()?;
    let len = storage.len()?;
    match (look(storage, request, len)?, request.geometry) {
        (Found::Complete(header), geometry) => {
            let fits = |geometry| header.geometry.ensure_fits(geometry, header.kind);
            geometry.map_or(Ok(()), fits)?;
            open(storage, header, len)
        }
        (found, Some(geometry)) => create(storage, request.kind, geometry, (found, len)),
        (_, None) => Err(missing(len).into()),
    }
}

/// Opens a complete file.
fn open<S: Storage>(storage: &S, header: Header, len: u64) -> Result<Prepared> {
    if header.kind == Kind::Channel && is_stale(storage, &header)? {
        return empty(storage, header, len);
    }
    header.ensure_has(len)?;
    Ok(Prepared { header, is_new: false })
}

/// Returns what the file contains.
fn look<S: Storage>(storage: &S, request: Request, len: u64) -> Result<Found> {
    let mut bytes = [0; LEN];
    let count = storage.read(&mut bytes, 0)?;
    let found = Found::of(&bytes[..count], len, request.kind);
    let new_len = request.geometry.map(|geometry| geometry.file_len(request.kind)).transpose()?;
    let may_be_new = found == Err(FormatError::NotSafemap) && new_len == Some(len);
    // A disk may store the length that was allocated, and lose the header.
    if may_be_new && has_only_zeros(storage)? {
        return Ok(Found::Nothing);
    }
    Ok(found?)
}

/// Why a file without a complete header cannot be opened.
fn missing(len: u64) -> FormatError {
    let required = LEN as u64;
    if len < required { FormatError::TooShort { len, required } } else { FormatError::Incomplete }
}

fn has_only_zeros<S: Storage>(storage: &S) -> Result<bool> {
    let (mut bytes, mut at) = (vec![0; 1 << 16], 0);
    loop {
        let count = storage.read(&mut bytes, at)?;
        if bytes[..count].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        if count < bytes.len() {
            return Ok(true);
        }
        at += count as u64;
    }
}

/// Whether the content is from before a reboot. No process uses it any more then.
///
/// Containers may have different boot ids, so a process that takes part decides.
fn is_stale<S: Storage>(storage: &S, header: &Header) -> Result<bool> {
    let (then, now) = (header.boot, storage.boot());
    let is_known = then != [0; 16] && now != [0; 16];
    Ok(is_known && then != now && !storage.is_in_use()?)
}

/// Creates a channel from before a reboot anew.
fn empty<S: Storage>(storage: &S, old: Header, len: u64) -> Result<Prepared> {
    // A part of the new header beside the state "complete" would be a damaged header.
    storage.write(&IN_CREATION, STATE as u64)?;
    storage.sync()?;
    let (id, boot) = (storage.random()?, storage.boot());
    write_all(storage, Header { id, boot, ..old }, len)
}

/// Creates a file, in one of `len` bytes that is empty or was not completed.
fn create<S: Storage>(
    storage: &S,
    kind: Kind,
    geometry: Geometry,
    (found, mut len): (Found, u64),
) -> Result<Prepared> {
    if found == Found::Nothing && len > 0 {
        // A part of the header before other bytes than those of a header would not be recognised.
        storage.set_len(0)?;
        storage.sync()?;
        len = 0;
    }
    let new_len = geometry.file_len(kind)?;
    let (id, boot) = (storage.random()?, storage.boot());
    write_all(storage, Header { kind, geometry, len: new_len, id, boot }, len)
}

/// Makes the file complete. Its bytes after the header are zeros, and have blocks on the disk.
fn write_all<S: Storage>(storage: &S, header: Header, len: u64) -> Result<Prepared> {
    storage.write(&header.to_bytes(), 0)?;
    // Otherwise a power failure might leave a file of zeros, which is not known to be a new one.
    storage.sync()?;
    if len > LEN as u64 {
        storage.set_len(LEN as u64)?;
    }
    storage.allocate(header.len)?;
    storage.sync()?;
    storage.write(&COMPLETE, STATE as u64)?;
    // A channel does not survive a power failure anyway.
    if header.kind == Kind::Journal {
        storage.sync()?;
    }
    Ok(Prepared { header, is_new: true })
}
