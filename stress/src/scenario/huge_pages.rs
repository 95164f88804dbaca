//! Does a map survive that the pool of huge pages is empty, and work when it is filled?
#![forbid(unsafe_code)]

use std::fs;

use safemap::{Flags, HugePage, Map, Options};

use crate::{
    operations::{all, expect_fault, look},
    run::{Facts, Outcome, Run, Skipped},
    scratch::PAGE,
};

const POOL: &str = "/proc/sys/vm/nr_hugepages";

pub(crate) fn run(run: &Run) -> Outcome {
    let pool = fs::read_to_string(POOL).map_err(|_| Skipped::because("this system has no huge pages"))?;
    if pool.trim() != "0" {
        return Err(Skipped::because("the pool of huge pages belongs to others"));
    }
    let rounds = run.times(3, 30);
    let mut faults = 0;
    for _ in 0..rounds {
        let map = unreserved().map_err(|error| Skipped::because(format!("no huge pages: {error}")))?;
        look(run, &map, 0).expect_err("the pool is empty");
        all().for_each(|(name, operation)| expect_fault(name, &(0..PAGE), operation(&map, 0..PAGE)));
        faults += 1 + all().count();
        let _filled = Filled::with(1)?;
        map.set(5, 5)?;
        assert_eq!(map.get(5)?, 5, "the pool is filled");
    }
    Ok(Facts::all(faults, "accesses with an empty pool of huge pages").note(format!("filled {rounds} times")))
}

/// Pages that are taken from the pool when they are touched, and not before.
fn unreserved() -> safemap::Result<Map> {
    Options::new().len(2 << 20).huge_pages(HugePage::Default).flags(Flags::NORESERVE).anonymous()
}

/// A pool with pages in it, emptied when dropped.
struct Filled;

impl Filled {
    fn with(pages: usize) -> Result<Filled, Box<dyn std::error::Error>> {
        fs::write(POOL, pages.to_string()).map_err(|_| Skipped::because("the pool may not be filled here"))?;
        match fs::read_to_string(POOL)?.trim() {
            "0" => Err(Skipped::because("there is no memory for a huge page")),
            _ => Ok(Filled),
        }
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let _ = fs::write(POOL, "0");
    }
}
