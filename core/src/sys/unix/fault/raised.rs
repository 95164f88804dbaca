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
//! intact page of a watched map, which cannot be accessed now.
//!
//! The remains of a resolved fault do not match: `uc_link` says that it was resolved. But the
//! kernel writes the address of a thread's last fault to the frames of later signals as well, also
//! after the map was restored. Such a signal is not taken for a fault, because the page can be
//! accessed, or because a system call was interrupted: `raise` is one. The two remain alike if
//! another thread of the process sends the signal while this one executes ordinary code, and the
//! page is missing again. The signal has no effect then (`docs/reliability.md`).

use super::{
    super::{errno, page_size, repair},
    context::{self, Context},
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
            search(context).is_some_and(|frame| frame.resolve())
        })
}

/// Whether the fault that the signal reports was a write, if the kernel says so.
pub(super) fn is_write(context: &mut Context<'_>) -> Option<bool> {
    let frame = Frame(context.program_counter_slot());
    frame::is_write(|at| frame.word(at))
}

/// Finds the frame of the pending fault.
///
/// A loop, because an alternate stack is small: closures of iterators need more of it.
fn search(context: &mut Context<'_>) -> Option<Frame> {
    for slot in stack(context) {
        if let Some(frame) = Frame::at(slot) {
            return Some(frame);
        }
    }
    None
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
        for slot in below(context) {
            if let Some(frame) = Frame::at(slot).filter(|_| slot != current) {
                frame.set_resolved();
            }
        }
    }
    pending
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

/// Asks the kernel whether a store would succeed. Returns false if it does not know: before Linux
/// 5.14, and for pages whose protection forbids it.
fn is_writable(address: usize) -> bool {
    const MADV_POPULATE_WRITE: c_int = 23;
    let page = address / page_size() * page_size();
    errno::preserved(|| {
        // SAFETY: the call makes the page writable as a store would, and changes no byte.
        unsafe { libc::madvise(ptr::without_provenance_mut(page), STEP, MADV_POPULATE_WRITE) == 0 }
    })
}

/// The signal frame of a pending fault: the address at which its program counter is saved.
struct Frame(usize);

impl Frame {
    /// Recognises a frame by its program counter slot. The frame's `siginfo_t` is not checked: the
    /// kernel fills it only for handlers with SA_SIGINFO.
    fn at(slot: usize) -> Option<Frame> {
        let frame = Frame(slot);
        let is_marked = |&(at, mask, value): &(isize, u64, u64)| {
            frame.word(at).is_some_and(|word| word & mask == value)
        };
        let is_pending = frame.word(frame::FAULT)? != 0
            && frame.word(frame::LINK)? == 0
            && frame::MARKS.iter().all(is_marked)
            && (frame.fixup().is_some() || frame.is_of_external_code()?);
        is_pending.then_some(frame)
    }

    /// Whether external code was interrupted by a fault in a watched map, and would fault again.
    fn is_of_external_code(&self) -> Option<bool> {
        let address = self.word(frame::FAULT)? as usize;
        let is_accessible =
            if frame::is_write(|at| self.word(at))? { is_writable } else { is_readable };
        Some(
            repair::is_wanted(address)
                && !is_after_system_call(self.word(0)? as usize)
                && !is_accessible(address / STEP * STEP),
        )
    }

    /// Makes the thread continue at the fixup of the accessor when the handler returns. External
    /// code executes its instruction again, and the library's handler, which is first now, repairs
    /// the page.
    fn resolve(&self) -> bool {
        let continues_at_fixup = |fixup| {
            let address = self.word(frame::FAULT);
            address.is_some_and(|address| self.set_word(frame::FAULT_REGISTER, address))
                && self.set_word(0, fixup as u64)
        };
        self.fixup().is_none_or(continues_at_fixup) && self.set_resolved()
    }

    /// Marks the frame, so that its remains are not taken for a pending fault.
    fn set_resolved(&self) -> bool {
        self.set_word(frame::LINK, context::RESOLVED as u64)
    }

    fn fixup(&self) -> Option<usize> {
        accessor::fixup(self.word(0)? as usize)
    }

    /// The word at this distance from the program counter.
    fn word(&self, distance: isize) -> Option<u64> {
        read(self.0.wrapping_add_signed(distance))
    }

    fn set_word(&self, distance: isize, value: u64) -> bool {
        write(self.0.wrapping_add_signed(distance), value)
    }
}

/// Whether the instruction before `counter` is a system call.
fn is_after_system_call(counter: usize) -> bool {
    let before = counter.wrapping_sub(STEP);
    let is_code_readable = is_readable(before) && is_readable(counter.wrapping_sub(1));
    is_code_readable
        && read(before).is_some_and(|code| code.to_le_bytes().ends_with(frame::SYSTEM_CALL))
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
    /// The instruction `syscall`.
    pub(super) const SYSTEM_CALL: &[u8] = &[0x0f, 0x05];

    /// Whether the fault was a write: bit 1 of the error code.
    pub(super) fn is_write(word: impl Fn(isize) -> Option<u64>) -> Option<bool> {
        Some(word(register(19))? & 2 != 0)
    }
}

#[cfg(target_arch = "aarch64")]
mod frame {
    /// The fault address, 31 registers and the stack pointer precede the program counter.
    pub(super) const FAULT: isize = -8 * 33;
    /// `uc_link`. The order is: flags, link, other fields, the registers at 176 bytes.
    pub(super) const LINK: isize = FAULT - 176 + 8;
    /// `FPSIMD_MAGIC` and the length of its record (Linux, `asm/sigcontext.h`).
    const VECTORS_MAGIC: u64 = 0x4650_8001;
    const VECTORS_LEN: u64 = 528;
    /// The processor state, which follows the program counter, says user mode. The first record
    /// behind it has the vector registers. Its header excludes other words of the stack.
    pub(super) const MARKS: [(isize, u64, u64); 2] =
        [(8, 0x1f, 0), (24, !0, VECTORS_LEN << 32 | VECTORS_MAGIC)];
    pub(super) const FAULT_REGISTER: isize = FAULT + 8 + 8 * 17;
    /// The instruction `svc #0`.
    pub(super) const SYSTEM_CALL: &[u8] = &[0x01, 0x00, 0x00, 0xd4];

    /// Whether the fault was a write: bit 6 of the syndrome, which is in the second record.
    pub(super) fn is_write(word: impl Fn(isize) -> Option<u64>) -> Option<bool> {
        const RECORD: isize = 24 + VECTORS_LEN as isize;
        const ESR_MAGIC: u64 = 0x4553_5201;
        let is_syndrome = word(RECORD)? & 0xffff_ffff == ESR_MAGIC;
        Some(is_syndrome && word(RECORD + 8)? >> 6 & 1 == 1)
    }
}
