//! Which pages of a private mapping of a file the process has changed.

use std::{io, ops::Range};

/// The kernel's report of the pages of this process.
#[derive(Debug)]
pub(crate) struct PrivatePages {
    /// `None` if the kernel gives no report.
    source: Option<source::Source>,
}

impl PrivatePages {
    /// Prepares the reports. The kernel gives none if `/proc` is not mounted, or if the process has
    /// made itself inaccessible (`PR_SET_DUMPABLE`).
    pub(crate) fn new() -> PrivatePages {
        PrivatePages { source: source::Source::open() }
    }

    /// Returns the runs of private pages among the `pages` of a mapping that starts at the address
    /// `base`, or `None` if there is no report. Pages have numbers; that at `base` has 0.
    ///
    /// A page counts from its first store on, also if that stored what the page had. Where the
    /// mapping shows no file, a page counts that was accessed.
    ///
    /// A child that was forked gets the report of its parent.
    pub(crate) fn runs(
        &self,
        base: usize,
        pages: Range<usize>,
    ) -> io::Result<Option<Vec<Range<usize>>>> {
        let Some(source) = &self.source else { return Ok(None) };
        if !source.is_intact() {
            return Err(io::Error::other("the program has closed the descriptors of the map"));
        }
        if pages.is_empty() {
            return Ok(Some(Vec::new()));
        }
        source.runs(base, pages, super::page_size()).map(Some)
    }
}

