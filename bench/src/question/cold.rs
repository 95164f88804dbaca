//! Cold: a search through a file that is not in the page cache.

use std::io::Read;

use memchr::memmem;
use safemap::{Advice, Map};

use super::Question;
use crate::{
    data::Data,
    measure::after,
    peers,
    row::{Row, skip},
    run::{MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "cold",
    title: "Rust: search a file that is not in the page cache",
    how: "512 MiB of text, from the disk, for 16 bytes that are not there: `find`, plain and after `advise(Sequential)`; `memchr::memmem` on memmap2's slice and on blocks of \
          1 MiB that `read` brings (which misses what lies across two blocks). Before each turn `posix_fadvise` takes the file out of the cache. A virtual disk may have \
          a cache of its own.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    let size = run.size(512 * MIB);
    let name = format!("{} cold", sized(size));
    let data = Data::text();
    let file = Scratch::repeated(&data.block, size)?;
    if !file.cool() {
        skip(&name, "the file cannot be taken out of the page cache here");
        return Ok(());
    }
    let needle = &data.absent(16)[..];
    let ready = || file.cool();
    Row::new(name)
        .rounds(5)
        .with("safemap", after(ready, |_| ours(&file, needle, None)))
        .with("safemap, advised", after(ready, |_| ours(&file, needle, Some(Advice::Sequential))))
        .with("memmap2 + memchr", after(ready, |_| theirs(&file, needle)))
        .with("read 1 MiB", after(ready, |_| blocks(&file, needle)))
        .aim("read 1 MiB", 1.0)
        .done(run);
    Ok(())
}

fn ours(file: &Scratch, needle: &[u8], advice: Option<Advice>) -> safemap::Result<Option<usize>> {
    let map = Map::open(file.path())?;
    advice.map_or(Ok(()), |advice| map.advise(advice, ..))?;
    map.find(needle, ..)
}

fn theirs(file: &Scratch, needle: &[u8]) -> std::io::Result<Option<usize>> {
    let map = peers::map(&file.handle()?)?;
    Ok(memmem::find(&map, needle))
}

fn blocks(file: &Scratch, needle: &[u8]) -> std::io::Result<bool> {
    let (mut handle, mut block) = (file.handle()?, vec![0; MIB]);
    let finder = memmem::Finder::new(needle);
    loop {
        match handle.read(&mut block)? {
            0 => return Ok(false),
            count if finder.find(&block[..count]).is_some() => return Ok(true),
            _ => {}
        }
    }
}
