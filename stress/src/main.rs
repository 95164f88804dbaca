//! Stress: does to maps what the world may do to them, and tells what became of it.
//!
//! Without words it lists the scenarios, a line of JSON each. `stress NAME [--quick] [--control]` runs one of them
//! here, prints its facts as its last line and ends with 0 if everything was survived; it may also die, or hang, which is why
//! `x.py stress` gives it a process, a folder and a mount namespace of its own.

mod chance;
mod device;
mod disk;
mod operations;
mod raw;
mod record;
mod run;
mod scenario;
mod scratch;
mod stop;

use std::{env, error::Error, process};

use run::{Run, quoted};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let status = match words[..] {
        [] => list(),
        ["--cutter", path] => ended(scratch::cutter(path)),
        ["--worker", how, seed, path] => ended(scenario::killed::work(how, seed, path)),
        ["--overflow", place, how, path] => ended(scenario::stack_overflow::overflow(place, how, path)),
        [name, ref rest @ ..] => one(name, rest),
    };
    process::exit(status);
}

fn list() -> i32 {
    for scenario in scenario::ALL {
        println!("{{\"name\": {}, \"control\": {}}}", quoted(scenario.name), quoted(scenario.control));
    }
    0
}

fn one(name: &str, words: &[&str]) -> i32 {
    let run = Run { quick: words.contains(&"--quick"), control: words.contains(&"--control") };
    match scenario::ALL.iter().find(|scenario| scenario.name == name) {
        Some(scenario) => run::report((scenario.run)(&run)),
        None => ended(Err(format!("no such scenario: {name}"))),
    }
}

/// The exit status of a helper's life.
fn ended(life: Result<(), impl Into<Box<dyn Error>>>) -> i32 {
    match life {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{}", error.into());
            1
        }
    }
}
