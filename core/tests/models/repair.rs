//! Checks the protocol of `record` in every interleaving of threads, over a simulated page table.
//!
//! The model compiles `record` with the atomics of `loom`. Each operation has controls that break
//! the protocol; the model finds the interleaving in which they fail.

use std::{ops::Range, panic, sync::Arc};

use loom::{sync::Mutex, thread};

use record::{Exclusion, Exclusive, Mark, Reaction, Record};

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
}

// The same source with other atomics, not all of which the model needs.
#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../../src/sys/unix/repair/record.rs"]
mod record;

const PAGES: usize = 2;
const PROCESS: usize = 7;

/// What the operating system has mapped, and which pages the file has.
#[derive(Default)]
struct PageTable {
    zeros: [bool; PAGES],
    exists: [bool; PAGES],
    /// How often zeros were mapped.
    repairs: usize,
}

/// A map with one region. Its lock makes a system call or an access of memory one step.
struct Map {
    table: Mutex<PageTable>,
    mark: Mark,
    record: Record,
    /// For a control: the exclusion that the restoration of a run takes.
    other: Exclusion,
    /// The number of faults that handlers have counted.
    faults: atomic::AtomicUsize,
    /// 1 if a restoration has found the map intact while its file was complete.
    promised: atomic::AtomicUsize,
    order: Order,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// The order of the library.
    Correct,
    /// A repair maps zeros before it records them.
    ZerosFirst,
    /// A repair counts the fault after it has mapped zeros.
    CountedLast,
    /// A restoration maps the file, then clears the bit. Repairs are not excluded.
    FileFirst,
    /// A restoration clears the bit, then maps the file. Repairs are not excluded.
    BitFirst,
    /// A restoration clears the mark before it maps the file.
    MarkFirst,
    /// A repair does not check whether the page is still missing.
    Unchecked,
}

impl Map {
    /// Both pages were replaced by zeros, and have the file grown back.
    fn damaged(order: Order) -> Arc<Map> {
        let map = Map {
            table: Mutex::new(PageTable {
                zeros: [true; PAGES],
                exists: [true; PAGES],
                repairs: 1,
            }),
            mark: Mark::new(Reaction::default()),
            record: Record::new(PAGES).unwrap(),
            other: Exclusion::new(),
            faults: atomic::AtomicUsize::new(1),
            promised: atomic::AtomicUsize::new(0),
            order,
        };
        let exclusive = map.mark.exclusion.attempt(PROCESS).unwrap();
        map.record.replace(&exclusive, &map.mark, 0..PAGES, 0, || Ok(())).unwrap();
        drop(exclusive);
        Arc::new(map)
    }

    fn cut(&self) {
        self.table.lock().unwrap().exists = [false; PAGES];
    }

    fn grow(&self) {
        self.table.lock().unwrap().exists = [true; PAGES];
    }

    /// Restores the map while the file has all pages. If the map is intact then, it stays intact.
    fn restore_complete_file(&self) {
        self.restore();
        let is_intact = self.mark.first().is_none();
        self.promised.store(is_intact.into(), atomic::SeqCst);
    }

    /// External code accesses a page until it gets bytes.
    fn access(&self, page: usize) {
        while !self.is_accessible(page) {
            self.handle(page);
        }
        self.assert_recorded(page);
    }

    /// As `access`, but gives up if another thread has the exclusion: two threads that retry could
    /// do that for ever in the model.
    fn try_access(&self, page: usize) {
        if !self.is_accessible(page) {
            self.handle(page);
        }
        self.assert_recorded(page);
    }

    /// The signal handler.
    fn handle(&self, page: usize) {
        match self.mark.exclusion.attempt(PROCESS) {
            Some(_) if self.order != Order::Unchecked && self.is_accessible(page) => {}
            Some(exclusive) => self.repair(&exclusive, page),
            None => thread::yield_now(),
        }
    }

    fn is_accessible(&self, page: usize) -> bool {
        self.table.lock().unwrap().get(page)
    }

    fn repair(&self, exclusive: &Exclusive<'_>, page: usize) {
        let map_zeros = || self.map(page..page + 1, true);
        if self.order != Order::CountedLast {
            self.count();
        }
        if self.order == Order::ZerosFirst {
            map_zeros();
        }
        let map_zeros = || {
            if self.order != Order::ZerosFirst {
                map_zeros();
            }
            Ok(())
        };
        self.record.replace(exclusive, &self.mark, page..page + 1, page, map_zeros).unwrap();
        if self.order == Order::CountedLast {
            self.count();
        }
    }

    fn count(&self) {
        self.faults.fetch_add(1, atomic::SeqCst);
    }

    fn restore(&self) {
        if self.order == Order::MarkFirst {
            self.mark.clear(&wait(&self.mark.exclusion));
        }
        for pages in self.record.replaced_runs() {
            self.restore_run(pages);
        }
        let exclusive = wait(&self.mark.exclusion);
        if self.record.is_intact() {
            self.mark.clear(&exclusive);
        }
    }

    fn restore_run(&self, pages: Range<usize>) {
        let exclusive = match self.order {
            Order::FileFirst | Order::BitFirst => wait(&self.other),
            _ => wait(&self.mark.exclusion),
        };
        if self.order == Order::BitFirst {
            self.record.restore(&exclusive, pages.clone(), || Ok(())).unwrap();
            return self.map(pages, false);
        }
        let map_file = || {
            self.map(pages.clone(), false);
            Ok(())
        };
        self.record.restore(&exclusive, pages.clone(), map_file).unwrap();
    }

