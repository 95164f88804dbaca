//! Do words and locks that processes share cost as much as those of one process?

use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Instant,
};

use safemap::{Sharing, ipc::Mutex};
use safemap_testing::process::Fork;

use super::*;
use crate::{measure::since, peers::PthreadMutex};

const ROBUST: &str = "robust pthread mutex";
const PLAIN: &str = "pthread mutex";
const WORD: &str = "AtomicU64";
/// Where the word is that ends the other process.
const END: usize = 64;

pub(super) fn answer(run: &Run) -> Outcome {
    let file = TempFile::new(&[0; 4 * KIB]);
    let map = file.map();
    let (word, theirs) = (map.atomic::<u64>(128)?, AtomicU64::new(0));
    Row::new("add 1 to a word")
        .time("safemap", || word.fetch_add(1, SeqCst).expect(IN_BOUNDS))
        .time(WORD, || black_box(&theirs).fetch_add(1, SeqCst))
        .aim_plus(WORD, 1.0, 3.0)
        .done(run);
    let mutex = Mutex::new(&map, 0)?;
    let (robust, plain) = (PthreadMutex::new(true), PthreadMutex::new(false));
    let lock = || drop(mutex.lock().expect(IN_BOUNDS));
    Row::new("lock and unlock, one thread")
        .time("safemap", lock)
        .time(ROBUST, || robust.lock_and_unlock())
        .time(PLAIN, || plain.lock_and_unlock())
        .aim(ROBUST, 0.6)
        .done(run);
    Row::new("lock and unlock, two processes")
        .with("safemap", contended(lock))
        .with(ROBUST, contended(|| robust.lock_and_unlock()))
        .with(PLAIN, contended(|| plain.lock_and_unlock()))
        .aim(ROBUST, 0.6)
        .done(run);
    Ok(())
}

/// Times `once` while another process does the same.
fn contended<'a>(once: impl Fn() + 'a) -> Work<'a> {
    Box::new(move |times| {
        let shared = Options::new().len(4 * KIB).sharing(Sharing::Shared).anonymous();
        let shared = shared.expect("map a page");
        let state = || shared.load::<u64>(END).expect(IN_BOUNDS);
        let child = Fork::run(|| {
            shared.store(1_u64, END).expect(IN_BOUNDS);
            while state() == 1 {
                once();
            }
            0
        });
        let child = child.expect("fork");
        while state() == 0 {
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        for _ in 0..times {
            once();
        }
        let taken = since(begun);
        shared.store(2_u64, END).expect(IN_BOUNDS);
        child.wait().expect("the child ends");
        taken
    })
}
