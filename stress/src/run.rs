//! Run: what a scenario is asked for, and the facts it hands back.

use std::{env, error, fmt, time::Duration};

/// How a scenario is to be run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Few times instead of many.
    pub(crate) quick: bool,
    /// Without the protection; the scenario has to fail.
    pub(crate) control: bool,
}

impl Run {
    /// How often to do something.
    pub(crate) fn times(&self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// How long to do something.
    pub(crate) fn time(&self, quick: u64, full: u64) -> Duration {
        Duration::from_millis(if self.quick { quick } else { full })
    }
}

/// What was done to the maps, and what became of them.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What the world did, in words that follow a number.
    pub(crate) injected: &'static str,
    /// How often.
    pub(crate) times: usize,
    /// After how many of them everything was as promised.
    pub(crate) survived: usize,
    /// What else there is to know; may be empty.
    pub(crate) note: String,
}

impl Facts {
    /// Everything that was injected was survived: whatever is not ends the scenario with a panic.
    pub(crate) fn all(times: usize, injected: &'static str) -> Facts {
        Facts { injected, times, survived: times, note: String::new() }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Facts {
        self.note = note.into();
        self
    }

    pub(crate) fn print(&self) {
        let Facts { injected, times, survived, note } = self;
        let (injected, note) = (quoted(injected), quoted(note));
        println!("{{\"injected\": {injected}, \"times\": {times}, \"survived\": {survived}, \"note\": {note}}}");
    }
}

/// The machine does not allow the scenario.
#[derive(Debug)]
pub(crate) struct Skipped(pub(crate) String);

impl Skipped {
    pub(crate) fn because(why: impl Into<String>) -> Box<dyn error::Error> {
        Box::new(Skipped(why.into()))
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Skipped {}

/// What a scenario ends with, if it ends.
pub(crate) type Outcome = Result<Facts, Box<dyn error::Error>>;

/// Runs a scenario, prints its facts, and returns the exit status.
pub(crate) fn report(outcome: Outcome) -> i32 {
    match outcome {
        Ok(facts) => facts.print(),
        Err(error) if error.is::<Skipped>() => println!("{{\"skipped\": {}}}", quoted(&error.to_string())),
        Err(error) => {
            eprintln!("{error}");
            return 1;
        }
    }
    0
}

/// Whether mounts made here are nobody else's; whoever starts us says so.
pub(crate) fn may_mount() -> bool {
    env::var_os("SAFEMAP_MAY_MOUNT").is_some()
}

/// A string of JSON.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control < ' ' => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}
