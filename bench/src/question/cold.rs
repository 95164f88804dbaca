//! How long does a search take in a file that is not in the page cache?

use std::io::{self, Read};

use super::*;

pub(super) fn answer(run: &Run) -> Outcome {
    let size = run.size(512 * MIB);
    let name = format!("{} cold", sized(size));
    let data = Data::text();
    let file = TempFile::repeated(&data.block, size);
    if !evict(&file) {
        skip(&name, "the file cannot be evicted from the page cache");
        return Ok(());
    }
    let needle = &data.absent(16)[..];
    let ready = || evict(&file);
    let ours = |advice: Option<Advice>| {
        let map = open(file.path());
        advice.into_iter().for_each(|advice| map.advise(advice, ..).expect("advise"));
        map.find(needle, ..)
    };
    Row::new(name)
        .rounds(5)
        .with("safemap", after(ready, |_| ours(None)))
        .with("safemap, advised", after(ready, |_| ours(Some(Advice::Sequential))))
        .with(SLICE, after(ready, |_| memmem::find(&peers::map(&file.open()), needle)))
        .with("read 1 MiB", after(ready, |_| blocks(&file, needle)))
        .aim("read 1 MiB", 1.0)
        .done(run);
    Ok(())
}

fn blocks(file: &TempFile, needle: &[u8]) -> io::Result<bool> {
    let (mut handle, mut block) = (file.open(), vec![0; MIB]);
    let finder = memmem::Finder::new(needle);
    loop {
        match handle.read(&mut block)? {
            0 => return Ok(false),
            count if finder.find(&block[..count]).is_some() => return Ok(true),
            _ => {}
        }
    }
}
