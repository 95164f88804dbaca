//! The numbers of each advice: `<sys/mman.h>`, and on Linux also `<asm-generic/mman-common.h>`.

use crate::Advice;

/// Each advice and its number. Advice that is not listed does not exist on this platform.
pub(crate) const TABLE: &[(Advice, i32)] = &[
    (Advice::Normal, libc::MADV_NORMAL),
    (Advice::Random, libc::MADV_RANDOM),
    (Advice::Sequential, libc::MADV_SEQUENTIAL),
    (Advice::WillNeed, libc::MADV_WILLNEED),
    (Advice::DontNeed, libc::MADV_DONTNEED),
    (Advice::Free, libc::MADV_FREE),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::Remove, libc::MADV_REMOVE),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::DontFork, libc::MADV_DONTFORK),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::DoFork, libc::MADV_DOFORK),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::HwPoison, libc::MADV_HWPOISON),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::SoftOffline, 101),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::Mergeable, libc::MADV_MERGEABLE),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::Unmergeable, libc::MADV_UNMERGEABLE),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::HugePage, libc::MADV_HUGEPAGE),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::NoHugePage, libc::MADV_NOHUGEPAGE),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::DontDump, libc::MADV_DONTDUMP),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::DoDump, libc::MADV_DODUMP),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::WipeOnFork, 18),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::KeepOnFork, 19),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::Cold, 20),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::PageOut, 21),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::PopulateRead, 22),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::PopulateWrite, 23),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::DontNeedLocked, 24),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::Collapse, 25),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::GuardInstall, 102),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (Advice::GuardRemove, 103),
];

/// Returns whether the kernel knows the advice. madvise(2), "VERSIONS": a call for no bytes fails
/// if and only if it does not.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_known(number: i32) -> bool {
    // SAFETY: a call for no bytes changes nothing.
    unsafe { libc::madvise(std::ptr::null_mut(), 0, number) == 0 }
}

/// Returns whether the table has the number.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_known(number: i32) -> bool {
    TABLE.iter().any(|&(_, known)| known == number)
}
