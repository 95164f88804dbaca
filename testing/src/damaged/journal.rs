//! Journals with damaged words.

use std::{fs, fs::File, io, os::unix::fs::FileExt, sync::OnceLock};

use safemap::{
    Error, Result,
    ipc::{Journal, JournalReader, JournalWriter, Position, ReadFrom},
};

use super::{TIMEOUT, Words};
use crate::{decode::Decoder, memfd::memory_file};

const USED: [usize; 14] = [16, 18, 19, 32, 48, 49, 51, 52, 64, 512, 513, 514, 516, 640];
/// What the journals have for records at first.
const ALLOCATED: usize = 4096;
/// A file has at most this length. No call needs more memory.
const MOST: usize = 64 << 20;

/// Runs the program that `bytes` encode. Each call may return any result.
///
/// # Panics
///
/// If a call takes much longer than its timeout, returns a record that is longer than the file can
/// be, or lengthens the file to more than its records need.
pub fn use_damaged_journal(bytes: &[u8]) {
    let mut steps = Decoder(bytes);
    let Ok(file) = file_of_a_journal() else { return };
    let words = Words::of(&file, &USED);
    words.damage_beside(&mut steps, |steps| {
        let journal = Journal::options().from_file(clone(&file)?)?;
        let mut writer = journal.writer()?;
        let mut reader = journal.reader(place(steps))?;
        words.repeat(steps, |steps| call(&journal, &mut writer, &mut reader, steps));
        Ok(())
    });
    let len = file.metadata().map_or(0, |it| it.len());
    assert!(len <= MOST as u64, "the file has {len} bytes");
}

/// Returns the file of a journal with some records.
fn file_of_a_journal() -> Result<File> {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = match BYTES.get() {
        Some(bytes) => bytes,
        None => {
            let bytes = bytes_of_a_journal()?;
            BYTES.get_or_init(|| bytes)
        }
    };
    let file = memory_file(false).map_err(os)?;
    file.write_all_at(bytes, 0).map_err(os)?;
    Ok(file)
}

fn bytes_of_a_journal() -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().map_err(os)?;
    let path = folder.path().join("journal");
    let journal = Journal::options().allocate(ALLOCATED).create(&path)?;
    let mut writer = journal.writer()?;
    writer.append_many([&[7; 5][..], &[], &[7; 1000]])?;
    writer.sync()?;
    fs::read(&path).map_err(os)
}

fn clone(file: &File) -> Result<File> {
    file.try_clone().map_err(os)
}

fn os(source: io::Error) -> Error {
    Error::Os { call: "test", source }
}

fn call(
    journal: &Journal,
    writer: &mut JournalWriter,
    reader: &mut JournalReader,
    steps: &mut Decoder<'_>,
) -> Result<()> {
    let mut bytes = Vec::new();
    match steps.byte() % 32 {
        31 => reader.next_timeout(&mut bytes, TIMEOUT).map(drop)?,
        30 => writer.finish_timeout(TIMEOUT).map(drop)?,
        29 => writer.sync_timeout(TIMEOUT).map(drop)?,
        0..8 => writer.append_timeout(&record(steps), TIMEOUT).map(drop)?,
        8..11 => writer.append_many_timeout([&bytes, &record(steps)], TIMEOUT).map(drop)?,
        11..14 => *writer = journal.writer()?,
        14..18 => *reader = journal.reader(place(steps))?,
        18..20 => drop(journal.takeovers()?),
        20..23 => reader.available().take(5).try_for_each(|record| record.map(drop))?,
        _ => reader.try_next(&mut bytes).map(drop)?,
    }
    assert!(bytes.capacity() <= MOST, "a record of {} bytes", bytes.capacity());
    Ok(())
}

fn record(steps: &mut Decoder<'_>) -> Vec<u8> {
    vec![7; steps.number() % (3 * ALLOCATED)]
}

fn place(steps: &mut Decoder<'_>) -> ReadFrom {
    let position = Position::from((steps.number() as u128) << 32 | u128::from(steps.byte() % 4));
    match steps.byte() % 4 {
        0 => ReadFrom::End,
        1 => ReadFrom::At(position),
        2 => ReadFrom::After(position),
        _ => ReadFrom::Start,
    }
}
