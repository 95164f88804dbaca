//! Advice: what a program tells the system about its use of memory. A table of names.

/// What to tell the system about a range of a map, for [`Map::advise`](crate::Map::advise).
///
/// Every advice is safe here, also those that throw bytes away, because no reference into the map exists that could
/// see them change. What a platform does not have is refused with [`Error::Unsupported`](crate::Error::Unsupported).
/// The texts tell what Linux does: `madvise(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// No special treatment; takes back the next two.
    Normal,
    /// Pages will be used in no order: do not read ahead.
    Random,
    /// Pages will be used once, in order: read far ahead, drop early.
    Sequential,
    /// Pages will be used soon: begin to read them.
    WillNeed,
    /// Forget the pages. Shared maps read the file again; private memory loses its bytes and reads zeros.
    DontNeed,
    /// The system may take the pages of private anonymous memory when it needs some; bytes stay or become zeros.
    Free,
    /// Punch a hole: the bytes become zeros in the file as well.
    Remove,
    /// A forked child does not get these pages. Using the map there is a fault, or worse if something else is put there.
    DontFork,
    /// A forked child gets these pages again.
    DoFork,
    /// Treat the pages as broken memory, for tests of just that; needs privilege.
    HwPoison,
    /// Move the pages off their frames and retire those, for tests; needs privilege.
    SoftOffline,
    /// Pages of equal content may be merged (KSM).
    Mergeable,
    /// Takes that back.
    Unmergeable,
    /// Use huge pages where possible.
    HugePage,
    /// Do not.
    NoHugePage,
    /// Leave the pages out of core dumps.
    DontDump,
    /// Takes that back.
    DoDump,
    /// A forked child finds zeros here. Private anonymous memory only.
    WipeOnFork,
    /// Takes that back.
    KeepOnFork,
    /// The pages may go first when memory is short.
    Cold,
    /// Write the pages out and drop them now.
    PageOut,
    /// Make the pages present for reading now. Reports what else would be a fault, as an error.
    PopulateRead,
    /// Make the pages present for writing now, holes filled. Right before large writes; reports a full disk here.
    PopulateWrite,
    /// [`Advice::DontNeed`] for locked pages too.
    DontNeedLocked,
    /// Make huge pages of what is there, now.
    Collapse,
    /// Make the pages inaccessible, cheaply.
    GuardInstall,
    /// Takes that back.
    GuardRemove,
    /// A number that this table does not know; the system judges it.
    Other(i32),
}

impl Advice {
    /// Whether bytes may be lost, so that pages outside the range must not be touched.
    pub(crate) fn drops_bytes(self) -> bool {
        matches!(
            self,
            Advice::DontNeed
                | Advice::Free
                | Advice::Remove
                | Advice::HwPoison
                | Advice::WipeOnFork
                | Advice::DontFork
                | Advice::DontNeedLocked
                | Advice::GuardInstall
        )
    }

    /// Whether pages are there afterwards and may not be accessed: here, or in a forked child.
    pub(crate) fn forbids(self) -> bool {
        matches!(self, Advice::GuardInstall | Advice::DontFork)
    }
}
