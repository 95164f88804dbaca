//! SIGXFSZ, which terminates a program whose file would become longer than `RLIMIT_FSIZE`.

pub(crate) use system::with_blocked_signal;
pub(super) use system::without_signal;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::{cell::Cell, io, mem::MaybeUninit, ptr};

    thread_local! {
        /// Whether the signal was pending before this thread blocked it; `None` if it has not.
        static WAS_PENDING: Cell<Option<bool>> = const { Cell::new(None) };
    }

    /// Runs `call`. If it fails with EFBIG, the signal that the kernel has sent with it is removed.
    ///
    /// setrlimit(2): the kernel sends the signal to the calling thread, which blocks it during the
    /// call. The actions of the process do not change.
    pub(in super::super) fn without_signal(
        call: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let blocked = Blocked::new();
        let result = call();
        let too_large = |error: &io::Error| error.raw_os_error() == Some(libc::EFBIG);
        if result.as_ref().is_err_and(too_large) && !blocked.was_pending {
            remove(&signal_set());
        }
        result
    }

    /// Runs `work` with the signal blocked. Calls of [`without_signal`] in it need not block it.
    pub(crate) fn with_blocked_signal<R>(work: impl FnOnce() -> R) -> R {
        let _blocked = Blocked::new();
        work()
    }

    /// The signal is blocked until this is dropped.
    struct Blocked {
        /// The former mask; `None` if another value has blocked the signal, and will restore it.
        old: Option<libc::sigset_t>,
        /// The program may block the signal itself, and wait for it.
        was_pending: bool,
    }

    impl Blocked {
        fn new() -> Blocked {
            if let Some(was_pending) = WAS_PENDING.get() {
                return Blocked { old: None, was_pending };
            }
            let old = Some(mask(libc::SIG_BLOCK, &signal_set()));
            let was_pending = is_pending();
            WAS_PENDING.set(Some(was_pending));
            Blocked { old, was_pending }
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            if let Some(old) = &self.old {
                WAS_PENDING.set(None);
                mask(libc::SIG_SETMASK, old);
            }
        }
    }

    /// Takes the signal of `set` that is pending for this thread, if there is one.
    fn remove(set: &libc::sigset_t) {
        let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set and the time are valid; the signal's data are not requested.
        while unsafe { libc::sigtimedwait(set, ptr::null_mut(), &raw const no_time) } == -1
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }

    fn is_pending() -> bool {
        let mut pending = MaybeUninit::uninit();
        // SAFETY: the set has the type that sigpending fills.
        if unsafe { libc::sigpending(pending.as_mut_ptr()) } == -1 {
            return true;
        }
        // SAFETY: sigpending has filled the set; the signal exists.
        unsafe { libc::sigismember(pending.as_ptr(), libc::SIGXFSZ) == 1 }
    }

    fn signal_set() -> libc::sigset_t {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `set` has the size of a set.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: sigemptyset has initialised the set; the signal exists.
        unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGXFSZ) };
        // SAFETY: sigemptyset has initialised it.
        unsafe { set.assume_init() }
    }

    /// Changes the signal mask of this thread, and returns the previous one.
    fn mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
        let mut old = MaybeUninit::zeroed();
        // SAFETY: both point to sets, and `how` is valid. Only a sandbox can make the call fail.
        unsafe { libc::pthread_sigmask(how, set, old.as_mut_ptr()) };
        // SAFETY: zeros are a valid set.
        unsafe { old.assume_init() }
    }
}

/// Other systems send the signal to the process, so that blocking it in a thread does not help, or
/// lack `sigtimedwait`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::io;

    pub(in super::super) fn without_signal(
        call: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        call()
    }

    pub(crate) fn with_blocked_signal<R>(work: impl FnOnce() -> R) -> R {
        work()
    }
}
