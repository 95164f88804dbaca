//! Filters of system calls, as sandboxes install them.
#![allow(unsafe_code)]

use std::io;

use libc::{c_int, c_long, c_ulong, sock_filter};

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_IF_SET: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Where `seccomp_data` has the low word of the fourth argument of a call, the flags of `mmap`.
const FLAGS: u32 = if cfg!(target_endian = "little") { 40 } else { 44 };

/// What happens to a call that a filter forbids.
#[derive(Clone, Copy, Debug)]
pub enum Forbidden {
    /// It fails with this `errno`.
    Fails(c_int),
    /// It terminates the process by SIGSYS.
    Terminates,
}

impl Forbidden {
    fn action(self) -> u32 {
        match self {
            Forbidden::Fails(number) => libc::SECCOMP_RET_ERRNO | number as u32,
            Forbidden::Terminates => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }
}

/// Forbids the system calls with these numbers in this thread, and in its children.
///
/// # Errors
///
/// The error of `prctl`. An emulator may not support filters.
pub fn forbid(calls: &[c_long], forbidden: Forbidden) -> io::Result<()> {
    install(calls, forbidden.action(), libc::SECCOMP_RET_ALLOW)
}

/// Forbids all system calls but those with these numbers.
///
/// # Errors
///
/// As [`forbid`].
pub fn allow_only(calls: &[c_long], forbidden: Forbidden) -> io::Result<()> {
    install(calls, libc::SECCOMP_RET_ALLOW, forbidden.action())
}

/// Lets `mmap` with `MAP_SHARED` fail with this `errno`, in this thread and in its children.
///
/// # Errors
///
/// As [`forbid`].
pub fn forbid_shared_mappings(number: c_int) -> io::Result<()> {
    let shared = libc::MAP_SHARED as u32;
    enable(&mut [
        statement(LOAD, 0, 0, 0),
        statement(JUMP_IF_EQUAL, 0, 2, libc::SYS_mmap as u32),
        statement(LOAD, 0, 0, FLAGS),
        statement(JUMP_IF_SET, 1, 0, shared),
        statement(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        statement(RETURN, 0, 0, Forbidden::Fails(number).action()),
    ])
}

/// Installs a filter: the action for the calls in a list, and for all others.
fn install(calls: &[c_long], listed: u32, others: u32) -> io::Result<()> {
    // seccomp(2): the number of the system call is the first word of the data.
    let mut filter = vec![statement(LOAD, 0, 0, 0)];
    for (at, &call) in calls.iter().enumerate() {
        let distance = u8::try_from(calls.len() - at).expect("the list is short");
        filter.push(statement(JUMP_IF_EQUAL, distance, 0, call as u32));
    }
    filter.extend([statement(RETURN, 0, 0, others), statement(RETURN, 0, 0, listed)]);
    enable(&mut filter)
}

fn statement(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

fn enable(filter: &mut [sock_filter]) -> io::Result<()> {
    let len = u16::try_from(filter.len()).expect("the list is short");
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    let (on, off): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: the command takes four numbers.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, on, off, off, off) })?;
    let mode = libc::SECCOMP_MODE_FILTER as c_ulong;
    // SAFETY: `program` is valid during the call.
    check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) })
}

fn check(status: c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