/// Appends a run that starts at the end of the last one, or behind it.
fn push(runs: &mut Vec<Range<usize>>, run: Range<usize>) {
    match runs.last_mut() {
        Some(last) if last.end == run.start => last.end = run.end,
        _ => runs.push(run),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod source {
    #![allow(unsafe_code)]

    use std::{
        fs::File,
        io,
        ops::Range,
        os::fd::{AsFd, AsRawFd},
        sync::atomic::{AtomicBool, Ordering::Relaxed},
    };

    use super::{super::private_file::PrivateFile, push};
    use crate::sys::read::read_full;

    /// `/proc/self/pagemap`.
    #[derive(Debug)]
    pub(super) struct Source {
        pagemap: PrivateFile,
        /// Whether the kernel has `PAGEMAP_SCAN` (Linux 6.7).
        has_scan: AtomicBool,
    }

    /// `struct page_region` of `linux/fs.h`.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct PageRegion {
        start: u64,
        end: u64,
        categories: u64,
    }

    /// `struct pm_scan_arg` of `linux/fs.h`.
    #[repr(C)]
    #[derive(Default)]
    struct ScanArguments {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        regions: u64,
        regions_len: u64,
        max_pages: u64,
        category_inverted: u64,
        category_mask: u64,
        category_any_of_mask: u64,
        return_mask: u64,
    }

    /// `_IOWR('f', 16, struct pm_scan_arg)`.
    const PAGEMAP_SCAN: u32 = 3 << 30 | (size_of::<ScanArguments>() as u32) << 16 | 0x66 << 8 | 16;
    const IS_FILE: u64 = 1 << 2;
    const IS_PRESENT: u64 = 1 << 3;
    const IS_SWAPPED: u64 = 1 << 4;

    /// How many regions a call returns at most: more than the kernel collects at once, so that the
    /// tests see what it returns then.
    const REGIONS: usize = 1024;

    impl Source {
        pub(super) fn open() -> Option<Source> {
            let pagemap = PrivateFile::new(File::open("/proc/self/pagemap").ok()?.into()).ok()?;
            Some(Source { pagemap, has_scan: AtomicBool::new(true) })
        }

        /// Whether the program has not closed the descriptor by its number.
        pub(super) fn is_intact(&self) -> bool {
            self.pagemap.is_intact()
        }

        pub(super) fn runs(
            &self,
            base: usize,
            pages: Range<usize>,
            page: usize,
        ) -> io::Result<Vec<Range<usize>>> {
            if self.has_scan.load(Relaxed) {
                match self.scanned(base, &pages, page) {
                    Err(error) if is_unknown(&error) => self.has_scan.store(false, Relaxed),
                    done => return done,
                }
            }
            self.read(base, pages, page)
        }

        fn scanned(
            &self,
            base: usize,
            pages: &Range<usize>,
            page: usize,
        ) -> io::Result<Vec<Range<usize>>> {
            let mut runs = Vec::new();
            let mut regions = [PageRegion::default(); REGIONS];
            let (mut start, end) = (base + pages.start * page, base + pages.end * page);
            while start < end {
                let (count, walked) = self.scan(start, end, &mut regions)?;
                for region in &regions[..count] {
                    let number = |address: u64| (address as usize - base) / page;
                    push(&mut runs, number(region.start)..number(region.end));
                }
                // Linux 6.12 and 6.18 collect as many regions as a page table has entries, continue
                // by themselves, and return where they stopped for the last time, although they
                // have looked at the rest (`do_pagemap_scan` in fs/proc/task_mmu.c).
                start = regions[..count].last().map_or(walked, |it| walked.max(it.end as usize));
            }
            Ok(runs)
        }

        /// Returns the number of regions, and the address up to which the kernel has looked.
        fn scan(
            &self,
            start: usize,
            end: usize,
            regions: &mut [PageRegion; REGIONS],
        ) -> io::Result<(usize, usize)> {
            let mut arguments = ScanArguments {
                size: size_of::<ScanArguments>() as u64,
                start: start as u64,
                end: end as u64,
                regions: regions.as_mut_ptr().expose_provenance() as u64,
                regions_len: REGIONS as u64,
                category_inverted: IS_FILE,
                category_mask: IS_FILE,
                category_any_of_mask: IS_PRESENT | IS_SWAPPED,
                return_mask: IS_PRESENT,
                ..ScanArguments::default()
            };
            // SAFETY: the kernel reads and writes the arguments, and writes at most `REGIONS`
            // regions.
            let count = unsafe {
                libc::ioctl(self.pagemap.as_fd().as_raw_fd(), PAGEMAP_SCAN as _, &raw mut arguments)
            };
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            Ok((count, arguments.walk_end as usize))
        }

        /// Reads the entries of the pages: bit 61 is that of files, 62 of swap, 63 of presence.
        fn read(
            &self,
            base: usize,
            pages: Range<usize>,
            page: usize,
        ) -> io::Result<Vec<Range<usize>>> {
            let mut runs = Vec::new();
            let mut buffer = [0; 8 * 4096];
            let mut first = pages.start;
            while first < pages.end {
                let count = (pages.end - first).min(buffer.len() / 8);
                let entries = &mut buffer[..8 * count];
                let at = ((base / page + first) * 8) as u64;
                if read_full(self.pagemap.as_fd(), entries, at)? < entries.len() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                for (index, entry) in entries.chunks_exact(8).enumerate() {
                    let bits = u64::from_ne_bytes(entry.try_into().unwrap_or_default()) >> 61;
                    if bits & 1 == 0 && bits >> 1 != 0 {
                        push(&mut runs, first + index..first + index + 1);
                    }
                }
                first += count;
            }
            Ok(runs)
        }

        /// Makes the reports those of an older kernel.
        #[cfg(test)]
        pub(super) fn without_scan(self) -> Source {
            Source { has_scan: AtomicBool::new(false), ..self }
        }
    }

    /// The error of a kernel that does not know the command, or of a filter of system calls.
    fn is_unknown(error: &io::Error) -> bool {
        matches!(
            error.raw_os_error(),
            Some(libc::ENOTTY | libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES)
        )
    }
}

/// A page that was copied belongs to no file any more. The bits are not in mincore(2), but in
/// `sys/mman.h`; `vm_map_page_range_info_internal` in `osfmk/vm/vm_map.c` sets them.
#[cfg(target_vendor = "apple")]
mod source {
    #![allow(unsafe_code)]

    use std::{io, ops::Range};

    use super::push;

    const MINCORE_INCORE: u8 = 0x1;
    const MINCORE_PAGED_OUT: u8 = 0x20;
    const MINCORE_COPIED: u8 = 0x40;
    const MINCORE_ANONYMOUS: u8 = 0x80;

    #[derive(Debug)]
    pub(super) struct Source;

    impl Source {
        #[allow(clippy::unnecessary_wraps)] // Other systems may have no report.
        pub(super) fn open() -> Option<Source> {
            Some(Source)
        }

        #[allow(clippy::unused_self)] // Other systems use a descriptor.
        pub(super) fn is_intact(&self) -> bool {
            true
        }

        pub(super) fn runs(
            &self,
            base: usize,
            pages: Range<usize>,
            page: usize,
        ) -> io::Result<Vec<Range<usize>>> {
            let mut runs = Vec::new();
            let mut statuses = [0_u8; 4096];
            let mut first = pages.start;
            while first < pages.end {
                let count = (pages.end - first).min(statuses.len());
                let start = std::ptr::without_provenance_mut(base + first * page);
                // SAFETY: the kernel writes a byte for each page.
                let done =
                    unsafe { libc::mincore(start, count * page, statuses.as_mut_ptr().cast()) };
                crate::sys::unix::check(done)?;
                for (index, status) in statuses[..count].iter().enumerate() {
                    let exists = status & (MINCORE_INCORE | MINCORE_PAGED_OUT) != 0;
                    if exists && status & (MINCORE_ANONYMOUS | MINCORE_COPIED) != 0 {
                        push(&mut runs, first + index..first + index + 1);
                    }
                }
                first += count;
            }
            Ok(runs)
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod source {
    use std::{io, ops::Range};

    #[derive(Debug)]
    pub(super) enum Source {}

    impl Source {
        pub(super) fn open() -> Option<Source> {
            None
        }

        pub(super) fn is_intact(&self) -> bool {
            match *self {}
        }

        pub(super) fn runs(
            &self,
            _: usize,
            _: Range<usize>,
            _: usize,
        ) -> io::Result<Vec<Range<usize>>> {
            match *self {}
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Access, Map, Options, page_size};

    fn both() -> [PrivatePages; 2] {
        let source = source::Source::open().map(source::Source::without_scan);
        [PrivatePages::new(), PrivatePages { source }]
    }

    fn pages(map: &Map, count: usize) -> [Vec<usize>; 2] {
        both().map(|kernel| {
            let runs = kernel.runs(map.as_ptr().addr(), 0..count).unwrap().unwrap();
            assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "{runs:?}");
            runs.into_iter().flatten().collect()
        })
    }

    #[test]
    fn exactly_the_pages_that_were_stored_to_are_reported() {
        const COUNT: usize = 3000;
        let file = tempfile::tempfile().unwrap();
        file.set_len((COUNT * page_size()) as u64).unwrap();
        let map = Options::new().access(Access::Copy).map(&file).unwrap();
        let mut random = fastrand::Rng::with_seed(4);
        let mut model = BTreeSet::new();
        for round in 0..40 {
            for _ in 0..1 << (round / 4) {
                let (page, at) = (random.usize(0..COUNT), random.usize(0..page_size()));
                map.get(random.usize(0..map.len())).unwrap();
                // Also if the byte does not change.
                map.set(random.u8(0..2), page * page_size() + at).unwrap();
                model.insert(page);
            }
            let expected: Vec<usize> = model.iter().copied().collect();
            assert_eq!(pages(&map, COUNT), [expected.clone(), expected]);
        }
        map.fill(1, ..).unwrap();
        let all: Vec<usize> = (0..COUNT).collect();
        assert_eq!(pages(&map, COUNT), [all.clone(), all]);
    }

    #[test]
    fn pages_behind_the_end_of_the_file_are_not_reported() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4 * page_size() as u64).unwrap();
        let map = Options::new().access(Access::Copy).map(&file).unwrap();
        map.fill(1, ..).unwrap();
        file.set_len(page_size() as u64 + 1).unwrap();
        file.set_len(4 * page_size() as u64).unwrap();
        assert_eq!(pages(&map, 4), [[0, 1], [0, 1]]);
    }
}
