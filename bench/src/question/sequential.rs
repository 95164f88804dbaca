//! How long does it take to read a file from its start to its end, as with `std::io`?

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, Read},
};

use super::*;

pub(super) fn answer(run: &Run) -> Outcome {
    let Maps { file, ours, theirs } = Maps::new(&Data::text(), run.size(64 * MIB))?;
    let opened = || BufReader::new(File::open(file.path()).expect("open a file"));
    // Each row has a style of reading, instantiated for each type of reader.
    macro_rules! row {
        ($name:literal, $ours:expr, $style:expr) => {
            Row::new($name)
                .time("safemap", || $ours)
                .time("BufReader", || $style(&mut opened()))
                .time("memmap2", || $style(&mut Cursor::new(&theirs[..])))
                .aim("BufReader", 1.0 / 1.5)
                .done(run);
        };
        ($name:literal, $style:expr) => {
            row!($name, $style(&mut ours.cursor()), $style);
        };
    }
    row!("`BufRead::read_until`, line by line", lines);
    row!("`BufRead::fill_buf`", blocks);
    row!("`Read::read_exact`, 16 bytes", |from| pieces(from, 16));
    row!("`Read::read_exact`, 64 bytes", |from| pieces(from, 64));
    row!("`Read::read_exact`, 4 KiB", |from| pieces(from, 4 * KIB));
    row!("`Read::read_exact`, 64 KiB", |from| pieces(from, 64 * KIB));
    row!("`Read::read_to_end`", to_end);
    row!("`Map::lines().read_into`, beside `read_until`", our_lines(&ours), lines);
    Ok(())
}

fn lines(from: &mut impl BufRead) -> usize {
    let (mut line, mut count) = (Vec::new(), 0);
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        count += 1;
        line.clear();
    }
    count
}

fn blocks(from: &mut impl BufRead) -> usize {
    let mut sum = 0;
    while let Ok(block @ [first, ..]) = from.fill_buf() {
        sum += usize::from(*first);
        let len = block.len();
        from.consume(len);
    }
    sum
}

fn pieces(from: &mut impl Read, len: usize) -> usize {
    let (mut piece, mut sum) = (vec![0; len], 0);
    while from.read_exact(&mut piece).is_ok() {
        sum += usize::from(piece[0]);
    }
    sum
}

fn to_end(from: &mut impl Read) -> usize {
    from.read_to_end(&mut Vec::new()).expect("read a file")
}

fn our_lines(map: &Map) -> usize {
    let (mut lines, mut line, mut count) = (map.lines(), Vec::new(), 0);
    while lines.read_into(&mut line).is_ok_and(|more| more) {
        count += 1;
    }
    count
}
