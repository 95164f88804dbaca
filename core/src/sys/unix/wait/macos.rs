//! macOS 14.4: `os_sync_wait_on_address` (os/os_sync_wait_on_address.h), found at run time. Older
//! systems poll.

use std::{
    ffi::{CStr, c_int, c_void},
    io, mem,
    sync::OnceLock,
    time::Duration,
};

use super::convert::outcome;
use crate::sys::{polled, sleep::Sleep, unix::check};

/// Of the functions: the memory is shared between processes.
const SHARED: u32 = 1;
/// `OS_CLOCK_MACH_ABSOLUTE_TIME`.
const CLOCK: u32 = 32;

type Wait = unsafe extern "C" fn(*mut c_void, u64, usize, u32) -> c_int;
type WaitFor = unsafe extern "C" fn(*mut c_void, u64, usize, u32, u32, u64) -> c_int;
type Wake = unsafe extern "C" fn(*mut c_void, usize, u32) -> c_int;

struct Functions {
    wait: Wait,
    wait_for: WaitFor,
    wake_any: Wake,
    wake_all: Wake,
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    FUNCTIONS.get_or_init(find).as_ref()
}

fn find() -> Option<Functions> {
    // SAFETY: the function has this type, here and below.
    let wait = unsafe { mem::transmute::<*mut c_void, Wait>(symbol(c"os_sync_wait_on_address")?) };
    let wait_for = symbol(c"os_sync_wait_on_address_with_timeout")?;
    // SAFETY: as above.
    let wait_for = unsafe { mem::transmute::<*mut c_void, WaitFor>(wait_for) };
    let wake_any = symbol(c"os_sync_wake_by_address_any")?;
    // SAFETY: as above.
    let wake_any = unsafe { mem::transmute::<*mut c_void, Wake>(wake_any) };
    let wake_all = symbol(c"os_sync_wake_by_address_all")?;
    // SAFETY: as above.
    let wake_all = unsafe { mem::transmute::<*mut c_void, Wake>(wake_all) };
    Some(Functions { wait, wait_for, wake_any, wake_all })
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

/// Sleeps while the word is `expected`, at most for `timeout`.
///
/// # Safety
///
/// The word is aligned, and lies in address space that is reserved for a map.
pub(crate) unsafe fn sleep(
    word: *const u32,
    expected: u32,
    timeout: Option<Duration>,
    round: u32,
) -> io::Result<Sleep> {
    let Some(functions) = functions() else {
        // SAFETY: no conditions.
        return unsafe { polled::sleep(word, expected, timeout, round) };
    };
    let (address, size) = (word.cast_mut().cast(), size_of::<u32>());
    let status = match timeout.map(|timeout| u64::try_from(timeout.as_nanos())) {
        // The function refuses a timeout of 0.
        Some(Ok(0)) => return Ok(Sleep::TimedOut),
        Some(Ok(timeout)) => {
            // SAFETY: the kernel reads the word and reports inaccessible memory.
            unsafe { (functions.wait_for)(address, expected.into(), size, SHARED, CLOCK, timeout) }
        }
        // SAFETY: as above.
        _ => unsafe { (functions.wait)(address, expected.into(), size, SHARED) },
    };
    // Success returns the number of threads that still wait.
    outcome(check(status.min(0)))
}

/// Wakes up to `count` threads that sleep on the word; for more than one, all of them.
///
/// # Safety
///
/// As for [`sleep`].
pub(crate) unsafe fn wake(word: *const u32, count: u32) -> io::Result<()> {
    let Some(functions) = functions() else {
        // SAFETY: no conditions.
        return unsafe { polled::wake(word, count) };
    };
    let wake = match count {
        0 => return Ok(()),
        1 => functions.wake_any,
        _ => functions.wake_all,
    };
    // SAFETY: the kernel finds the page of the word and reports inaccessible memory.
    match check(unsafe { wake(word.cast_mut().cast(), size_of::<u32>(), SHARED) }.min(0)) {
        // No thread waits.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        done => done,
    }
}
