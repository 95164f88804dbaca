//! Restores a map with repair while its file is cut.

use std::{sync::Barrier, thread};

use safemap::{Error, Map};

use crate::{Stop, TempFile};

/// Restores the map until that succeeds. At the same time another thread cuts the file before `at`,
/// calls `access`, which reads the byte there as external code does, and lets the file grow back.
///
/// Returns how often a restoration failed because of a cut.
///
/// # Errors
///
/// Other errors of [`Map::restore`].
pub fn restore_beside_cuts(
    map: &Map,
    file: &TempFile,
    at: usize,
    access: impl Fn() -> u8 + Sync,
) -> safemap::Result<usize> {
    let (len, stop, start) = (file.file_len(), Stop::default(), Barrier::new(2));
    let cut = || {
        let _stop = stop.set_on_drop();
        let handle = file.open();
        start.wait();
        while !stop.is_set() {
            handle.set_len(at as u64).expect("cut a temporary file");
            access();
            handle.set_len(len).expect("lengthen a temporary file");
        }
    };
    thread::scope(|scope| {
        scope.spawn(cut);
        let _stop = stop.set_on_drop();
        start.wait();
        restore(map, &stop)
    })
}

fn restore(map: &Map, stop: &Stop) -> safemap::Result<usize> {
    for failed in 0.. {
        match map.restore() {
            Err(Error::Fault { .. } | Error::Damaged { .. }) if !stop.is_set() => {}
            result => return result.map(|()| failed),
        }
    }
    unreachable!("the number of attempts has no end")
}
