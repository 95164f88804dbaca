//! Signals that a handler raises because of a fault of ours.
//!
//! A handler that was installed after ours may, when a kernel faults, print a report, restore us and raise the signal again,
//! meaning to die of it; Python's faulthandler does. The fault still waits on the stack of this thread, in the frame that the
//! system made for that handler. We find the frame, and let it continue at the kernel's recovery.
//!
//! The search reads whatever lies on the stack, so it takes a frame for one only if several things agree, first of all an
//! access of a kernel as the place to continue, or a page of a watched map as the one that is missing. What a recovered fault
//! leaves behind is no such frame: it names the recovery instead, or the page is there.

use super::super::repair;
use super::{context::Context, errno};
use crate::accessor;
use libc::c_int;
use std::{mem, ptr};

/// How far up the stack a frame is looked for, in bytes. Handlers that report faults use a few hundred.
const REACH: usize = 64 << 10;
const STEP: usize = size_of::<u64>();
/// No system has smaller pages.
const PAGE: usize = 4096;

/// Lets the kernel over whose fault the signal was raised go on, if that is how it came.
pub(super) fn recover(context: &mut Context<'_>) -> bool {
    sent_by_this_process(context)
        && (is_pending(context) || {
            super::unblock();
            stack(context).find_map(Frame::at).is_some_and(|frame| frame.recover())
        })
}

fn sent_by_this_process(context: &mut Context<'_>) -> bool {
    context.code() == libc::SI_TKILL && context.sender() as u32 == std::process::id()
}

/// Whether the signal was raised while it was blocked, and came when the handler returned to the accessor, whose access
/// will fault again. (What another thread sends to one that works on a map is lost, if that has met a fault before.)
fn is_pending(context: &mut Context<'_>) -> bool {
    let own = context.slot();
    let pending = Frame::at(own).is_some();
    if pending {
        // The frame that was returned from may still lie below, where the next search must not take it for one that waits.
        let old = |&slot: &usize| slot != own && slot_in_kernel(slot);
        below(context).filter(old).filter_map(Frame::at).for_each(|frame| {
            frame.recover();
        });
    }
    pending
}

fn slot_in_kernel(slot: usize) -> bool {
    read(slot).is_some_and(|counter| accessor::fixup(counter as usize).is_some())
}

/// The words from the top of the interrupted stack on, as far as they can be read.
fn stack(context: &mut Context<'_>) -> impl Iterator<Item = usize> {
    let start = context.stack_pointer().next_multiple_of(STEP);
    readable((start..start.saturating_add(REACH)).step_by(STEP))
}

/// The words that the interrupted stack has left behind, the last one first.
fn below(context: &mut Context<'_>) -> impl Iterator<Item = usize> {
    let start = context.stack_pointer() / STEP * STEP;
    readable((start.saturating_sub(REACH)..start).step_by(STEP).rev())
}

fn readable(slots: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
    let mut page = 0;
    slots.take_while(move |&slot| mem::replace(&mut page, slot / PAGE) == slot / PAGE || is_readable(slot))
}

/// Asks the system, because a fault would end up in the handler that has just raised the signal.
fn is_readable(address: usize) -> bool {
    const NO_MANNER: c_int = !0;
    errno::kept(|| {
        // SAFETY: the system reads the set first, if it can, and then refuses the manner. Nothing is changed.
        let answer = unsafe {
            libc::syscall(libc::SYS_rt_sigprocmask, NO_MANNER, address, ptr::null_mut::<u64>(), size_of::<u64>())
        };
        answer == -1 && errno::get() == libc::EINVAL
    })
}

/// The frame of a fault that waits: the address of the program counter saved in it.
struct Frame(usize);

impl Frame {
    /// The frame's own `siginfo` is no witness: the system fills it in only for handlers that ask for it.
    fn at(slot: usize) -> Option<Frame> {
        let word = |distance: isize| read(slot.wrapping_add_signed(distance));
        let address = word(frame::FAULT)? as usize;
        let waits = address != 0
            && word(frame::LINK)? == 0
            && frame::MARKS.iter().all(|&(at, mask, value)| word(at).is_some_and(|word| word & mask == value))
            && (accessor::fixup(read(slot)? as usize).is_some() || repair::is_wanted(address));
        waits.then_some(Frame(slot))
    }

    /// Lets the kernel go on at its recovery when the handler returns.
    fn recover(&self) -> bool {
        let Frame(slot) = *self;
        let address = read(slot.wrapping_add_signed(frame::FAULT));
        let recovery = read(slot).and_then(|counter| accessor::fixup(counter as usize));
        let (Some(address), Some(recovery)) = (address, recovery) else {
            // Not a kernel's: the instruction finds the page replaced when it is executed again.
            return address.is_some_and(|address| repair::repair(address as usize, None));
        };
        write(slot.wrapping_add_signed(frame::FAULT_REGISTER), address) && write(slot, recovery as u64)
    }
}

fn read(address: usize) -> Option<u64> {
    // SAFETY: a kernel may read anything; the handler of signals is ours again, or the page has been asked for (stack).
    let loaded = unsafe { accessor::load64(ptr::with_exposed_provenance(address)) };
    (loaded.fault == 0).then_some(loaded.value)
}

fn write(address: usize, value: u64) -> bool {
    // SAFETY: `address` lies in the frame of a handler that waits for this one to return.
    unsafe { accessor::store64(ptr::with_exposed_provenance_mut(address), value) == 0 }
}

/// Where things lie in the frame of a signal, from the saved program counter on, in bytes (Linux, `struct rt_sigframe`).
#[cfg(target_arch = "x86_64")]
mod frame {
    /// The registers follow each other as in `gregs`: the program counter has number 16.
    const fn register(number: isize) -> isize {
        (number - 16) * 8
    }
    pub(super) const FAULT: isize = register(22);
    pub(super) const FAULT_REGISTER: isize = register(3);
    /// `uc_link`: flags, link, the three words of the stack, and then the registers.
    pub(super) const LINK: isize = register(0) - 32;
    /// Trap 14 is a page fault, met by a user (bit 2 of its error code) in 64-bit code (selector 0x33).
    pub(super) const MARKS: [(isize, u64, u64); 3] =
        [(register(20), !0, 14), (register(19), 4, 4), (register(18), 0xffff, 0x33)];
}

#[cfg(target_arch = "aarch64")]
mod frame {
    /// The fault address, 31 registers and the stack pointer precede the program counter.
    pub(super) const FAULT: isize = -8 * 33;
    /// `uc_link`: 176 bytes from flags to registers, the flags first.
    pub(super) const LINK: isize = FAULT - 176 + 8;
    /// The processor's state follows the program counter: a user's.
    pub(super) const MARKS: [(isize, u64, u64); 1] = [(8, 0x1f, 0)];
    pub(super) const FAULT_REGISTER: isize = FAULT + 8 + 8 * 17;
}
