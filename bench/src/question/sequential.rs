//! Sequential: a file from its start to its end, as `std::io` reads.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use safemap::Map;

use super::Question;
use crate::{
    data::Data,
    measure::many,
    peers,
    row::Row,
    run::{KIB, MIB, Outcome, Run},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "sequential",
    title: "Rust: read a file from its start to its end",
    how: "64 MiB in the page cache: `Map::cursor` and `Map::lines`, beside `BufReader<File>` and `io::Cursor` over memmap2's slice. The map \
          is there already, as is the file's descriptor.",
    answer,
};

const AIM: f64 = 1.0 / 1.5;

fn answer(run: &Run) -> Outcome {
    let file = Scratch::repeated(&Data::text().block, run.size(64 * MIB))?;
    let (ours, theirs) = (Map::open(file.path())?, peers::map(&file.handle()?)?);
    for (name, read) in STYLES {
        row(name)
            .with("safemap", many(|| read(&mut ours.cursor())))
            .with("BufReader", many(|| read(&mut opened(file.path()))))
            .with("memmap2", many(|| read(&mut io::Cursor::new(&theirs[..]))))
            .aim("BufReader", AIM)
            .done(run);
    }
    row("`Map::lines().read_into`, beside `read_until`")
        .with("safemap", many(|| our_lines(&ours)))
        .with("BufReader", many(|| lines(&mut opened(file.path()))))
        .with("memmap2", many(|| lines(&mut io::Cursor::new(&theirs[..]))))
        .aim("BufReader", AIM)
        .done(run);
    Ok(())
}

fn row<'a>(name: &str) -> Row<'a> {
    Row::new(name)
}

fn opened(path: &Path) -> BufReader<File> {
    BufReader::new(File::open(path).expect("the file is there"))
}

/// A way to read all there is; returns something that depends on it.
type Style = fn(&mut dyn Whole) -> usize;

/// What is read from.
trait Whole {
    fn lines(&mut self) -> usize;
    fn blocks(&mut self) -> usize;
    fn pieces(&mut self, len: usize) -> usize;
    fn to_end(&mut self) -> usize;
}

impl<R: BufRead> Whole for R {
    fn lines(&mut self) -> usize {
        lines(self)
    }

    fn blocks(&mut self) -> usize {
        let mut sum = 0;
        while let Ok(block @ [first, ..]) = self.fill_buf() {
            sum += usize::from(*first);
            let len = block.len();
            self.consume(len);
        }
        sum
    }

    fn pieces(&mut self, len: usize) -> usize {
        let (mut piece, mut sum) = (vec![0; len], 0);
        while self.read_exact(&mut piece).is_ok() {
            sum += usize::from(piece[0]);
        }
        sum
    }

    fn to_end(&mut self) -> usize {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).expect("the file can be read")
    }
}

const STYLES: &[(&str, Style)] = &[
    ("`BufRead::read_until`, line by line", |whole| whole.lines()),
    ("`BufRead::fill_buf`", |whole| whole.blocks()),
    ("`Read::read_exact`, 16 bytes", |whole| whole.pieces(16)),
    ("`Read::read_exact`, 64 bytes", |whole| whole.pieces(64)),
    ("`Read::read_exact`, 4 KiB", |whole| whole.pieces(4 * KIB)),
    ("`Read::read_exact`, 64 KiB", |whole| whole.pieces(64 * KIB)),
    ("`Read::read_to_end`", |whole| whole.to_end()),
];

fn lines(from: &mut impl BufRead) -> usize {
    let (mut line, mut count) = (Vec::new(), 0);
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        count += 1;
        line.clear();
    }
    count
}

fn our_lines(map: &Map) -> usize {
    let (mut lines, mut line, mut count) = (map.lines(), Vec::new(), 0);
    while lines.read_into(&mut line).is_ok_and(|more| more) {
        count += 1;
    }
    count
}
