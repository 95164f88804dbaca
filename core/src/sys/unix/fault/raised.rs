//! Signals that another handler raises because of a fault of an accessor or in a watched map.
//!
//! A handler that was installed after the library's may, on such a fault, print a report, restore
//! the library's handler and raise the signal again, which is meant to terminate the process.
//! Python's faulthandler does. The fault is still pending on the stack of this thread, in the frame
//! that the kernel made for that handler. This module finds the frame and makes it continue at the
//! fixup of the accessor.
//!
//! The search reads arbitrary stack memory, so it accepts a frame only if several facts agree. The
//! saved program counter must be an access of an accessor, or the fault address must lie in an
//! intact page of a watched map. The remains of a resolved fault do not match: their program
//! counter is the fixup, or their page was replaced.

use super::{
    super::{errno, repair},
    context::Context,
    mask,
};
use crate::accessor;
use libc::c_int;
use std::{mem, ptr};

/// Bytes of stack that are searched for a frame. Handlers that report faults use a few hundred.
const REACH: usize = 64 << 10;
const STEP: usize = size_of::<u64>();
/// The smallest page size of any system.
const PAGE: usize = 4096;

/// Resolves the fault because of which the signal was raised. Returns whether there was one.
pub(super) fn resolve(context: &mut Context<'_>) -> bool {
    is_sent_by_this_process(context)
        && (is_pending(context) || {
            mask::unblock();
            stack(context).find_map(Frame::at).is_some_and(|frame| frame.resolve())
        })
}

fn is_sent_by_this_process(context: &mut Context<'_>) -> bool {
    context.code() == libc::SI_TKILL && context.sender() as u32 == std::process::id()
}

/// Whether the signal was raised while it was blocked, and arrived when the handler returned to the
/// accessor, whose access will fault again.
///
/// A signal that another thread sends to a thread inside an accessor is lost if that thread had a
/// fault before.
fn is_pending(context: &mut Context<'_>) -> bool {
    let current = context.program_counter_slot();
    let pending = Frame::at(current).is_some();
    if pending {
        // The frame of the handler that returned may still lie below the stack pointer. The next
        // search must not accept it.
        let is_old = |&slot: &usize| slot != current && is_access_saved_at(slot);
        below(context).filter(is_old).filter_map(Frame::at).for_each(|frame| {
            frame.resolve();
        });
    }
    pending
}

fn is_access_saved_at(slot: usize) -> bool {
    read(slot).is_some_and(|counter| accessor::fixup(counter as usize).is_some())
}

/// The readable words of the interrupted stack, from its top on.
fn stack(context: &mut Context<'_>) -> impl Iterator<Item = usize> {
    let start = context.stack_pointer().next_multiple_of(STEP);
    readable((start..start.saturating_add(REACH)).step_by(STEP))
}

/// The readable words below the top of the interrupted stack, the nearest first.
fn below(context: &mut Context<'_>) -> impl Iterator<Item = usize> {
    let start = context.stack_pointer() / STEP * STEP;
    readable((start.saturating_sub(REACH)..start).step_by(STEP).rev())
}

fn readable(slots: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
    let mut page = 0;
    slots.take_while(move |&slot| {
        mem::replace(&mut page, slot / PAGE) == slot / PAGE || is_readable(slot)
    })
}

/// Asks the kernel, because a fault would reach the handler that has just raised the signal.
fn is_readable(address: usize) -> bool {
    const INVALID_HOW: c_int = !0;
    errno::preserved(|| {
        // SAFETY: the kernel reads the set first and then refuses `how`. Nothing is changed.
        let status = unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                INVALID_HOW,
                address,
                ptr::null_mut::<u64>(),
                size_of::<u64>(),
            )
        };
        status == -1 && errno::get() == libc::EINVAL
    })
}

/// The signal frame of a pending fault: the address at which its program counter is saved.
struct Frame(usize);

impl Frame {
    /// Recognises a frame by its program counter slot. The frame's `siginfo_t` is not checked: the
    /// kernel fills it only for handlers with SA_SIGINFO.
    fn at(slot: usize) -> Option<Frame> {
        let word = |distance: isize| read(slot.wrapping_add_signed(distance));
        let address = word(frame::FAULT)? as usize;
        let is_pending = address != 0
            && word(frame::LINK)? == 0
            && frame::MARKS
                .iter()
                .all(|&(at, mask, value)| word(at).is_some_and(|word| word & mask == value))
            && (accessor::fixup(read(slot)? as usize).is_some() || repair::is_wanted(address));
        is_pending.then_some(Frame(slot))
    }

    /// Makes the thread continue at the fixup of the accessor when the handler returns.
    fn resolve(&self) -> bool {
        let Frame(slot) = *self;
        let address = read(slot.wrapping_add_signed(frame::FAULT));
        let fixup = read(slot).and_then(|counter| accessor::fixup(counter as usize));
        let (Some(address), Some(fixup)) = (address, fixup) else {
            // External code: its instruction is executed again and finds the page replaced.
            return address.is_some_and(|address| repair::repair(address as usize, None));
        };
        write(slot.wrapping_add_signed(frame::FAULT_REGISTER), address) && write(slot, fixup as u64)
    }
}

fn read(address: usize) -> Option<u64> {
    // SAFETY: an accessor may read any address. The library's handler is first again, or the kernel
    // has said that the page is readable (`readable`).
    let loaded = unsafe { accessor::load64(ptr::with_exposed_provenance(address)) };
    (loaded.fault == 0).then_some(loaded.value)
}

fn write(address: usize, value: u64) -> bool {
    // SAFETY: `address` lies in the frame of a handler that waits for this one to return.
    unsafe { accessor::store64(ptr::with_exposed_provenance_mut(address), value) == 0 }
}

/// Distances in the frame of a signal from the saved program counter, in bytes (Linux, `struct
/// rt_sigframe`).
#[cfg(target_arch = "x86_64")]
mod frame {
    /// The registers are ordered as in `gregs`, where the program counter has index 16.
    const fn register(index: isize) -> isize {
        (index - 16) * 8
    }
    pub(super) const FAULT: isize = register(22);
    pub(super) const FAULT_REGISTER: isize = register(3);
    /// `uc_link`. The order is: flags, link, the three words of the stack, the registers.
    pub(super) const LINK: isize = register(0) - 32;
    /// Trap 14 is a page fault, in user mode (bit 2 of its error code), in 64-bit code (selector
    /// 0x33).
    pub(super) const MARKS: [(isize, u64, u64); 3] =
        [(register(20), !0, 14), (register(19), 4, 4), (register(18), 0xffff, 0x33)];
}

#[cfg(target_arch = "aarch64")]
mod frame {
    /// The fault address, 31 registers and the stack pointer precede the program counter.
    pub(super) const FAULT: isize = -8 * 33;
    /// `uc_link`. The order is: flags, link, other fields, the registers at 176 bytes.
    pub(super) const LINK: isize = FAULT - 176 + 8;
    /// The processor state, which follows the program counter, says user mode.
    pub(super) const MARKS: [(isize, u64, u64); 1] = [(8, 0x1f, 0)];
    pub(super) const FAULT_REGISTER: isize = FAULT + 8 + 8 * 17;
}
