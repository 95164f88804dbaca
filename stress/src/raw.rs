//! Direct access to mapped memory, and handlers of a program.
//!
//! The functions are not sound: some exist to be terminated by a signal.
#![allow(unsafe_code)]

use std::{
    io,
    path::Path,
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst},
};

use libc::{SA_ONSTACK, SIGSEGV, c_int, c_void, sigaction, siginfo_t};
use safemap::Map;
use safemap_testing::signal;

/// Reads a byte without the library's accessors.
pub(crate) fn read_directly(map: &Map, at: usize) -> u8 {
    // SAFETY: `at` is in the map's region. The scenario is about missing pages there.
    unsafe { map.as_ptr().wrapping_add(at).read_volatile() }
}

/// Writes a byte without the library's accessors.
pub(crate) fn write_directly(map: &Map, at: usize, byte: u8) {
    // SAFETY: as for `read_directly`.
    unsafe { map.as_mut_ptr().wrapping_add(at).write_volatile(byte) }
}

/// Returns the mapped memory, as memmap2 does.
pub(crate) fn mapped_slice(map: &Map) -> &[u8] {
    // SAFETY: none. The scenario is about files that change.
    unsafe { map.as_slice() }
}

/// Returns the address of a byte of a map.
pub(crate) fn address(map: &Map, at: usize) -> usize {
    map.as_ptr().wrapping_add(at).expose_provenance()
}

/// Reads a byte at an earlier result of [`address`], as code does that keeps addresses.
pub(crate) fn read_address(address: usize) -> u8 {
    // SAFETY: it was the address of a map's byte. The scenario is about whether it still is.
    unsafe { ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

/// The exit status of a process whose own handler was called.
pub(crate) const HANDLED: i32 = 77;

/// How often [`chain`] was called.
pub(crate) static CHAINED: AtomicUsize = AtomicUsize::new(0);

/// The actions that `chain` replaced, for SIGBUS and SIGSEGV.
static REPLACED: [AtomicPtr<sigaction>; 2] = [const { AtomicPtr::new(ptr::null_mut()) }; 2];

/// Installs a handler that calls the handler it replaces.
pub(crate) fn install_chaining(signal: c_int) {
    let replaced = signal::install(signal, chain, SA_ONSTACK);
    REPLACED[usize::from(signal == SIGSEGV)].store(Box::leak(Box::new(replaced)), SeqCst);
}

/// Installs a handler that ends the process with [`HANDLED`].
pub(crate) fn install_ending(signal: c_int) {
    extern "C" fn end(_: c_int) {
        signal::exit(HANDLED);
    }
    signal::install_plain(signal, end, SA_ONSTACK);
}

extern "C" fn chain(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    CHAINED.fetch_add(1, SeqCst);
    // SAFETY: `install_chaining` stored the pointer. The memory is never freed.
    let replaced = unsafe { REPLACED[usize::from(number == SIGSEGV)].load(SeqCst).as_ref() };
    match replaced {
        None => signal::exit(HANDLED),
        // The instruction is executed again and terminates the process.
        Some(default) if default.sa_sigaction == libc::SIG_DFL => {
            signal::replace(number, Some(default));
        }
        // SAFETY: in these scenarios the replaced handler takes three arguments.
        Some(action) => unsafe { signal::call(action.sa_sigaction, number, info, context) },
    }
}

/// Unmaps the inaccessible shared pages of a file, with which the library keeps this process alive
/// for others.
pub(crate) fn unmap_inaccessible_pages(path: &Path) -> io::Result<()> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let path = path.to_string_lossy();
    for line in maps.lines().filter(|line| line.contains(" ---s ") && line.ends_with(&*path)) {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let address = |text| usize::from_str_radix(text, 16).expect("an address");
        let (start, end) =
            range.map(|(start, end)| (address(start), address(end))).expect("a range");
        // SAFETY: none. The scenario is about tokens that end too early.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(start), end - start) };
    }
    Ok(())
}
