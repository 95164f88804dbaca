//! The forms that replace a word, where they are not inlined: calls of accessors.

use crate::accessor;

macro_rules! updates {
    ($($function:ident($($operand:ident),+);)+) => {$(
        /// Returns the former value; `None` after a fault, which has changed nothing.
        ///
        /// # Safety
        ///
        /// See the module above.
        #[inline]
        pub(crate) unsafe fn $function(
            base: *mut u8,
            at: usize,
            $($operand: u64),+
        ) -> Option<u64> {
            // SAFETY: the caller's obligation.
            let loaded = unsafe { accessor::$function(base.wrapping_add(at), $($operand),+) };
            (loaded.fault == 0).then_some(loaded.value)
        }
    )+};
}

updates! {
    swap8(operand);
    swap16(operand);
    swap32(operand);
    swap64(operand);
    add8(operand);
    add16(operand);
    add32(operand);
    add64(operand);
    compare_exchange8(expected, new);
    compare_exchange16(expected, new);
    compare_exchange32(expected, new);
    compare_exchange64(expected, new);
}
