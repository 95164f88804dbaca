//! Pages of a map are forbidden and allowed again.

use super::*;

const LEN: usize = 8 * PAGE;

pub(crate) fn run(settings: &Settings) -> Result {
    let file = TempFile::new(&pattern(LEN));
    let rounds = settings.times(200, 5000);
    let mut faults = protected_from_the_start(&file)?;
    let map = file.map();
    let (writes, reads): (Vec<_>, Vec<_>) = SWEEPS.iter().partition(|sweep| sweep.writes);
    for round in 0..rounds {
        let page = (round % 7) * PAGE..(round % 7 + 1) * PAGE;
        map.protect(Protection::NONE, page.clone())?;
        settings.get(&map, page.start).expect_err("the page is forbidden");
        SWEEPS.iter().for_each(|sweep| sweep.expect_fault(&map, page.clone()));
        map.protect(Protection::READ, page.clone())?;
        reads.iter().try_for_each(|sweep| sweep.run(&map, page.clone()))?;
        writes.iter().for_each(|sweep| sweep.expect_fault(&map, page.clone()));
        map.protect(Protection::READ | Protection::WRITE, page.clone())?;
        SWEEPS.iter().try_for_each(|sweep| sweep.run(&map, page.clone()))?;
        faults += 1 + SWEEPS.len() + writes.len();
    }
    Ok(Report::new(faults, "accesses to forbidden pages")
        .note(format!("allowed again {rounds} times")))
}

/// Uses maps that are created with less protection than access. Returns the number of faults.
fn protected_from_the_start(file: &TempFile) -> safemap::Result<usize> {
    let map =
        |protection| Options::new().access(Access::Write).protection(protection).open(file.path());
    let forbidden: Map = map(Protection::NONE)?;
    let read_only: Map = map(Protection::READ)?;
    SWEEPS.iter().for_each(|sweep| sweep.expect_fault(&forbidden, 0..LEN));
    let writes = SWEEPS.iter().filter(|sweep| sweep.writes);
    Ok(SWEEPS.len() + writes.map(|sweep| sweep.expect_fault(&read_only, 0..LEN)).count())
}
