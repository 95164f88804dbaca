//! Decides whether a signal is a fault of the library's, and resolves it.

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
use super::raised;
use super::{
    super::{access_kind::FaultAccess, errno, repair},
    context::{Cause, Context},
};
use crate::accessor;

/// Resolves the fault that the signal reports. Returns false if it is none of the library's, and
/// the signal must be forwarded.
pub(super) fn resolve(context: &mut Context<'_>) -> bool {
    let is_resolved =
        continue_at_fixup(context) || repair_page(context) || raised::resolve(context);
    if is_resolved {
        context.set_resolved();
    }
    is_resolved
}

/// Continues at the fixup if the access of an accessor was interrupted.
fn continue_at_fixup(context: &mut Context<'_>) -> bool {
    let fixup = match context.cause() {
        Cause::Access if accessor::FAULTS => accessor::fixup(context.program_counter()),
        _ => None,
    };
    fixup.inspect(|&address| context.resume(address)).is_some()
}

/// Replaces a missing page of a watched map by zeros. External code that accessed it then
/// continues.
fn repair_page(context: &mut Context<'_>) -> bool {
    context.cause() == Cause::Access
        && context.may_be_missing()
        // Near the limit of mappings the kernel refuses, which sets errno, before it agrees.
        && errno::preserved(|| repair::repair(&access(context)))
}

fn access(context: &mut Context<'_>) -> FaultAccess {
    let (address, kind) = (context.address(), context.access_kind());
    FaultAccess { address, kind, is_write: raised::is_write(context) }
}

/// The layout of a signal's frame is unknown here.
#[cfg(not(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod raised {
    pub(super) fn resolve(_: &mut super::Context<'_>) -> bool {
        false
    }

    pub(super) fn is_write(_: &mut super::Context<'_>) -> Option<bool> {
        None
    }
}
