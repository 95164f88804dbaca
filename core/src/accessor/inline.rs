//! Short accesses that are compiled into the caller, so that they cost no call.
//!
//! Each form is a block of assembly: it clears the fault register (r11, x17), accesses memory, and
//! the next instruction tests the register. A fault of an instruction in the block stores its
//! address there and continues at the end of the block. The form then returns `None` or `false`,
//! and the caller starts over with an accessor, which reports the exact byte. So a form may have
//! stored some of its bytes before a fault. They are the ones that the accessor stores again.
//!
//! The blocks have no option but `nostack`. With `pure` a loop over a load that another thread
//! changes never ends; with `readonly` the compiler caches other memory across it.
//!
//! # Safety
//!
//! As for accessors (`accessor`), and the caller has checked [`is_home`] or
//! `sys::fault::can_inline`. Ranges must not overlap.

// Linux, because its linkers have been tried.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
#[macro_use]
mod rows;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
pub(super) use rows::table;

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable)))]
mod x86_64;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable)))]
pub(crate) use x86_64::*;

#[cfg(all(target_os = "linux", target_arch = "aarch64", not(safemap_portable)))]
mod aarch64;
#[cfg(all(target_os = "linux", target_arch = "aarch64", not(safemap_portable)))]
pub(crate) use aarch64::*;

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
)))]
mod called;
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
)))]
pub(crate) use called::*;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable))))]
mod updates;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable))))]
pub(crate) use updates::*;
