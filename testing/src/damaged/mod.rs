//! Runs bytes as a program that damages a file of `safemap::ipc`, opens it, and uses it beside a
//! thread that overwrites its words.

mod channel;
mod journal;

use std::{
    fmt,
    fs::File,
    thread,
    time::{Duration, Instant},
};

use safemap::{Access, Error, Map, Options, Result};

pub use self::{channel::use_damaged_channel, journal::use_damaged_journal};
use crate::{Stop, decode::Decoder};

const MOST_CALLS: usize = 40;
/// How many words the thread overwrites without sleeps. It would need a processor for as long as a
/// call waits for a lock.
const QUICK_WORDS: usize = 100;
/// Short, because a program has many calls that wait in vain.
const TIMEOUT: Duration = Duration::from_micros(50);
/// A call waits 100 ms for a lock. The machine may be busy.
const LONGEST_CALL: Duration = Duration::from_secs(3);

/// The words of a file that a program damages.
struct Words {
    map: Map,
    /// The numbers of words that the protocol uses. The three behind each one count too.
    used: &'static [usize],
}

impl Words {
    fn of(file: &File, used: &'static [usize]) -> Words {
        let map = Options::new().access(Access::Write).map(file).expect("map a memory file");
        Words { map, used }
    }

    /// Damages some words, then runs `work`, in most programs beside a thread that damages more.
    fn damage_beside(
        &self,
        steps: &mut Decoder<'_>,
        work: impl FnOnce(&mut Decoder<'_>) -> Result<()>,
    ) {
        for _ in 0..steps.byte() % 8 {
            self.damage(steps);
        }
        let (stop, seed, is_busy) = (Stop::default(), steps.byte(), steps.byte() % 4 != 0);
        thread::scope(|scope| {
            let _stop = stop.set_on_drop();
            if is_busy {
                scope.spawn(|| self.overwrite(seed.into(), &stop));
            }
            // The file may be refused.
            let _ = work(steps);
        });
    }

    /// Calls `call` as often as the program says. Panics if a call takes much longer than its
    /// timeout.
    fn repeat<T: fmt::Debug>(
        &self,
        steps: &mut Decoder<'_>,
        mut call: impl FnMut(&mut Decoder<'_>) -> T,
    ) {
        for _ in 0..MOST_CALLS {
            if steps.0.is_empty() {
                break;
            }
            let start = Instant::now();
            let done = call(steps);
            let taken = start.elapsed();
            assert!(taken < LONGEST_CALL, "a call took {taken:?}: {done:?}");
            if steps.byte() % 4 == 0 {
                self.damage(steps);
            }
        }
    }

    fn overwrite(&self, seed: u64, stop: &Stop) {
        let mut rng = fastrand::Rng::with_seed(seed);
        for number in 0.. {
            if stop.is_set() {
                break;
            }
            let bytes: [u8; 8] = rng.u64(..).to_ne_bytes();
            self.damage(&mut Decoder(&bytes));
            match number < QUICK_WORDS {
                true => (0..rng.u32(..200)).for_each(|_| std::hint::spin_loop()),
                false => thread::sleep(TIMEOUT),
            }
        }
    }

    /// Replaces a word, also by another word of the file.
    fn damage(&self, steps: &mut Decoder<'_>) {
        let at = self.position(steps);
        let word = match steps.byte() % 6 {
            0 => 0,
            1 => u64::MAX - u64::from(steps.byte()),
            2 => steps.number() as u64,
            3 => 1 << 63 | steps.number() as u64,
            4 => self.map.load::<u64>(self.position(steps)).unwrap_or(0),
            _ => self.map.load::<u64>(at).unwrap_or(0) ^ 1 << (steps.byte() % 64),
        };
        match self.map.store(word, at) {
            // A journal whose state says "in creation" is created anew: its file is cut first.
            Ok(()) | Err(Error::Fault { .. }) => {}
            Err(error) => panic!("store at {at}: {error}"),
        }
    }

    /// Most positions are those of words that the protocol uses.
    fn position(&self, steps: &mut Decoder<'_>) -> usize {
        let near = self.used[usize::from(steps.byte()) % self.used.len()];
        let near = near + usize::from(steps.byte() % 4);
        8 * match steps.byte() % 4 {
            0 => usize::from(steps.byte()) % 12,
            1 => steps.number() % (self.map.len() / 8),
            _ => near,
        }
    }
}
