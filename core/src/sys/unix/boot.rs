//! Which start of the system this is.

/// Returns a number that the system has chosen when it was started, or zeros if it is not known.
///
/// Containers may have other numbers: systemd-nspawn and LXD replace the file of Linux.
pub(crate) fn boot_id() -> [u8; 16] {
    system::text().and_then(|text| parse(&text)).unwrap_or_default()
}

/// Parses the digits of a UUID.
fn parse(text: &str) -> Option<[u8; 16]> {
    let digits = text.trim().replace('-', "");
    let number = u128::from_str_radix(&digits, 16).ok()?;
    (digits.len() == 32).then(|| number.to_be_bytes())
}

/// random(4).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    pub(super) fn text() -> Option<String> {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
    }
}

/// sysctl(3).
#[cfg(target_vendor = "apple")]
mod system {
    use std::{ffi::CStr, ptr};

    pub(super) fn text() -> Option<String> {
        let mut text = [0_u8; 64];
        let mut len = text.len();
        let (name, old) = (c"kern.bootsessionuuid".as_ptr(), text.as_mut_ptr().cast());
        // SAFETY: the system writes at most `len` bytes to `text`, and their number to `len`.
        let status = unsafe { libc::sysctlbyname(name, old, &raw mut len, ptr::null_mut(), 0) };
        let text = CStr::from_bytes_until_nul(&text).ok().filter(|_| status == 0)?;
        text.to_str().ok().map(str::to_owned)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod system {
    pub(super) fn text() -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_is_the_number_of_a_uuid() {
        let text = "01234567-89ab-cdef-0123-456789abcdef\n";
        let half = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        assert_eq!(parse(text), Some([half, half].concat().try_into().unwrap()));
        for wrong in ["", "0123", "01234567-89ab-cdef-0123-456789abcdeg", &"0".repeat(33)] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_boot_id_is_known_and_stays() {
        assert_ne!(boot_id(), [0; 16]);
        assert_eq!(boot_id(), boot_id());
    }
}
