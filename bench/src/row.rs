//! Row: one line of a table, its contenders and its aims.

use crate::{
    json::{list, quoted},
    measure::{Work, alternate},
    run::Run,
};

/// The unit of what can be repeated to be measured better.
const TIME: &str = "ns";

/// What the first contender is to reach.
#[derive(Clone, Copy, Debug)]
struct Aim {
    against: &'static str,
    /// At most so many times the other's.
    ratio: f64,
    /// And so much on top of it.
    plus: f64,
}

/// A row. The first contender is the one whose aims are judged.
pub(crate) struct Row<'a> {
    name: String,
    unit: &'static str,
    per: f64,
    rounds: Option<usize>,
    names: Vec<&'static str>,
    works: Vec<Work<'a>>,
    aims: Vec<Aim>,
}

impl<'a> Row<'a> {
    /// A row of times.
    pub(crate) fn new(name: impl Into<String>) -> Row<'a> {
        Row { name: name.into(), unit: TIME, per: 1.0, rounds: None, names: vec![], works: vec![], aims: vec![] }
    }

    /// What is measured, if it is not nanoseconds.
    pub(crate) fn unit(mut self, unit: &'static str) -> Row<'a> {
        self.unit = unit;
        self
    }

    /// What was measured is to be told for each of so many pieces.
    pub(crate) fn per(mut self, pieces: usize) -> Row<'a> {
        self.per = pieces as f64;
        self
    }

    /// How often each contender has its turn, where that is not left to the harness.
    pub(crate) fn rounds(mut self, rounds: usize) -> Row<'a> {
        self.rounds = Some(rounds);
        self
    }

    pub(crate) fn with(mut self, name: &'static str, work: Work<'a>) -> Row<'a> {
        self.names.push(name);
        self.works.push(work);
        self
    }

    /// The first contender is to take at most `ratio` times what `against` takes.
    pub(crate) fn aim(self, against: &'static str, ratio: f64) -> Row<'a> {
        self.aim_plus(against, ratio, 0.0)
    }

    /// The same, with `plus` on top of it.
    pub(crate) fn aim_plus(mut self, against: &'static str, ratio: f64, plus: f64) -> Row<'a> {
        self.aims.push(Aim { against, ratio, plus });
        self
    }

    /// Measures, and prints what was measured.
    pub(crate) fn done(mut self, run: &Run) {
        let taken = alternate(run, self.rounds, self.unit == TIME, &mut self.works);
        let samples = self.names.iter().zip(taken).map(|(name, taken)| {
            let taken = taken.iter().map(|taken| (taken / self.per).to_string());
            format!("[{}, {}]", quoted(name), list(taken))
        });
        let aims = self.aims.iter().map(|Aim { against, ratio, plus }| {
            format!("{{\"against\": {}, \"ratio\": {ratio}, \"plus\": {plus}}}", quoted(against))
        });
        let (name, unit, samples, aims) = (quoted(&self.name), quoted(self.unit), list(samples), list(aims));
        println!("{{\"row\": {name}, \"unit\": {unit}, \"samples\": {samples}, \"aims\": {aims}}}");
    }
}

/// Says that a row cannot be measured here.
pub(crate) fn skip(name: &str, why: &str) {
    println!("{{\"row\": {}, \"skipped\": {}}}", quoted(name), quoted(why));
}
