//! Alternatives to the library that need `unsafe` or a system call.

#![allow(unsafe_code)]

use std::{fs::File, io, ptr};

use memmap2::{Mmap, MmapMut, MmapOptions, RemapOptions};

/// memmap2's map of a file.
pub(crate) fn map(file: &File) -> Mmap {
    // SAFETY: the files of a benchmark are not shortened while they are mapped, and not written
    // while a reference into the map exists.
    unsafe { Mmap::map(file) }.expect("map a file")
}

/// memmap2's writable map of a file.
pub(crate) fn map_mut(file: &File) -> MmapMut {
    // SAFETY: as above.
    unsafe { MmapMut::map_mut(file) }.expect("map a file")
}

/// A writable map that is longer than its file.
pub(crate) fn map_beyond(file: &File, len: usize) -> MmapMut {
    // SAFETY: as above; memory beyond the end of the file is not accessed before the file has
    // grown.
    unsafe { MmapOptions::new().len(len).map_mut(file) }.expect("map a file")
}

/// Extends a map by `mremap`.
pub(crate) fn remap(map: &mut MmapMut, len: usize) {
    // SAFETY: the file has that length, and no reference into the map exists.
    unsafe { map.remap(len, RemapOptions::new().may_move(true)) }.expect("remap a file");
}

/// The C library's search, which Python's fmmap calls.
pub(crate) fn memmem(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (start, piece) = (bytes.as_ptr().cast(), needle.as_ptr().cast());
    // SAFETY: the addresses and lengths are those of slices.
    let found = unsafe { libc::memmem(start, bytes.len(), piece, needle.len()) };
    (!found.is_null()).then(|| found.addr() - start.addr())
}

/// Loads the integer at a multiple of its size. The compiler cannot omit it.
#[inline]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    let at: *const u8 = bytes[at..at + 8].as_ptr();
    // SAFETY: a map is aligned to a page, `at` is a multiple of 8, and eight bytes are in bounds.
    unsafe { ptr::read_volatile(at.cast()) }
}

/// Stores an integer in the same way.
#[inline]
pub(crate) fn store(bytes: &mut [u8], at: usize, value: u64) {
    let at: *mut u8 = bytes[at..at + 8].as_mut_ptr();
    // SAFETY: as above.
    unsafe { ptr::write_volatile(at.cast(), value) }
}

/// Evicts a file from the page cache. Returns whether its first page is no longer there.
pub(crate) fn evict(file: &File) -> io::Result<bool> {
    file.sync_all()?;
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?;
    let map = map(file);
    let mut state = 0;
    // SAFETY: the first page is mapped, and its state takes one byte.
    unsafe { libc::mincore(map.as_ptr().cast_mut().cast(), 1, &raw mut state) };
    Ok(state & 1 == 0)
}

/// Writes all that is in the page cache to the disks.
pub(crate) fn sync() {
    rustix::fs::sync();
}

/// The number of free bytes in the directory for temporary files.
pub(crate) fn free_disk() -> usize {
    rustix::fs::statvfs(std::env::temp_dir()).map_or(0, |it| (it.f_bavail * it.f_frsize) as usize)
}

/// The nanoseconds that a process has run.
pub(crate) fn processor_time(process: libc::pid_t) -> io::Result<f64> {
    let mut clock = 0;
    // SAFETY: the clock is valid for writes.
    match unsafe { libc::clock_getcpuclockid(process, &raw mut clock) } {
        0 => Ok(clock_time(clock)),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The nanoseconds that this thread has run.
pub(crate) fn own_processor_time() -> f64 {
    clock_time(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock_time(clock: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is valid for writes.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// A mutex of the C library in shared memory.
pub(crate) struct PthreadMutex(Box<memmap2::MmapMut>);

impl PthreadMutex {
    pub(crate) fn new(is_robust: bool) -> PthreadMutex {
        let memory = memmap2::MmapMut::map_anon(4096).expect("map a page");
        let mutex = PthreadMutex(Box::new(memory));
        let mut settings = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let settings = settings.as_mut_ptr();
        // SAFETY: the settings have the type that the function initializes.
        unsafe { libc::pthread_mutexattr_init(settings) };
        // SAFETY: initialized above.
        unsafe { libc::pthread_mutexattr_setpshared(settings, libc::PTHREAD_PROCESS_SHARED) };
        if is_robust {
            // SAFETY: initialized above.
            unsafe { libc::pthread_mutexattr_setrobust(settings, libc::PTHREAD_MUTEX_ROBUST) };
        }
        // SAFETY: a page is longer than a mutex, and no thread uses it yet.
        unsafe { libc::pthread_mutex_init(mutex.address(), settings) };
        mutex
    }

    pub(crate) fn lock_and_unlock(&self) {
        // SAFETY: the mutex was initialized, and is not locked by this thread.
        unsafe { libc::pthread_mutex_lock(self.address()) };
        // SAFETY: locked by this thread.
        unsafe { libc::pthread_mutex_unlock(self.address()) };
    }

    fn address(&self) -> *mut libc::pthread_mutex_t {
        self.0.as_ptr().cast_mut().cast()
    }
}

/// Opens an environment of LMDB in a folder.
#[cfg(feature = "lmdb")]
pub(crate) fn lmdb(folder: &std::path::Path, limit: usize) -> heed::Result<heed::Env> {
    // SAFETY: no other process or environment opens the files in the folder, or changes them.
    unsafe { heed::EnvOpenOptions::new().map_size(limit).open(folder) }
}
