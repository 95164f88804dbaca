//! `Advice`: how a program will use the pages of a map.

/// Advice to the operating system about pages of a map; see [`Map::advise`](crate::Map::advise).
///
/// Every advice is safe to give, including advice that discards bytes: no reference into the map
/// exists that could observe the change.
///
/// # Platforms
///
/// The variants are documented as `madvise(2)` of Linux defines them; a version in parentheses is
/// the first Linux version that has the advice. Unix systems other than Linux have
/// [`Normal`](Advice::Normal), [`Random`](Advice::Random), [`Sequential`](Advice::Sequential),
/// [`WillNeed`](Advice::WillNeed), [`DontNeed`](Advice::DontNeed) and [`Free`](Advice::Free). There
/// `DontNeed` is a hint and discards no bytes. Windows has `WillNeed` (`PrefetchVirtualMemory`),
/// `Free` (`VirtualAlloc` with `MEM_RESET`) and [`PageOut`](Advice::PageOut) (`VirtualUnlock`).
/// Advice that the platform lacks fails with [`Error::Unsupported`](crate::Error::Unsupported).
///
/// # Examples
///
/// ```
/// use safemap::{Advice, Error, Map};
///
/// let map = Map::open("Cargo.toml")?;
/// match map.advise(Advice::Sequential, ..) {
///     Ok(()) | Err(Error::Unsupported(_)) => {}
///     Err(error) => return Err(error),
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// No special treatment. Cancels [`Random`](Advice::Random) and
    /// [`Sequential`](Advice::Sequential).
    #[default]
    Normal,
    /// Pages will be accessed in random order: disables read-ahead.
    Random,
    /// Pages will be accessed once, in order: increases read-ahead, and frees pages soon after use.
    Sequential,
    /// Pages will be accessed soon: starts to read them.
    WillNeed,
    /// Discards the pages. Shared maps read the file again. Private maps of files lose their
    /// changes and read the file again. Private anonymous memory reads as zeros.
    DontNeed,
    /// Lets the system free pages of private anonymous memory when memory is short. Until the next
    /// write each page keeps its bytes or reads as zeros (4.5).
    Free,
    /// Sets the bytes to zero, in the file too, and frees the whole pages with their blocks of the
    /// file. Requires a writable shared map, whose pages allow writing (2.6.16).
    Remove,
    /// A child of `fork` does not inherit the pages: there, a call that accesses them returns
    /// [`Error::Fault`](crate::Error::Fault), and one that changes them or resizes the map another
    /// error. The library makes the pages inaccessible in the child. The kernel's own advice
    /// (2.6.16) leaves a hole there, and the child's map would access what is mapped there next.
    /// The parent keeps two spare mappings for each range, so that this succeeds at the limit of
    /// mappings (`vm.max_map_count`); the advice fails if there is no space for them. A child in
    /// which the system refuses nevertheless (`mseal`) is terminated by SIGABRT.
    DontFork,
    /// Cancels [`DontFork`](Advice::DontFork) (2.6.16).
    DoFork,
    /// Treats the pages as broken memory, to test the handling of memory errors. Requires
    /// `CAP_SYS_ADMIN` (2.6.32).
    HwPoison,
    /// Moves the pages to other page frames and retires the old frames, for tests. Requires
    /// `CAP_SYS_ADMIN` (2.6.33).
    SoftOffline,
    /// Lets the kernel merge pages with equal content, Kernel Samepage Merging (2.6.32).
    Mergeable,
    /// Cancels [`Mergeable`](Advice::Mergeable) (2.6.32).
    Unmergeable,
    /// Uses transparent huge pages where possible (2.6.38).
    HugePage,
    /// Uses no transparent huge pages (2.6.38).
    NoHugePage,
    /// Leaves the pages out of core dumps (3.4).
    DontDump,
    /// Cancels [`DontDump`](Advice::DontDump) (3.4).
    DoDump,
    /// Pages of private anonymous memory read as zeros in children of `fork` (4.14).
    WipeOnFork,
    /// Cancels [`WipeOnFork`](Advice::WipeOnFork) (4.14).
    KeepOnFork,
    /// Lets the system reclaim the pages first when memory is short (5.4).
    Cold,
    /// Reclaims the pages now; changed pages are written out first (5.4).
    PageOut,
    /// Makes the pages present for reading now. Reports a fault as an error of this call (5.14).
    PopulateRead,
    /// Makes the pages present for writing now, and allocates blocks for holes. Reports a full disk
    /// as an error of this call (5.14).
    PopulateWrite,
    /// [`DontNeed`](Advice::DontNeed), also for locked pages (5.18).
    DontNeedLocked,
    /// Collapses the present pages into transparent huge pages now (6.1).
    Collapse,
    /// Makes the pages inaccessible without splitting the mapping (6.13).
    GuardInstall,
    /// Cancels [`GuardInstall`](Advice::GuardInstall) (6.13).
    GuardRemove,
    /// The advice with this number, for advice that has no variant. The system decides whether it
    /// is valid.
    Other(i32),
}

impl Advice {
    /// Returns whether the advice can discard bytes of the file. If so, only pages that lie in the
    /// range as a whole are advised.
    pub(crate) fn drops_file_bytes(self) -> bool {
        matches!(self, Advice::Remove | Advice::HwPoison)
    }

    /// Returns whether the advice can discard bytes of the map. If so, only pages of which all
    /// bytes of the map lie in the range are advised.
    pub(crate) fn drops_bytes(self) -> bool {
        matches!(
            self,
            Advice::DontNeed
                | Advice::Free
                | Advice::WipeOnFork
                | Advice::DontNeedLocked
                | Advice::GuardInstall
        )
    }

    /// Whether it neither changes nor discards bytes of private memory, and makes no page private.
    pub(crate) fn keeps_private_bytes(self) -> bool {
        matches!(
            self,
            Advice::Normal
                | Advice::Random
                | Advice::Sequential
                | Advice::WillNeed
                | Advice::Cold
                | Advice::PageOut
                | Advice::PopulateRead
                | Advice::HugePage
                | Advice::NoHugePage
                | Advice::DontDump
                | Advice::DoDump
        )
    }

    /// Returns whether an access can raise SIGSEGV afterwards, here or in a forked child.
    pub(crate) fn forbids(self) -> bool {
        matches!(self, Advice::GuardInstall | Advice::DontFork)
    }
}
