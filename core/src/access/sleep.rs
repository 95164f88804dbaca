//! Sleeping until a word of the map is changed.

use std::time::Duration;

pub(crate) use crate::sys::sleep::Sleep;
use crate::{
    Error, Map, Result,
    map::Origin,
    sys::{
        self,
        place::{Object, Place},
        wait::{self, Sleeper},
    },
};

impl Map {
    /// Sleeps while the aligned word at `at` is `expected`, for one step of the system.
    pub(crate) fn sleep_on(
        &self,
        at: usize,
        expected: u32,
        timeout: Option<Duration>,
        round: u32,
    ) -> Result<Sleep> {
        self.ensure_intact()?;
        let word = self.span_at("wait", at, size_of::<u32>())?;
        let sleeper = Sleeper::new(|| self.place(at));
        if !wait::COMPARES && self.load_word::<u32>("wait", at)? != expected {
            return Ok(Sleep::Changed);
        }
        let address = self.base().wrapping_add(word.start()).cast();
        // SAFETY: the word lies in a region of this map, which stays mapped on systems whose
        // kernels access it, and the kernel reports inaccessible memory.
        unsafe { sleeper.sleep(address, expected, timeout, round) }.map_err(on_word("wait", at))
    }

    /// Wakes threads that sleep on the aligned word at `at`.
    pub(crate) fn wake(&self, at: usize, count: u32) -> Result<()> {
        let word = self.span_at("notify", at, size_of::<u32>())?;
        let address = self.base().wrapping_add(word.start()).cast();
        // SAFETY: as in `sleep_on`.
        unsafe { wait::wake(address, count, || self.place(at)) }.map_err(on_word("notify", at))
    }

    /// Returns where the word at `at` is, independent of this map.
    fn place(&self, at: usize) -> Place<'_> {
        let (object, start) = match (&self.origin, &self.name) {
            (Origin::File { file, offset }, _) => {
                (Object::File(file.as_ref().map(sys::borrow), &self.file_id), *offset)
            }
            // Memory with a name is mapped from its start.
            (Origin::Memory, Some(name)) => (Object::Named(name), self.memory.lead() as u64),
            // A map is not moved while a thread waits on it.
            (Origin::Memory, None) => (Object::Own((&raw const self.memory).addr()), 0),
        };
        Place { object, offset: start.wrapping_add(at as u64) }
    }
}

/// Converts the error of a system call that accessed the word at `at`.
fn on_word(call: &'static str, at: usize) -> impl FnOnce(std::io::Error) -> Error {
    move |error| match error.raw_os_error() {
        Some(crate::sys::BAD_ADDRESS) => Error::Fault { offset: at },
        _ => Error::Os { call, source: error },
    }
}

#[cfg(all(
    test,
    any(target_os = "linux", windows),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
mod tests {
    use super::*;
    use crate::{Options, Sharing};

    /// As if another thread had changed the word after the last check of the caller.
    #[test]
    fn a_thread_does_not_sleep_on_a_word_that_has_changed() {
        let map = Options::new().len(8).sharing(Sharing::Shared).anonymous().unwrap();
        let sleep = |expected, millis| {
            map.sleep_on(4, expected, Some(Duration::from_millis(millis)), 9).unwrap()
        };
        assert_eq!(sleep(1, 20_000), Sleep::Changed);
        assert!(matches!(sleep(0, 10), Sleep::TimedOut | Sleep::Elapsed));
    }
}
