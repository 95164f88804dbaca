//! Memory of huge pages while the pool of huge pages is empty, and when it is filled.

use super::*;

const POOL: &str = "/proc/sys/vm/nr_hugepages";

pub(crate) fn run(settings: &Settings) -> Result {
    let pool =
        fs::read_to_string(POOL).map_err(|_| Skipped::because("this system has no huge pages"))?;
    if pool.trim() != "0" {
        return Err(Skipped::because("the pool of huge pages is in use"));
    }
    let rounds = settings.times(3, 30);
    for _ in 0..rounds {
        // Without a reservation the pages are taken from the pool when they are touched.
        let map = Options::new()
            .len(2 << 20)
            .huge_pages(HugePage::Default)
            .flags(Flags::NORESERVE)
            .anonymous();
        let map = map.map_err(|error| Skipped::because(format!("no huge pages: {error}")))?;
        settings.get(&map, 0).expect_err("the pool is empty");
        SWEEPS.iter().for_each(|sweep| sweep.expect_fault(&map, 0..PAGE));
        let _pool = FilledPool::new()?;
        map.set(5, 5)?;
        assert_eq!(map.get(5)?, 5, "the pool is filled");
    }
    let note = format!("filled {rounds} times");
    Ok(Report::new(rounds * (1 + SWEEPS.len()), "accesses with an empty pool of huge pages")
        .note(note))
}

/// A pool with one page. It is emptied when it is dropped.
struct FilledPool;

impl FilledPool {
    fn new() -> Result<FilledPool> {
        fs::write(POOL, "1")
            .map_err(|_| Skipped::because("the pool of huge pages is read-only"))?;
        match fs::read_to_string(POOL)?.trim() {
            "0" => Err(Skipped::because("there is no memory for a huge page")),
            _ => Ok(FilledPool),
        }
    }
}

impl Drop for FilledPool {
    fn drop(&mut self) {
        let _ = fs::write(POOL, "0");
    }
}
