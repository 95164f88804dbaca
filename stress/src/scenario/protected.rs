//! Does a map survive that its pages may not be touched?
#![forbid(unsafe_code)]

use safemap::{Access, Map, Options, Protection};

use crate::{
    operations::{READS, WRITES, all, expect_fault, look},
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, pattern},
};

const LEN: usize = 8 * PAGE;

pub(crate) fn run(run: &Run) -> Outcome {
    let file = Scratch::file(&pattern(LEN))?;
    let both = Protection::READ | Protection::WRITE;
    let rounds = run.times(200, 5000);
    let mut faults = born_without(&file)?;
    let map = file.map()?;
    for round in 0..rounds {
        let part = (round % 7) * PAGE..(round % 7 + 1) * PAGE;
        map.protect(part.clone(), Protection::NONE)?;
        look(run, &map, part.start).expect_err("the page may not be touched");
        all().for_each(|(name, operation)| expect_fault(name, &part, operation(&map, part.clone())));
        map.protect(part.clone(), Protection::READ)?;
        READS.iter().try_for_each(|(_, operation)| operation(&map, part.clone()))?;
        WRITES.iter().for_each(|(name, operation)| expect_fault(name, &part, operation(&map, part.clone())));
        map.protect(part.clone(), both)?;
        all().try_for_each(|(_, operation)| operation(&map, part.clone()))?;
        faults += 1 + READS.len() + 2 * WRITES.len();
    }
    Ok(Facts::all(faults, "accesses to forbidden pages").note(format!("allowed again {rounds} times")))
}

/// Maps that never had the protection.
fn born_without(file: &Scratch) -> safemap::Result<usize> {
    let map = |protection| Options::new().access(Access::Write).protection(protection).open(file.path());
    let none: Map = map(Protection::NONE)?;
    all().for_each(|(name, operation)| expect_fault(name, &(0..LEN), operation(&none, 0..LEN)));
    let read: Map = map(Protection::READ)?;
    WRITES.iter().for_each(|(name, operation)| expect_fault(name, &(0..LEN), operation(&read, 0..LEN)));
    Ok(all().count() + WRITES.len())
}
