//! Bench: how fast, beside what one would use instead.
//!
//! Without words it lists the questions, a line of JSON each. `bench NAME [--quick]` answers one: a line that says what is
//! asked, then a line for each row with everything that was measured. `tools/bench.py` makes the page of it.

mod chance;
mod data;
mod json;
mod measure;
mod peers;
mod question;
mod row;
mod run;
mod scratch;

use std::{env, process};

use json::quoted;
use run::Run;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = match words[..] {
        [] => list(),
        ["--open", who, times, path] => question::open_calls::work(who, times, path),
        [name, ref rest @ ..] => answer(name, &Run::new(rest.contains(&"--quick"))),
    };
    if let Err(error) = ended {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn list() -> run::Outcome {
    for question in question::ALL {
        println!("{{\"name\": {}}}", quoted(question.name));
    }
    Ok(())
}

fn answer(name: &str, run: &Run) -> run::Outcome {
    let question = question::ALL.iter().find(|question| question.name == name);
    let question = question.ok_or_else(|| format!("no such question: {name}"))?;
    let [name, title, how] = [question.name, question.title, question.how].map(quoted);
    println!("{{\"question\": {name}, \"title\": {title}, \"how\": {how}}}");
    (question.answer)(run)
}
