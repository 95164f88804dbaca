//! Questions: one file each.

mod cold;
mod find;
mod find_byte;
mod flush;
mod grow;
mod maps;
mod open;
pub(crate) mod open_calls;
mod reads;
mod resident;
mod rfind;
mod sequential;
mod sizes;
mod threads;
mod words;
mod writes;

use crate::run::{Outcome, Run};

/// Something that a user wants to know.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How it is measured, and where that is unfair.
    pub(crate) how: &'static str,
    pub(crate) answer: fn(&Run) -> Outcome,
}

/// In the order of the page.
pub(crate) const ALL: &[Question] = &[
    reads::QUESTION,
    writes::QUESTION,
    words::QUESTION,
    find::QUESTION,
    find_byte::QUESTION,
    rfind::QUESTION,
    sequential::QUESTION,
    open::QUESTION,
    open_calls::QUESTION,
    grow::QUESTION,
    flush::QUESTION,
    cold::QUESTION,
    sizes::QUESTION,
    maps::QUESTION,
    threads::QUESTION,
    resident::QUESTION,
];