    fn map(&self, pages: Range<usize>, zeros: bool) {
        let mut table = self.table.lock().unwrap();
        table.zeros[pages].fill(zeros);
        table.repairs += usize::from(zeros);
    }

    /// The invariants, for a page. A fork at this instant gives them to the child.
    fn assert_recorded(&self, page: usize) {
        let table = self.table.lock().unwrap();
        let is_replaced = self.record.is_replaced(page);
        assert!(is_replaced || !table.zeros[page], "zeros without a bit");
        assert!(self.mark.first().is_some() || !table.zeros[page], "zeros without a mark");
        let faults = self.faults.load(atomic::SeqCst);
        assert!(faults >= table.repairs, "zeros that are not counted");
    }

    fn assert_all_recorded(&self) {
        (0..PAGES).for_each(|page| self.assert_recorded(page));
        assert_eq!(self.record.is_intact(), self.mark.first().is_none());
        let is_kept = self.promised.load(atomic::SeqCst) == 0 || self.mark.first().is_none();
        assert!(is_kept, "damage after a restoration");
    }
}

fn wait(exclusion: &Exclusion) -> Exclusive<'_> {
    loop {
        match exclusion.attempt(PROCESS) {
            Some(exclusive) => return exclusive,
            None => thread::yield_now(),
        }
    }
}

impl PageTable {
    /// Whether an access to the page gets bytes.
    fn get(&self, page: usize) -> bool {
        self.zeros[page] || self.exists[page]
    }
}

/// Explores the interleavings of `threads`: with two, all; with more, those with few preemptions.
fn explore(order: Order, threads: &'static [fn(&Map)]) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = if threads.len() > 2 { Some(2) } else { None };
    builder.check(move || {
        let map = Map::damaged(order);
        let handles: Vec<_> = threads
            .iter()
            .map(|&work| {
                let map = Arc::clone(&map);
                thread::spawn(move || work(&map))
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        map.assert_all_recorded();
    });
}

const RESTORE_BESIDE_A_CUT: &[fn(&Map)] = &[
    |map| map.restore(),
    |map| {
        map.cut();
        map.access(0);
    },
];

const TWO_READERS: &[fn(&Map)] = &[
    |map| map.restore(),
    |map| {
        map.cut();
        map.try_access(0);
    },
    |map| map.try_access(0),
];

const OBSERVER: &[fn(&Map)] = &[
    |map| {
        map.restore();
        map.cut();
        map.access(1);
    },
    |map| map.assert_recorded(1),
];

const LATE_HANDLER: &[fn(&Map)] = &[
    |map| {
        map.restore();
        map.cut();
        map.grow();
        map.restore_complete_file();
    },
    |map| map.try_access(0),
];

fn finds(order: Order, threads: &'static [fn(&Map)]) -> String {
    let found = panic::catch_unwind(|| explore(order, threads));
    let cause = found.expect_err("the model finds the fault");
    cause
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| cause.downcast_ref::<&str>().copied().unwrap_or_default().to_owned())
}

#[test]
fn a_restoration_loses_no_cut() {
    explore(Order::Correct, RESTORE_BESIDE_A_CUT);
}

#[test]
fn a_restoration_loses_no_cut_beside_two_readers() {
    explore(Order::Correct, TWO_READERS);
}

#[test]
fn zeros_are_recorded_whenever_they_are_visible() {
    explore(Order::Correct, OBSERVER);
}

#[test]
fn a_handler_that_runs_after_a_restoration_does_not_damage_the_map() {
    explore(Order::Correct, LATE_HANDLER);
}

/// Controls.
#[test]
fn without_exclusion_both_orders_of_a_restoration_lose_a_cut() {
    assert_eq!(finds(Order::FileFirst, RESTORE_BESIDE_A_CUT), "zeros without a bit");
    assert_eq!(finds(Order::BitFirst, RESTORE_BESIDE_A_CUT), "zeros without a bit");
}

#[test]
fn zeros_that_are_mapped_first_are_visible_without_a_record() {
    assert_eq!(finds(Order::ZerosFirst, OBSERVER), "zeros without a bit");
}

#[test]
fn faults_that_are_counted_last_are_noticed_too_late() {
    assert_eq!(finds(Order::CountedLast, OBSERVER), "zeros that are not counted");
}

#[test]
fn a_mark_that_is_cleared_first_hides_zeros() {
    assert_eq!(finds(Order::MarkFirst, OBSERVER), "zeros without a mark");
}

#[test]
fn a_handler_that_checks_nothing_damages_a_restored_map() {
    assert_eq!(finds(Order::Unchecked, LATE_HANDLER), "damage after a restoration");
}

/// A child's copy of an exclusion that another thread of the parent owned.
#[test]
fn one_thread_takes_over_the_exclusion_of_another_process() {
    loom::model(|| {
        let map = Map::damaged(Order::Correct);
        std::mem::forget(map.mark.exclusion.attempt(PROCESS - 1));
        let owners = Arc::new(atomic::AtomicUsize::new(0));
        let work = |owners: Arc<atomic::AtomicUsize>, map: Arc<Map>| {
            let exclusive = wait(&map.mark.exclusion);
            assert_eq!(owners.fetch_add(1, atomic::SeqCst), 0);
            owners.fetch_sub(1, atomic::SeqCst);
            drop(exclusive);
        };
        let other = (Arc::clone(&owners), Arc::clone(&map));
        let thread = thread::spawn(move || work(other.0, other.1));
        work(owners, map);
        thread.join().unwrap();
    });
}
