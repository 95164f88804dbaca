//! Two journals as a connection: each process appends to one, and waits for records of the other.

use std::path::Path;

use safemap::ipc::{Journal, JournalReader, JournalWriter, ReadFrom, Spin};
use tempfile::TempDir;

use super::{Ends, Link};

pub(crate) struct Journals {
    writer: JournalWriter,
    reader: JournalReader,
    /// The folder of the files, in the process that made it.
    _folder: Option<TempDir>,
}

impl Link for Journals {
    fn send(&mut self, message: &[u8]) {
        self.writer.append(message).expect("append");
    }

    fn recv(&mut self, message: &mut Vec<u8>) {
        self.reader.next(message).expect("next");
    }
}

pub(crate) fn ends(spin: Spin) -> Ends<Journals> {
    let folder = tempfile::tempdir()?;
    let (there, back) = (folder.path().join("there"), folder.path().join("back"));
    let mut near = end(&there, &back, spin)?;
    near._folder = Some(folder);
    Ok((near, Box::new(move || Ok(end(&back, &there, spin)?))))
}

fn end(to: &Path, from: &Path, spin: Spin) -> safemap::Result<Journals> {
    let open = |path| Journal::options().spin(spin).open_or_create(path);
    let (writer, reader) = (open(to)?.writer()?, open(from)?.reader(ReadFrom::Start)?);
    Ok(Journals { writer, reader, _folder: None })
}
