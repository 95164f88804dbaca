//! The report of damage: on standard error, or to the program's hook.

use std::sync::OnceLock;

use safemap::{Damage, Options};

static HOOK: OnceLock<fn(Damage)> = OnceLock::new();

/// Sets the function that is called at the first damage of each map, instead of a message on
/// standard error. The first call in a process counts; later ones return `false`.
///
/// # Safety
///
/// As for [`Options::on_damage`]: a signal handler calls `hook`, so it uses only functions that are
/// safe there.
///
/// # Platforms
///
/// Windows never calls the hook, because its maps are not repaired.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
///
/// static IS_DAMAGED: AtomicBool = AtomicBool::new(false);
///
/// // SAFETY: an atomic store is safe in a signal handler.
/// unsafe { safemap_memmap2::safemap::on_damage(|_| IS_DAMAGED.store(true, Relaxed)) };
/// ```
pub unsafe fn on_damage(hook: fn(Damage)) -> bool {
    HOOK.set(hook).is_ok()
}

/// Makes maps repaired, and their first damage reported, where that is supported.
pub(crate) fn repair(options: &mut Options) {
    #[cfg(unix)]
    // SAFETY: `report` is safe in a signal handler: it does not allocate, lock or panic, and the
    // setter of a hook guarantees the same of it.
    unsafe {
        options.on_damage(report)
    };
    #[cfg(not(unix))]
    let _ = options;
}

#[cfg(unix)]
fn report(damage: Damage) {
    match HOOK.get() {
        Some(hook) => hook(damage),
        // There is no other place to report that standard error is closed.
        None => drop(write_message(damage)),
    }
}

/// Writes a message without the lock and the buffer of [`std::io::stderr`].
#[cfg(unix)]
fn write_message(Damage { map, offset, .. }: Damage) -> std::io::Result<()> {
    use std::{fs::File, io::Write, os::fd::AsFd};

    let mut buffer = [0; 160];
    let mut rest = &mut buffer[..];
    writeln!(
        rest,
        "memmap2 (safemap): the map at {map:#x} is damaged: byte {offset} could not be read, and \
         was replaced with zero"
    )?;
    let free = rest.len();
    let len = buffer.len() - free;
    File::from(std::io::stderr().as_fd().try_clone_to_owned()?).write_all(&buffer[..len])
}
