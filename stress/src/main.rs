//! Injects truncations, full disks, signals, limits and kills while maps are in use.
//!
//! Without arguments it lists the scenarios, one line of JSON each. `stress NAME [--quick]
//! [--control]` runs one of them and prints its report as the last line. The exit status is 0 if
//! the scenario held. A scenario may be terminated by a signal or hang. `x.py stress` therefore
//! runs each in its own process, directory and mount namespace.

mod commit_journal;
mod device;
mod disk;
mod process;
mod raw;
mod report;
mod scenario;

use std::{env, process::exit};

use report::{Result, Settings, Skipped};
use serde_json::{Value, json};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => {
            list();
            Ok(())
        }
        ["--worker", method, seed, path] => scenario::killed::work(method, seed, path),
        ["--hostile", small, large, log, memory] => {
            scenario::slices::attack(small, large, log, memory)
        }
        ["--overflow", thread, handler, path] => {
            scenario::stack_overflow::overflow(thread, handler, path)
        }
        [name, ref options @ ..] => run(name, options).map(|report| println!("{report}")),
    };
    if let Err(error) = result {
        eprintln!("{error}");
        exit(1);
    }
}

fn list() {
    for scenario in scenario::SCENARIOS {
        println!("{}", json!({"name": scenario.name, "control": scenario.control}));
    }
}

/// Runs a scenario and returns its report as JSON.
fn run(name: &str, options: &[&str]) -> Result<Value> {
    let scenario = scenario::SCENARIOS.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.ok_or_else(|| format!("no such scenario: {name}"))?;
    let has = |option| options.contains(&option);
    match (scenario.run)(&Settings { quick: has("--quick"), control: has("--control") }) {
        Ok(report) => Ok(report.to_json()),
        Err(error) if error.is::<Skipped>() => Ok(json!({"skipped": error.to_string()})),
        Err(error) => Err(error),
    }
}
