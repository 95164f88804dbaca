//! Measures how fast the library is, beside what a program would use instead.
//!
//! Without arguments the program lists its questions. `bench NAME [--quick] [--only TEXT]` answers
//! one of them in lines of JSON, which `tools/figures.py` documents.

mod data;
mod disk;
mod links;
mod measure;
mod peers;
mod question;
mod row;
mod run;
mod stores;
mod traffic;

use std::{env, process};

use question::{ALL, instructions, open, recovery};
use run::{Outcome, Run};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = match words[..] {
        [] => list(),
        ["--open", contender, times, path] => open::repeat(contender, times, path),
        ["--count", contender] => instructions::count(contender),
        ["--crash", commits, path] => recovery::crash(commits, path),
        [name, ref options @ ..] => Run::new(options).and_then(|run| answer(name, &run)),
    };
    if let Err(error) = ended {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn list() -> Outcome {
    ALL.iter().for_each(|question| println!("{}", question.name));
    Ok(())
}

fn answer(name: &str, run: &Run) -> Outcome {
    let question = ALL.iter().find(|question| question.name == name);
    let question = question.ok_or_else(|| format!("unknown question: {name}"))?;
    let (title, how) = (question.title, question.how);
    println!("{}", serde_json::json!({"question": name, "title": title, "how": how}));
    (question.answer)(run)
}
