//! Namespaces and mounts of this process, for which it needs the rights of root.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString},
    fs, io,
    path::{Path, PathBuf},
    ptr,
};

use tempfile::TempDir;

/// Mounts an overlay file system that only this thread and its children see. Its lower folder has
/// a file `name` with `bytes`. Returns the path of that file.
///
/// # Errors
///
/// The error of the system call that failed.
pub fn overlay_with(name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    private_mounts()?;
    // The upper folder of an overlay cannot be in another one, which the root of a container is.
    let folder = TempDir::new()?.keep();
    mount(c"tmpfs", &folder, Some(c"tmpfs"), 0, "")?;
    let [lower, upper, work, top] = ["lower", "upper", "work", "top"].map(|part| folder.join(part));
    [&lower, &upper, &work, &top].into_iter().try_for_each(fs::create_dir)?;
    fs::write(lower.join(name), bytes)?;
    let folders = [("lowerdir", &lower), ("upperdir", &upper), ("workdir", &work)];
    let options = folders.map(|(option, folder)| format!("{option}={}", folder.display()));
    mount(c"overlay", &top, Some(c"overlay"), 0, &options.join(","))?;
    Ok(top.join(name))
}

/// Mounts an empty file system in memory, of `size` bytes, that only this thread and its children
/// see.
///
/// # Errors
///
/// The error of the system call that failed.
pub fn mount_memory(folder: impl AsRef<Path>, size: usize) -> io::Result<()> {
    private_mounts()?;
    mount(c"tmpfs", folder.as_ref(), Some(c"tmpfs"), 0, &format!("size={size}"))
}

/// Puts the children that this thread forks next into a new pid namespace.
///
/// # Errors
///
/// The error of `unshare`.
pub fn unshare_pids() -> io::Result<()> {
    unshare(libc::CLONE_NEWPID)
}

/// Gives this thread its own mounts.
fn private_mounts() -> io::Result<()> {
    unshare(libc::CLONE_NEWNS)?;
    mount(c"none", Path::new("/"), None, libc::MS_REC | libc::MS_PRIVATE, "")
}

fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the call accesses no memory.
    check(unsafe { libc::unshare(flags) })
}

fn mount(
    source: &CStr,
    target: &Path,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    options: &str,
) -> io::Result<()> {
    let target = CString::new(target.as_os_str().as_encoded_bytes())?;
    let options = CString::new(options)?;
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: all are C strings; the type may be null if no file system is mounted.
    check(unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind, flags, options.as_ptr().cast())
    })
}

fn check(status: libc::c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
