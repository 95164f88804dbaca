//! The settings of the builder: what is mapped, with which protection, and what the map keeps.

use std::ffi::OsStr;

use super::Options;
use crate::{
    Damage,
    flags::{Flags, HugePage, Protection},
    ipc::Spin,
    mode::{Access, Sharing},
};
#[cfg(doc)]
use crate::{Error, Map};

impl Options {
    /// Sets how the program accesses the map.
    ///
    /// The default is [`Access::Read`] for files and [`Access::Write`] for anonymous memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let map = Options::new().access(Access::Copy).open("Cargo.toml")?;
    /// map.fill(b' ', ..)?; // the file does not change
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn access(&mut self, access: Access) -> &mut Options {
        self.access = Some(access);
        self
    }

    /// Sets the offset in bytes at which the map starts in the file. The default is 0.
    ///
    /// The offset need not be aligned. For memory with a [`name`](Options::name) it is the offset
    /// in that memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().offset(1).open("sample.toml")?;
    /// assert_eq!(map.to_vec(..7)?, b"package");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn offset(&mut self, bytes: u64) -> &mut Options {
        self.offset = bytes;
        self
    }

    /// Sets whether the offset must be a multiple of [`granularity`](crate::granularity), as the
    /// system call requires.
    ///
    /// Any other offset then fails with [`Error::Unaligned`]. By default the map is created at the
    /// next lower multiple, and hides the bytes before the offset.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options};
    ///
    /// let refused = Options::new().exact_offset(true).offset(1).open("Cargo.toml");
    /// assert!(matches!(refused, Err(Error::Unaligned { offset: 1, .. })));
    /// ```
    pub fn exact_offset(&mut self, exact_offset: bool) -> &mut Options {
        self.exact_offset = exact_offset;
        self
    }

    /// Sets the length of the map in bytes.
    ///
    /// By default a file is mapped up to its end. Anonymous memory, and files without a size such
    /// as character devices, require a length.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(9).open("sample.toml")?;
    /// assert_eq!(map.to_vec(..)?, b"[package]");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn len(&mut self, bytes: usize) -> &mut Options {
        self.len = Some(bytes);
        self
    }

    /// Reserves address space for `bytes` bytes in total, so that [`Map::resize`],
    /// [`Map::append`] and [`Map::refresh`] up to this length do not move the map.
    ///
    /// The reserve costs no memory, unless flags populate every page (`Flags::POPULATE` on Linux).
    /// Shared anonymous memory cannot grow beyond its reserve. [`Map::in_place`] refuses to grow
    /// any map beyond it.
    ///
    /// # Errors
    ///
    /// Creating the map fails with [`Error::Unsupported`] for files of huge pages, and for private
    /// maps of files that can be written to: they do not grow.
    ///
    /// # Platforms
    ///
    /// Windows cannot map a file beyond its end. Mapping one with a reserve fails there with
    /// [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(1).reserve(1 << 20).anonymous()?;
    /// let address = map.as_ptr();
    /// map.resize(1 << 20)?;
    /// assert_eq!(map.as_ptr(), address);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn reserve(&mut self, bytes: usize) -> &mut Options {
        self.reserve = bytes;
        self
    }

    /// Sets whether writes are visible outside the map.
    ///
    /// By default a map of a file is shared, unless its access is [`Access::Copy`]. Anonymous
    /// memory is private by default, unless it has a [`name`](Options::name). Shared anonymous
    /// memory is shared between a process and the children that it forks.
    ///
    /// A map of a file can have these combinations. The others fail with [`Error::Unsupported`].
    ///
    /// | | [`Sharing::Shared`] | [`Sharing::Private`] |
    /// |---|---|---|
    /// | [`Access::Read`] | yes (default) | yes |
    /// | [`Access::Write`] | yes (default) | no: writes would be lost |
    /// | [`Access::Copy`] | no: writes would reach the file | yes (default) |
    ///
    /// Some file systems refuse shared maps, such as FUSE with `direct_io` and 9p without a cache.
    /// A map for reading is private there if no sharing is set; [`Map::sharing`] says which it is.
    /// It shows later changes of the file only as far as the file system updates cached pages.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Options, Sharing};
    ///
    /// let counters = Options::new().len(4096).sharing(Sharing::Shared).anonymous()?;
    /// counters.store(1_u64, 0)?; // visible in children that are forked
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn sharing(&mut self, sharing: Sharing) -> &mut Options {
        self.sharing = Some(sharing);
        self
    }

    /// Sets the protection of the pages. The default follows from the access.
    ///
    /// Access that the protection forbids fails with [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options, Protection};
    ///
    /// let map = Options::new().len(1).protection(Protection::NONE).anonymous()?;
    /// assert!(matches!(map.get(0), Err(Error::Fault { offset: 0 })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn protection(&mut self, protection: Protection) -> &mut Options {
        self.protection = Some(protection);
        self
    }

    /// Adds flags of `mmap` to those that access and sharing imply, and to those of earlier calls.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use safemap::{Flags, Options};
    ///
    /// // Every page is allocated now. Later accesses cause no page faults.
    /// let map = Options::new().len(1 << 20).flags(Flags::POPULATE).anonymous()?;
    /// # }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn flags(&mut self, flags: Flags) -> &mut Options {
        self.flags |= flags;
        self
    }

    /// Sets the flags of `mmap`, including [`Flags::SHARED`] or [`Flags::PRIVATE`], instead of
    /// deriving them from access and sharing.
    ///
    /// Flags that other settings require are added: for anonymous memory, huge pages and a reserve.
    /// If the flags contain the one for anonymous memory, [`Options::map`] and [`Options::open`]
    /// ignore the file, and the result is a map of memory.
    ///
    /// The flags are not checked against the access: with [`Access::Write`] and [`Flags::PRIVATE`],
    /// writes do not reach the file. A file system that refuses them is an error. A file of length
    /// 0 is an empty map, also if it has bytes, as in `/proc`.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Flags, Options, Sharing};
    ///
    /// let map = Options::new().exact_flags(Flags::PRIVATE).open("Cargo.toml")?;
    /// assert_eq!(map.sharing(), Sharing::Private);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn exact_flags(&mut self, flags: Flags) -> &mut Options {
        self.exact_flags = Some(flags);
        self
    }

    /// Maps huge pages from the system's pool (`MAP_HUGETLB`).
    ///
    /// The length is rounded up to the size of these pages. Creating the map fails with
    /// [`Error::Os`] if the pool has too few pages.
    ///
    /// # Platforms
    ///
    /// Linux. Elsewhere creating the map fails with [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, HugePage, Options};
    ///
    /// match Options::new().len(1 << 21).huge_pages(HugePage::Default).anonymous() {
    ///     Ok(map) => map.fill(1, ..)?,
    ///     Err(Error::Os { .. }) => println!("the pool is empty"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn huge_pages(&mut self, pages: HugePage) -> &mut Options {
        self.huge_pages = Some(pages);
        self
    }

    /// Sets whether the map keeps no file descriptor. [`Map::file_len`], [`Map::resize`],
    /// [`Map::refresh`], [`Map::sync_all`] and [`Map::restore`] then fail with [`Error::NoFile`],
    /// and [`Map::verify`] with [`Error::Unsupported`].
    ///
    /// By default a map keeps a duplicate of the descriptor, which is closed with the map. On Unix
    /// closing it releases the locks that the process has on the file (fcntl(2), `F_SETLK`).
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options};
    ///
    /// let map = Options::new().untracked(true).open("Cargo.toml")?;
    /// assert!(matches!(map.file_len(), Err(Error::NoFile { call: "file_len" })));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn untracked(&mut self, untracked: bool) -> &mut Options {
        self.untracked = untracked;
        self
    }

    /// Sets whether code outside the library is protected that accesses the mapped memory directly,
    /// for example through [`Map::as_slice`] or Python's `memoryview`.
    ///
    /// If such code accesses a page that the file or the device cannot supply, the page is replaced
    /// with zeros and the code continues. The map is *damaged* from then on: each method that
    /// accesses bytes returns [`Error::Damaged`] until [`Map::restore`] succeeds.
    ///
    /// Each call then also checks a flag, and the map occupies a slot in a list of repaired maps.
    /// Anonymous memory cannot be repaired: creating the map fails with [`Error::Unsupported`].
    ///
    /// # Platforms
    ///
    /// - On macOS and the BSDs an access that [`Map::protect`] forbids is repaired as well, because
    ///   these systems report the same signal for it.
    /// - On s390x the kernel reports the address of the page only, so the offset of the damage is
    ///   that of the page's first byte.
    /// - Windows cannot replace pages of a mapped file. Creating the map fails with
    ///   [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if cfg!(windows) { return Ok(()); } // Not supported there.
    /// let map = safemap::Options::new().repair(true).open("Cargo.toml")?;
    /// assert_eq!(map.damage(), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn repair(&mut self, repair: bool) -> &mut Options {
        self.repair = repair;
        self
    }

    /// Sets [`Options::repair`], and a function that is called when a map becomes damaged: at its
    /// first damage, and at the first one after [`Map::restore`].
    ///
    /// # Safety
    ///
    /// The signal handler calls `hook`, on the thread that accessed the page, before this access
    /// continues. So the hook calls functions that are safe in a signal handler only
    /// (signal-safety(7)). In particular it does not allocate, wait for a lock or panic, and it
    /// does not access the memory of a map with repair.
    ///
    /// # Platforms
    ///
    /// As for [`Options::repair`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if cfg!(windows) { return Ok(()); } // Not supported there.
    /// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    ///
    /// use safemap::Options;
    ///
    /// static IS_DAMAGED: AtomicBool = AtomicBool::new(false);
    ///
    /// let mut options = Options::new();
    /// // SAFETY: an atomic store is safe in a signal handler.
    /// unsafe { options.on_damage(|_| IS_DAMAGED.store(true, Relaxed)) };
    /// let map = options.open("Cargo.toml")?;
    /// assert!(!IS_DAMAGED.load(Relaxed));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[allow(unsafe_code)] // Its body is safe; only the handler's call makes demands.
    pub unsafe fn on_damage(&mut self, hook: fn(Damage)) -> &mut Options {
        self.on_damage = Some(hook);
        self.repair(true)
    }

    /// Sets whether the signal handler writes a line to standard error when a map becomes damaged,
    /// with the path of the file and the offset; also sets [`Options::repair`] if `report_damage`
    /// is true. A child process that was forked reports its own damage.
    ///
    /// The path is the one that the system reported when the map was made. If the system does not
    /// report it, the line says so.
    ///
    /// # Platforms
    ///
    /// As for [`Options::repair`]. Linux, Android and macOS report the path.
    ///
    /// # Examples
    ///
    /// ```
    /// # if cfg!(windows) { return Ok(()); } // Not supported there.
    /// let map = safemap::Options::new().report_damage(true).open("Cargo.toml")?;
    /// assert_eq!(map.damage(), None);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn report_damage(&mut self, report_damage: bool) -> &mut Options {
        self.report_damage = report_damage;
        self.repair |= report_damage;
        self
    }

    /// Sets whether [`Map::resize`] allocates disk space when the file grows.
    ///
    /// A full disk is then an error of `resize`, not a fault when bytes are written later.
    ///
    /// # Platforms
    ///
    /// Linux (`fallocate`), macOS (`F_PREALLOCATE`) and FreeBSD (`posix_fallocate`), if the file
    /// system supports it. Elsewhere a `resize` that makes the file longer fails with
    /// [`Error::Os`]. Windows always allocates the space, except for sparse and compressed files.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).allocate(true).map(&file)?;
    /// match map.resize(1 << 20) {
    ///     Ok(()) => map.fill(b' ', ..)?, // cannot fail for lack of space
    ///     Err(error) => eprintln!("no disk space for the file: {error}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "fallocate")]
    pub fn allocate(&mut self, allocate: bool) -> &mut Options {
        self.allocate = allocate;
        self
    }

    /// Sets whether a file that ends before the map does is extended. By default the map fails with
    /// [`Error::BeyondFile`].
    ///
    /// The new bytes are zeros. This applies to shared maps with [`Access::Write`] and a length;
    /// other maps fail as before. If the map cannot be created for another reason, the file may
    /// stay extended.
    ///
    /// # Platforms
    ///
    /// On systems other than Windows, bytes that another process appends at the same moment may be
    /// lost: POSIX has no call that only extends a file.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(1 << 20).extend(true).map(&file)?;
    /// assert_eq!(file.metadata()?.len(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extend(&mut self, extend: bool) -> &mut Options {
        self.extend = extend;
        self
    }

    /// Sets a name under which other processes can map the same memory.
    ///
    /// The first process that uses the name creates the memory and fixes its length. Other
    /// processes map the same memory, or a shorter part of it. The memory exists as long as a
    /// process maps it. If a file is mapped with a name, later maps with that name show the file of
    /// the first map.
    ///
    /// Names of all kinds of objects share one namespace for each session. The prefix `Global\`
    /// selects the namespace of all sessions, which requires a privilege.
    ///
    /// # Platforms
    ///
    /// Windows (`CreateFileMapping`). Elsewhere creating the map fails with [`Error::Unsupported`];
    /// map a file on a memory file system instead.
    ///
    /// # Examples
    ///
    /// ```
    /// # if !cfg!(windows) { return Ok(()); } // Not supported there.
    /// use safemap::Options;
    ///
    /// let first = Options::new().len(4096).name("safemap-example").anonymous()?;
    /// let second = Options::new().len(4096).name("safemap-example").anonymous()?;
    /// first.set(1, 0)?;
    /// assert_eq!(second.get(0)?, 1);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "tagname")]
    #[doc(alias = "CreateFileMapping")]
    pub fn name(&mut self, name: impl AsRef<OsStr>) -> &mut Options {
        self.name = Some(name.as_ref().to_owned());
        self
    }

    /// Sets whether threads that [wait](Map::wait) on the map spin before they sleep. The default
    /// is [`Spin::Learn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Options, Sharing, ipc::Spin};
    ///
    /// let mut options = Options::new();
    /// options.len(8).sharing(Sharing::Shared).spin(Spin::Never);
    /// let map = options.anonymous()?;
    /// map.notify(0, 1)?;
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn spin(&mut self, spin: Spin) -> &mut Options {
        self.spin = spin;
        self
    }
}
