//! Signal handlers that a program installs after the library's handler.

use super::*;

/// Returns a map whose file was truncated to one page.
pub(super) fn truncated_map() -> (TempFile, Map) {
    let (file, map) = file_and_map(4);
    file.set_len(PAGE as u64);
    (file, map)
}

fn faults(settings: &Settings, map: &Map) -> bool {
    matches!(settings.get(map, PAGE), Err(Error::Fault { offset: PAGE }))
}

/// Accesses the missing page in a forked child without the library, and returns the child.
pub(super) fn access_directly(map: &Map) -> Result<Fork> {
    Ok(Fork::run(|| i32::from(read_directly(map, PAGE)))?)
}

/// Installs handlers that call the handler they replace, and creates maps in between.
pub(crate) fn chaining(settings: &Settings) -> Result {
    let (file, map) = truncated_map();
    let rounds = settings.times(20, 200);
    for round in 0..rounds {
        [SIGBUS, SIGSEGV].into_iter().for_each(install_chaining);
        let calls = CHAINED.load(SeqCst);
        assert!(faults(settings, &map), "the program's handler is first and calls the library's");
        // An inlined access that faults is repeated by an accessor.
        let passed = CHAINED.load(SeqCst);
        assert!((calls + 1..=calls + 2).contains(&passed), "{} calls", passed - calls);
        drop(Map::open(file.path())?);
        assert!(faults(settings, &map), "the library's handler is first again");
        assert_eq!(CHAINED.load(SeqCst), passed, "the library does not pass on its own fault");
        // Another fault passes all handlers and terminates the process. It must not cycle.
        let ended = access_directly(&map)?.wait_timeout(Duration::from_secs(5))?;
        let signal = ended.and_then(|status| status.signal());
        assert_eq!(signal, Some(SIGBUS), "a fault outside the library in round {round}");
    }
    let note = "faults outside the library still terminate the process";
    Ok(Report::new(rounds, "handlers installed later that call the library's").note(note))
}

/// Installs handlers that end the process. The next map puts the library's handler first again.
pub(crate) fn not_chaining(settings: &Settings) -> Result {
    let (file, map) = truncated_map();
    let rounds = settings.times(20, 200);
    for round in 0..rounds {
        [SIGBUS, SIGSEGV].into_iter().for_each(install_ending);
        if !settings.control {
            drop(Map::open(file.path())?);
        }
        assert!(faults(&Settings { control: false, ..*settings }, &map), "round {round}");
        let status = access_directly(&map)?.wait()?.code();
        assert_eq!(status, Some(HANDLED), "the program handles other faults");
    }
    Ok(Report::new(rounds, "handlers installed later that do not chain")
        .note("the next map comes first again"))
}

/// Faults in threads with their own alternate signal stack, with that of Rust, and without any.
pub(crate) fn alternate_stacks(settings: &Settings) -> Result {
    let (_file, map) = truncated_map();
    let rounds = settings.times(5000, 200_000);
    thread::scope(|scope| {
        for stack in [Some(Some(64 << 10)), Some(None), None] {
            let map = &map;
            scope.spawn(move || {
                stack.into_iter().for_each(signal::alternate_stack);
                (0..rounds).for_each(|_| assert!(faults(settings, map)));
            });
        }
    });
    let injected = "faults in threads with, without and with the default alternate stack";
    Ok(Report::new(3 * rounds, injected))
}

/// Sends signals. They terminate the process, also while it handles faults.
pub(crate) fn sent(settings: &Settings) -> Result {
    let (_file, map) = truncated_map();
    let rounds = settings.times(30, 300);
    let mut signals = 0;
    for round in 0..rounds {
        let signal = [SIGBUS, SIGSEGV][round % 2];
        let child = Fork::run(|| {
            if settings.control {
                signal::set(signal, SIG_IGN, 0);
            }
            let end = Instant::now() + Duration::from_secs(2);
            while Instant::now() < end {
                let _ = map.get(if round % 4 < 2 { PAGE } else { 0 });
            }
            0
        })?;
        thread::sleep(Duration::from_millis(2));
        signals += assert_terminated_by(child, signal)?;
    }
    let note = format!("{signals} signals; each process was terminated");
    Ok(Report::new(rounds, "processes that received SIGBUS or SIGSEGV").note(note))
}

/// Sends a signal until the process ends, and returns how often.
///
/// The handler of Rust's runtime takes the first signal for a fault that will repeat, and
/// uninstalls itself. So one signal may not suffice.
fn assert_terminated_by(child: Fork, signal: i32) -> Result<usize> {
    for sent in 1..=20 {
        child.send(signal)?;
        thread::sleep(Duration::from_millis(3));
        if let Some(ended) = child.try_wait()? {
            assert_eq!(ended.signal(), Some(signal), "after {sent} signals");
            return Ok(sent);
        }
    }
    child.wait_timeout(Duration::ZERO)?;
    panic!("the process survived 20 signals");
}
