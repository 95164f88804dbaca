//! Bytes that the system loses when it writes them back are an error of `flush`.

use super::*;

const SPACE: u64 = 4 << 20;
const MORE_SPACE: u64 = 64 << 20;
const LEN: usize = 6 << 20;

/// A file system with free space on a disk without. Stores succeed, and writing back fails.
pub(crate) fn full_disk(settings: &Settings) -> Result {
    repeat(settings, "flushes of bytes for which the disk has no space", || {
        let lower = Disk::tmpfs(SPACE)?;
        let upper = Disk::ext4_in(lower.folder(), 32 << 20)?;
        lose_and_store_again(settings, &upper, |[first, second]| {
            // Duplicates of a descriptor share its error state, so only one flush reports the loss.
            assert!(first.flush().is_err(), "a file that was opened separately reports it as well");
            second.flush()?;
            lower.set_size(MORE_SPACE)
        })
    })
}

/// A device whose writes fail, and then work again.
pub(crate) fn failed_device(settings: &Settings) -> Result {
    repeat(settings, "flushes to a device that failed", || {
        let device = Device::new(64 << 20)?;
        let disk = Disk::ext4_on(device.path())?;
        device.limit_memory(SPACE)?;
        lose_and_store_again(settings, &disk, |_| device.limit_memory(MORE_SPACE))
    })
}

fn repeat(
    settings: &Settings,
    injected: &'static str,
    round: impl Fn() -> Result<String>,
) -> Result {
    let rounds = settings.times(2, 12);
    let messages: Vec<String> = (0..rounds).map(|_| round()).collect::<Result<_>>()?;
    Ok(Report::new(rounds, injected).note(format!("flush returns: {}", messages[0])))
}

/// Stores bytes and expects an error of `flush`. After `repair`, which gets two other maps of the
/// file that share a descriptor, the same map works. Returns the message of the error.
fn lose_and_store_again(
    settings: &Settings,
    disk: &Disk,
    repair: impl FnOnce([Map; 2]) -> Result<()>,
) -> Result<String> {
    let file = TempFile::new_in(disk.folder(), b"");
    file.set_len(LEN as u64);
    let (map, open) = (file.map(), file.open());
    let duplicate = || Options::new().access(Access::Write).map(&open);
    let duplicates = [duplicate()?, duplicate()?];
    // A device that compresses needs bytes that cannot be compressed.
    let bytes = noise(1, LEN);
    map.write_at(&bytes, 0)?;
    // Without `flush` no call reports the loss, not even `close`.
    let message = match if settings.control { Ok(()) } else { map.flush() } {
        Err(Error::Os { call: "flush", source }) => source.to_string(),
        other => panic!("bytes were lost, and flush returned {other:?}"),
    };
    repair(duplicates)?;
    map.write_at(&bytes, 0)?;
    map.flush()?;
    assert!(map.compare(&bytes, 0)?.is_eq());
    Ok(message)
}
