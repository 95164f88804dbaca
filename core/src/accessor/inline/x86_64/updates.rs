//! The inlined forms that replace a word with one locked instruction.

use std::arch::asm;

macro_rules! updates {
    ($($update:ident $instruction:literal;)+) => {$(
        /// Returns the former value; `None` after a fault, which has changed nothing.
        ///
        /// # Safety
        ///
        /// See the module above.
        #[inline]
        pub(crate) unsafe fn $update(base: *mut u8, at: usize, operand: u64) -> Option<u64> {
            let (value, fault): (u64, usize);
            // SAFETY: the caller may write the word; a fault continues at the end of the block.
            unsafe {
                asm!(
                    "xor r11d, r11d",
                    concat!("771: ", $instruction),
                    "772:",
                    entry!(),
                    base = in(reg) base,
                    at = in(reg) at,
                    operand = inlateout(reg) operand => value,
                    out("r11") fault,
                    options(nostack),
                );
            }
            (fault == 0).then_some(value)
        }
    )+};
}

updates! {
    swap8 "xchg byte ptr [{base} + {at}], {operand:l}";
    swap16 "xchg word ptr [{base} + {at}], {operand:x}";
    swap32 "xchg dword ptr [{base} + {at}], {operand:e}";
    swap64 "xchg qword ptr [{base} + {at}], {operand}";
    add8 "lock xadd byte ptr [{base} + {at}], {operand:l}";
    add16 "lock xadd word ptr [{base} + {at}], {operand:x}";
    add32 "lock xadd dword ptr [{base} + {at}], {operand:e}";
    add64 "lock xadd qword ptr [{base} + {at}], {operand}";
}

macro_rules! exchanges {
    ($($exchange:ident $instruction:literal;)+) => {$(
        /// Returns the former value; `None` after a fault, which has changed nothing.
        ///
        /// # Safety
        ///
        /// See the module above.
        #[inline]
        pub(crate) unsafe fn $exchange(
            base: *mut u8,
            at: usize,
            expected: u64,
            new: u64,
        ) -> Option<u64> {
            let (value, fault): (u64, usize);
            // SAFETY: the caller may write the word; a fault continues at the end of the block.
            unsafe {
                asm!(
                    "xor r11d, r11d",
                    concat!("771: lock cmpxchg ", $instruction),
                    "772:",
                    entry!(),
                    base = in(reg) base,
                    at = in(reg) at,
                    new = in(reg) new,
                    inlateout("rax") expected => value,
                    out("r11") fault,
                    options(nostack),
                );
            }
            (fault == 0).then_some(value)
        }
    )+};
}

exchanges! {
    compare_exchange8 "byte ptr [{base} + {at}], {new:l}";
    compare_exchange16 "word ptr [{base} + {at}], {new:x}";
    compare_exchange32 "dword ptr [{base} + {at}], {new:e}";
    compare_exchange64 "qword ptr [{base} + {at}], {new}";
}
