//! The settings of a scenario, and the report that it returns.

use std::{env, error::Error, fmt, time::Duration};

use safemap::Map;
use serde_json::{Value, json};

use crate::raw::{read_directly, write_directly};

/// How a scenario is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Fewer repetitions.
    pub(crate) quick: bool,
    /// Without the protection. The scenario has to fail then.
    pub(crate) control: bool,
}

impl Settings {
    /// Returns the number of repetitions.
    pub(crate) fn times(&self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// Returns a duration from milliseconds.
    pub(crate) fn time(&self, quick: u64, full: u64) -> Duration {
        Duration::from_millis(if self.quick { quick } else { full })
    }

    /// Reads a byte with the library. A control reads the memory directly.
    pub(crate) fn get(&self, map: &Map, at: usize) -> safemap::Result<u8> {
        if self.control { Ok(read_directly(map, at)) } else { map.get(at) }
    }

    /// Writes a byte with the library. A control writes the memory directly.
    pub(crate) fn set(&self, map: &Map, at: usize, byte: u8) -> safemap::Result<()> {
        if !self.control {
            return map.set(byte, at);
        }
        write_directly(map, at, byte);
        Ok(())
    }
}

/// What was injected. All of it was survived: otherwise a scenario panics or returns an error.
#[derive(Debug)]
pub(crate) struct Report {
    times: usize,
    injected: &'static str,
    note: String,
}

impl Report {
    /// `injected` follows the number in a sentence.
    pub(crate) fn new(times: usize, injected: &'static str) -> Report {
        Report { times, injected, note: String::new() }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Report {
        Report { note: note.into(), ..self }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"times": self.times, "injected": self.injected, "note": self.note})
    }
}

pub(crate) type Result<T = Report> = std::result::Result<T, Box<dyn Error>>;

/// The error of a scenario that cannot run on this computer.
#[derive(Debug)]
pub(crate) struct Skipped(String);

impl Skipped {
    pub(crate) fn because(reason: impl Into<String>) -> Box<dyn Error> {
        Box::new(Skipped(reason.into()))
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Skipped {}

/// Fails unless this process has its own mount namespace, which the caller declares.
pub(crate) fn require_mounts(action: &str) -> Result<()> {
    env::var_os("SAFEMAP_MAY_MOUNT")
        .map(drop)
        .ok_or_else(|| Skipped::because(format!("{action} is not allowed here")))
}
