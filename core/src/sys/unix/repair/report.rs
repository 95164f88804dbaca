//! What a signal handler does when a map becomes damaged: a report, and a call of the hook.

use super::record::Reaction;
use crate::Damage;

/// The longest number of 64 bits.
const DIGITS: usize = 20;

/// Writes the report and calls the hook. Async-signal-safe.
pub(super) fn react(reaction: &Reaction, damage: Damage) {
    if let Some(name) = &reaction.reported_name {
        write(name, damage.offset);
    }
    if let Some(hook) = reaction.hook {
        hook(damage);
    }
}

/// Writes one line to standard error, by one system call, so that lines of several processes are
/// not mixed. There is no other place to report that this fails.
fn write(name: &str, offset: usize) {
    let (mut offset_digits, mut process_digits) = ([0; DIGITS], [0; DIGITS]);
    let parts = [
        "safemap: the map of ",
        name,
        " is damaged at offset ",
        decimal(offset, &mut offset_digits),
        ": bytes that cannot be accessed were replaced by zeros (process ",
        decimal(std::process::id() as usize, &mut process_digits),
        ")\n",
    ];
    let parts = parts
        .map(|part| libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() });
    // SAFETY: each part is a string that outlives the call, which only reads them.
    unsafe { libc::writev(libc::STDERR_FILENO, parts.as_ptr(), parts.len() as libc::c_int) };
}

/// Writes a number in decimal, without the formatter of the standard library, which may panic.
fn decimal(mut number: usize, digits: &mut [u8; DIGITS]) -> &str {
    let mut start = DIGITS;
    while start > 0 && (number > 0 || start == DIGITS) {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    std::str::from_utf8(&digits[start..]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{DIGITS, decimal};

    #[test]
    fn a_number_is_written_as_the_standard_library_does() {
        for number in [0, 1, 9, 10, 4096, 1_234_567_890, usize::MAX] {
            assert_eq!(decimal(number, &mut [0; DIGITS]), number.to_string());
        }
    }
}
