//! One row of a table: its contenders and its aims.

use serde_json::{Value, json};

use crate::{
    measure::{Work, alternate, many},
    run::Run,
};

/// The unit of work that is repeated to fill a batch.
const TIME: &str = "ns";

/// A row. Its aims judge the first contender.
pub(crate) struct Row<'a> {
    name: String,
    unit: &'static str,
    per: f64,
    rounds: Option<usize>,
    names: Vec<&'static str>,
    works: Vec<Work<'a>>,
    aims: Vec<Value>,
}

impl<'a> Row<'a> {
    /// A row of times.
    pub(crate) fn new(name: impl Into<String>) -> Row<'a> {
        let (name, unit, per) = (name.into(), TIME, 1.0);
        Row { name, unit, per, rounds: None, names: vec![], works: vec![], aims: vec![] }
    }

    /// Sets a unit other than nanoseconds.
    pub(crate) fn unit(self, unit: &'static str) -> Row<'a> {
        Row { unit, ..self }
    }

    /// Divides the samples by this number of pieces.
    pub(crate) fn per(self, pieces: usize) -> Row<'a> {
        Row { per: pieces as f64, ..self }
    }

    /// Sets the number of rounds. By default it depends on the time that they take.
    pub(crate) fn rounds(self, rounds: usize) -> Row<'a> {
        Row { rounds: Some(rounds), ..self }
    }

    /// Adds a contender.
    pub(crate) fn with(mut self, name: &'static str, work: Work<'a>) -> Row<'a> {
        self.names.push(name);
        self.works.push(work);
        self
    }

    /// Adds a contender that is an optional crate. Without it, prints that it is absent.
    pub(crate) fn maybe(self, name: &'static str, work: Option<Work<'a>>) -> Row<'a> {
        match work {
            Some(work) => self.with(name, work),
            None => {
                let name = format!("{}, beside {name}", self.name);
                skip(&name, "`x.py bench --contenders` builds it");
                self
            }
        }
    }

    /// Adds a contender whose sample is known.
    pub(crate) fn known(self, name: &'static str, sample: f64) -> Row<'a> {
        self.with(name, Box::new(move |_| sample))
    }

    /// Adds a contender that is called repeatedly.
    pub(crate) fn time<T>(self, name: &'static str, once: impl FnMut() -> T + 'a) -> Row<'a> {
        self.with(name, many(once))
    }

    /// The first contender takes at most `ratio` times what `against` takes.
    pub(crate) fn aim(self, against: &'static str, ratio: f64) -> Row<'a> {
        self.aim_plus(against, ratio, 0.0)
    }

    /// The same, and `plus` nanoseconds more.
    pub(crate) fn aim_plus(mut self, against: &'static str, ratio: f64, plus: f64) -> Row<'a> {
        self.aims.push(json!({"against": against, "ratio": ratio, "plus": plus}));
        self
    }

    /// Measures the contenders and prints the samples. Omits aims against absent contenders.
    pub(crate) fn done(mut self, run: &Run) {
        if !run.asks(&self.name) {
            return;
        }
        let taken = alternate(run, self.rounds, self.unit == TIME, &mut self.works);
        let taken =
            taken.into_iter().map(|taken| taken.into_iter().map(|it| it / self.per).collect());
        let samples: Vec<(_, Vec<f64>)> = self.names.iter().zip(taken).collect();
        self.aims.retain(|aim| self.names.iter().any(|name| aim["against"] == *name));
        let (row, unit, aims) = (self.name, self.unit, self.aims);
        println!("{}", json!({"row": row, "unit": unit, "samples": samples, "aims": aims}));
    }
}

/// Prints that a row cannot be measured on this system.
pub(crate) fn skip(name: &str, why: &str) {
    println!("{}", json!({"row": name, "skipped": why}));
}
