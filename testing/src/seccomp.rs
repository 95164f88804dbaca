//! Filters of system calls, as sandboxes install them.
#![allow(unsafe_code)]

use std::io;

use libc::{c_int, c_long, c_ulong, sock_filter};

use crate::process::Fork;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_IF_SET: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Where `seccomp_data` has the low word of the first argument of a call, such as a descriptor.
const FIRST: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

/// The same of the fourth argument, the flags of `mmap`.
const FLAGS: u32 = FIRST + 3 * 8;

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

/// Returns whether this system has filters. An emulator may not.
#[must_use]
pub fn filters_exist() -> bool {
    let child = Fork::run(|| i32::from(forbid(&[], Forbidden::Terminates).is_err()));
    child.and_then(|child| child.wait()).is_ok_and(|status| status.success())
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

/// Lets a system call fail with this `errno` if its first argument is one of these descriptors, in
/// this thread and in its children.
///
/// # Errors
///
/// As [`forbid`].
pub fn forbid_for(call: c_long, descriptors: &[c_int], number: c_int) -> io::Result<()> {
    let mut filter = vec![
        statement(LOAD, 0, 0, 0),
        statement(JUMP_IF_EQUAL, 1, 0, call as u32),
        statement(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        statement(LOAD, 0, 0, FIRST),
    ];
    let descriptors = descriptors.iter().map(|&it| it as u32);
    let allowed = libc::SECCOMP_RET_ALLOW;
    filter.extend(choose(descriptors, Forbidden::Fails(number).action(), allowed));
    enable(&mut filter)
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
    filter.extend(choose(calls.iter().map(|&call| call as u32), listed, others));
    enable(&mut filter)
}

/// The end of a filter: the action if the word that was loaded last is in a list, and if not.
fn choose(
    list: impl ExactSizeIterator<Item = u32>,
    listed: u32,
    others: u32,
) -> impl Iterator<Item = sock_filter> {
    let len = list.len();
    let jumps = list.enumerate().map(move |(at, word)| {
        let distance = u8::try_from(len - at).expect("the list is short");
        statement(JUMP_IF_EQUAL, distance, 0, word)
    });
    jumps.chain([statement(RETURN, 0, 0, others), statement(RETURN, 0, 0, listed)])
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
