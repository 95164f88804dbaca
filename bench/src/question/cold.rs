//! How long does a search take in a file that is not in the page cache?

use std::io::{self, Read};

use super::*;

pub(super) const QUESTION: Question = Question {
    name: "cold",
    title: "Rust: search a file that is not in the page cache",
    how: "512 MiB of text from the disk, for 16 bytes that do not occur: `find`, plain and after \
          `advise(Sequential)`; `memchr::memmem` on memmap2's slice and on blocks of 1 MiB that \
          `read` fills (which misses matches across two blocks). Before each turn `posix_fadvise` \
          evicts the file from the page cache. A virtual disk may have a cache of its own.",
    answer,
};

fn answer(run: &Run) -> Outcome {
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
    Row::new(name)
        .rounds(5)
        .with("safemap", after(ready, |_| ours(&file, needle, None)))
        .with("safemap, advised", after(ready, |_| ours(&file, needle, Some(Advice::Sequential))))
        .with(SLICE, after(ready, |_| memmem::find(&peers::map(&file.open()), needle)))
        .with("read 1 MiB", after(ready, |_| blocks(&file, needle)))
        .aim("read 1 MiB", 1.0)
        .done(run);
    Ok(())
}

fn ours(file: &TempFile, needle: &[u8], advice: Option<Advice>) -> safemap::Result<Option<usize>> {
    let map = Map::open(file.path())?;
    advice.map_or(Ok(()), |advice| map.advise(advice, ..))?;
    map.find(needle, ..)
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
