//! Liveness tokens: a byte far behind the end of a file, which the kernel locks for a process.
//!
//! The lock belongs to an open file description. A mapping of one inaccessible page keeps this
//! description until the address space of the process ends, after its last thread has executed its
//! last instruction. No forked child inherits the page, and no descriptor is in use that could be
//! closed. Where a mapping does not keep the description (overlay file systems map the file below),
//! the descriptor is kept instead.

use std::{io, os::fd::BorrowedFd};

use super::{
    file_lock::{self, FileLock},
    fork,
};
use crate::{
    mode::LockKind,
    sys::token_id::{all, random_id, range},
};
use page::Page;
pub(crate) use system::{ensure_lasting, ensure_reliable, is_overlay};

/// The byte with this id is locked until the token is dropped, or its process ends.
///
/// In a forked child dropping it has no effect.
#[derive(Debug)]
pub(crate) struct Token {
    id: u64,
    forks: u64,
    _held: Held,
}

/// What keeps the description.
#[derive(Debug)]
enum Held {
    Page { _page: Page },
    Descriptor { _lock: FileLock },
}

impl Token {
    /// Locks a byte with a new id.
    ///
    /// Fails with `ResourceBusy` if the whole file is locked, and with `Unsupported` if the byte
    /// would not stay locked.
    pub(crate) fn new(file: BorrowedFd<'_>) -> io::Result<Token> {
        ensure_reliable(file)?;
        // A page of such a file would take a huge page from the pool.
        let has_huge_pages = super::file::state(file)?.huge_page.is_some();
        // A mapping of an overlay file keeps the description of the file below it.
        let keeps_page = !has_huge_pages && !is_overlay(file)?;
        let with_page = if keeps_page { Token::kept_by(file, Held::page)? } else { None };
        match with_page {
            Some(token) => Ok(token),
            None => {
                Token::kept_by(file, Held::descriptor)?.ok_or(io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Returns `None` if the byte is not locked afterwards.
    fn kept_by(
        file: BorrowedFd<'_>,
        hold: fn(FileLock) -> Option<Held>,
    ) -> io::Result<Option<Token>> {
        for attempt in 1.. {
            let (window, forks) = (fork::Window::open(), fork::current());
            let (id, lock) = lock_new_id(file)?;
            let Some(_held) = hold(lock) else { return Ok(None) };
            let token = Token { id, forks, _held };
            // A child of that moment has the lock too, so it would delay the token's end.
            if window.was_undisturbed() || attempt == file_lock::ATTEMPTS {
                return token.is_seen(file).map(|is_seen| is_seen.then_some(token));
            }
            drop(token);
            file_lock::pause();
        }
        Ok(None)
    }

    /// Whether other descriptions see the lock. Fails if they see another one.
    fn is_seen(&self, file: BorrowedFd<'_>) -> io::Result<bool> {
        match file_lock::conflict(file, &range(self.id))? {
            Some(found) if found != range(self.id) => Err(io::ErrorKind::ResourceBusy.into()),
            found => Ok(found.is_some()),
        }
    }

    /// Returns the id, or `None` in a forked child.
    pub(crate) fn id(&self) -> Option<u64> {
        (fork::current() == self.forks).then_some(self.id)
    }
}

impl Held {
    fn page(lock: FileLock) -> Option<Held> {
        let page = Page::new(&lock)?;
        lock.close();
        Some(Held::Page { _page: page })
    }

    #[allow(clippy::unnecessary_wraps)] // As `page`.
    fn descriptor(lock: FileLock) -> Option<Held> {
        Some(Held::Descriptor { _lock: lock })
    }
}

/// Whether a token with this id exists: its byte is locked.
pub(crate) fn is_alive(file: BorrowedFd<'_>, id: u64) -> io::Result<bool> {
    file_lock::conflict(file, &range(id)).map(|found| found.is_some())
}

/// Whether any token exists, of this process or of another one.
pub(crate) fn is_any_alive(file: BorrowedFd<'_>) -> io::Result<bool> {
    file_lock::conflict(file, &all()).map(|found| found.is_some())
}

/// The lock is shared: an exclusive one would need a description that can write, and its mapping
/// would exclude that the file is sealed.
fn lock_new_id(file: BorrowedFd<'_>) -> io::Result<(u64, FileLock)> {
    let id = random_id()?;
    let lock = FileLock::open(file, LockKind::Shared)?;
    // No other token has this id. A lock there is one of the whole file.
    if is_alive(file, id)? || !lock.try_lock(&range(id), LockKind::Shared)? {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    Ok((id, lock))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod page {
    use std::{
        os::fd::{AsFd, AsRawFd},
        ptr::{self, NonNull},
    };

    use super::super::{
        file_lock::FileLock,
        fork,
        mmap::{MapCall, map_call},
        page_size,
    };
    use crate::flags::Protection;

    /// An inaccessible page of a description, which it keeps. A forked child does not inherit it.
    #[derive(Debug)]
    pub(super) struct Page {
        start: NonNull<u8>,
        forks: u64,
    }

    // SAFETY: no thread accesses the page.
    unsafe impl Send for Page {}
    // SAFETY: as above.
    unsafe impl Sync for Page {}

    impl Page {
        /// Returns `None` if the system refuses.
        pub(super) fn new(lock: &FileLock) -> Option<Page> {
            let (at, fd, forks) = (ptr::null_mut(), lock.as_fd().as_raw_fd(), fork::current());
            let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
            let call = MapCall { at, len: page_size(), flags, fd, offset: 0 };
            // SAFETY: without MAP_FIXED the kernel chooses a free address range.
            let start = unsafe { map_call(Protection::NONE, &call) }.ok()?;
            let page = Page { start, forks };
            let start = start.as_ptr().cast();
            // SAFETY: the page is mapped. A hole is what a child is to have there: no code of it
            // uses the page or unmaps it.
            let status = unsafe { libc::madvise(start, page_size(), libc::MADV_DONTFORK) };
            (status == 0).then_some(page)
        }
    }

    impl Drop for Page {
        fn drop(&mut self) {
            // In a child other memory may be there.
            if fork::current() == self.forks {
                // SAFETY: the page belongs to this value, and no thread accesses it.
                unsafe { libc::munmap(self.start.as_ptr().cast(), page_size()) };
            }
        }
    }
}

/// Whether a mapping keeps the description is not known of other systems.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod page {
    use super::super::file_lock::FileLock;

    #[derive(Debug)]
    pub(super) struct Page;

    impl Page {
        pub(super) fn new(_: &FileLock) -> Option<Page> {
            None
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::{
        io,
        mem::MaybeUninit,
        os::fd::{AsRawFd, BorrowedFd},
    };

    use super::super::check;

    const OVERLAY: u32 = 0x794c_7630;

    /// File systems whose locks the kernel of this machine grants, by their magic numbers in
    /// <linux/magic.h>. A server may release the locks of a client that is alive, and other
    /// machines do not see those that it does not know.
    const LOCAL: [u32; 16] = [
        0x0102_1994, // tmpfs, memfd
        0x8584_58f6, // ramfs
        0x9584_58f6, // hugetlbfs
        0xef53,      // ext2, ext3, ext4
        0x5846_5342, // xfs
        0x9123_683e, // btrfs
        0xf2f5_2010, // f2fs
        0x2fc1_2fc1, // zfs
        0xca45_1a4e, // bcachefs
        OVERLAY,
        0x3153_464a, // jfs
        0x5265_4973, // reiserfs
        0x3434,      // nilfs2
        0x4d44,      // vfat
        0x2011_bab0, // exfat
        0x7366_746e, // ntfs3
    ];

    /// Fails with `Unsupported` if a lock may end before its process does.
    pub(crate) fn ensure_reliable(file: BorrowedFd<'_>) -> io::Result<()> {
        let is_local = LOCAL.contains(&kind(file)?);
        if is_local { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// File systems of [`LOCAL`] that number files anew after each mount, or cannot be written to.
    const FLEETING: [u32; 3] = [
        0x4d44,      // vfat
        0x2011_bab0, // exfat
        0x9584_58f6, // hugetlbfs
    ];

    /// Like [`ensure_reliable`], and fails if files have other identities after a restart.
    pub(crate) fn ensure_lasting(file: BorrowedFd<'_>) -> io::Result<()> {
        let is_fleeting = FLEETING.contains(&kind(file)?);
        if is_fleeting { Err(io::ErrorKind::Unsupported.into()) } else { ensure_reliable(file) }
    }

    /// Whether the file may be copied when it is opened for writing. Older maps for reading then
    /// keep showing what was copied.
    pub(crate) fn is_overlay(file: BorrowedFd<'_>) -> io::Result<bool> {
        Ok(kind(file)? == OVERLAY)
    }

    /// Returns the magic number of the file system.
    fn kind(file: BorrowedFd<'_>) -> io::Result<u32> {
        let mut system = MaybeUninit::<libc::statfs>::uninit();
        // SAFETY: `system` has the type that fstatfs fills.
        check(unsafe { libc::fstatfs(file.as_raw_fd(), system.as_mut_ptr()) })?;
        // SAFETY: fstatfs succeeded and so filled it.
        let system = unsafe { system.assume_init() };
        #[allow(clippy::cast_possible_truncation)] // Magic numbers have 32 bits.
        Ok(system.f_type as u32)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::{io, os::fd::BorrowedFd};

    /// Fails with `Unsupported` on a network file system: statfs(2).
    #[cfg(target_vendor = "apple")]
    pub(crate) fn ensure_reliable(file: BorrowedFd<'_>) -> io::Result<()> {
        let mut system = std::mem::MaybeUninit::<libc::statfs>::uninit();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        // SAFETY: `system` has the type that fstatfs fills.
        super::super::check(unsafe { libc::fstatfs(fd, system.as_mut_ptr()) })?;
        // SAFETY: fstatfs succeeded and so filled it.
        let flags = unsafe { system.assume_init() }.f_flags;
        let is_local = flags & libc::MNT_LOCAL as u32 != 0;
        if is_local { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// The other systems have no tokens.
    #[cfg(not(target_vendor = "apple"))]
    pub(crate) fn ensure_reliable(_: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    pub(crate) use ensure_reliable as ensure_lasting;

    pub(crate) fn is_overlay(_: BorrowedFd<'_>) -> io::Result<bool> {
        Ok(false)
    }
}
