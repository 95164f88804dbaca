//! Asks the kernel whether an access to a page would succeed, without changing a byte.

/// Whether an access to `address` would succeed now. Async-signal-safe.
///
/// Two operations of futexes access a word and report `EFAULT` if they cannot: one compares it, and
/// one combines it with 0. Neither waits, and neither wakes a thread that waits at another word.
/// `madvise` with `MADV_POPULATE_READ` (Linux 5.14) is newer, and emulators ignore it.
///
/// Returns false if the kernel refuses the question.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn is_accessible(address: usize, is_write: bool) -> bool {
    if is_write { futex(address, Operation::Or) } else { futex(address, Operation::Compare) }
}

/// Other systems have no such operation.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn is_accessible(_: usize, _: bool) -> bool {
    false
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// `FUTEX_CMP_REQUEUE`: reads the word. No thread is moved, because the numbers are 0.
    Compare,
    /// `FUTEX_WAKE_OP`: an atomic "or" of the word and 0.
    Or,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn futex(address: usize, operation: Operation) -> bool {
    use super::super::errno;
    use std::sync::atomic::AtomicU32;

    const FUTEX_OP_OR: u32 = 2 << 28;
    /// No thread waits here.
    static UNUSED: AtomicU32 = AtomicU32::new(0);

    let (word, unused) = (address & !3, UNUSED.as_ptr().addr());
    let (number, first, second, argument) = match operation {
        Operation::Compare => (libc::FUTEX_CMP_REQUEUE, word, unused, 0),
        Operation::Or => (libc::FUTEX_WAKE_OP, unused, word, FUTEX_OP_OR),
    };
    let number = number | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel accesses both words as described above, and reports a fault.
    let status =
        unsafe { libc::syscall(libc::SYS_futex, first, number, 0, 0_usize, second, argument) };
    status >= 0 || operation == Operation::Compare && errno::get() == libc::EAGAIN
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::{os::fd::AsRawFd, ptr};

    use super::is_accessible;
    use crate::{
        flags::Protection,
        sys::unix::{
            mmap::{MapCall, map_call, protect_call},
            page_size,
        },
    };

    const BYTES: [[u8; 8]; 3] = [[0; 8], [0xff; 8], *b"\x80\0\0\x80abcd"];

    fn map(flags: i32, fd: i32) -> *mut u8 {
        let call = MapCall { at: ptr::null_mut(), len: 2 * page_size(), flags, fd, offset: 0 };
        // SAFETY: without MAP_FIXED the kernel chooses a free address range.
        unsafe { map_call(Protection::READ | Protection::WRITE, &call) }.unwrap().as_ptr()
    }

    fn accesses(address: usize) -> [bool; 2] {
        [is_accessible(address, false), is_accessible(address, true)]
    }

    #[test]
    fn a_page_can_be_read_and_written_as_its_protection_says() {
        let page = map(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1);
        for bytes in BYTES {
            // SAFETY: the page is mapped, and no reference to it exists.
            unsafe { page.cast::<[u8; 8]>().write(bytes) };
            assert_eq!(accesses(page.addr() + 3), [true, true]);
            // SAFETY: as above.
            assert_eq!(unsafe { page.cast::<[u8; 8]>().read() }, bytes);
        }
        for (protection, expected) in
            [(Protection::READ, [true, false]), (Protection::NONE, [false, false])]
        {
            // SAFETY: as above.
            unsafe { protect_call(page.cast(), page_size(), protection) }.unwrap();
            assert_eq!(accesses(page.addr() + 5), expected);
        }
    }

    #[test]
    fn a_page_behind_the_end_of_the_file_is_inaccessible() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(2 * page_size() as u64).unwrap();
        let first = map(libc::MAP_SHARED, file.as_raw_fd()).addr();
        let second = first + page_size();
        assert_eq!(accesses(second), [true, true]);
        file.set_len(1).unwrap();
        assert_eq!((accesses(first), accesses(second)), ([true, true], [false, false]));
    }
}
