//! Runs bytes as a program: operations on a map and on its model, and changes of the file's length.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use safemap::{Access, Map, Options, page_size};

use crate::{
    Model,
    decode::{Decoder, Step},
    operation::Op,
    pattern,
};

const LEN: usize = 5000;

/// Runs the program that `bytes` encode. Panics where map, model or file differ.
pub fn run_program(bytes: &[u8]) {
    let mut steps = Decoder(bytes);
    match steps.byte() % 4 {
        0 => private_memory(&mut steps),
        1 => copy_on_write(&mut steps),
        _ => shared_file(&mut steps),
    }
}

fn private_memory(steps: &mut Decoder<'_>) {
    let map = Options::new().len(LEN).anonymous().expect("map memory");
    let mut model = Model::new(vec![0; LEN]);
    while let Some(step) = steps.step() {
        if let Step::Do(op) = step {
            model.step(&map, &op);
        }
    }
}

/// A copy-on-write map cannot be resized. Its file keeps its length.
fn copy_on_write(steps: &mut Decoder<'_>) {
    let (file, bytes) = temporary(LEN);
    let map = Options::new().access(Access::Copy).map(&file).expect("map a file");
    let mut model = Model::new(bytes);
    while let Some(step) = steps.step() {
        match step {
            Step::Do(Op::Resize(_)) | Step::SetFileLen(_) => {}
            Step::Do(op) => model.step(&map, &op),
        }
    }
}

/// A map of a file from some offset on. The file is truncated and extended by another descriptor.
fn shared_file(steps: &mut Decoder<'_>) {
    let offset = steps.number() % 5000;
    let (file, bytes) = temporary(offset + LEN);
    let map =
        Options::new().access(Access::Write).offset(offset as u64).map(&file).expect("map a file");
    let model = Model::new(bytes[offset..].to_vec());
    let mut subject = MappedFile { file, map, model, offset, file_len: offset + LEN };
    while let Some(step) = steps.step() {
        subject.run(step);
    }
    subject.compare_file();
}

struct MappedFile {
    file: File,
    map: Map,
    model: Model,
    offset: usize,
    file_len: usize,
}

impl MappedFile {
    fn run(&mut self, step: Step) {
        match step {
            Step::Do(op) => {
                self.model.step(&self.map, &op);
                if let Op::Resize(len) = op {
                    self.file_len_changed(self.offset + len);
                }
            }
            Step::SetFileLen(len) => {
                self.file.set_len(len as u64).expect("resize the file");
                self.file_len_changed(len);
            }
        }
    }

    fn file_len_changed(&mut self, len: usize) {
        let in_map = |at: usize| at.saturating_sub(self.offset);
        if len > self.file_len {
            // Bytes stored behind the old end, in its last page, may or may not be in the file now.
            // Zeros are written over them, so that the result is certain.
            let page_end = self.file_len.next_multiple_of(page_size());
            let zeros = vec![0; page_end - self.file_len];
            self.file.write_all_at(&zeros, self.file_len as u64).expect("write less than a page");
            self.file.set_len(len as u64).expect("resize the file");
            self.model.zero(in_map(self.file_len), in_map(page_end));
        }
        let end = if len > self.file_len { usize::MAX } else { in_map(len) };
        self.model.truncate(end, in_map(len.next_multiple_of(page_size())));
        self.file_len = len;
    }

    /// Compares the file with the model, up to the end of the shorter one.
    fn compare_file(&self) {
        let end = (self.offset + self.model.bytes().len()).min(self.file_len);
        let mut bytes = vec![0; end.saturating_sub(self.offset)];
        self.file.read_exact_at(&mut bytes, self.offset as u64).expect("read the file");
        assert!(self.model.bytes().starts_with(&bytes), "file and model differ");
    }
}

/// Creates an unnamed file, in memory if possible, and returns it with its bytes.
fn temporary(len: usize) -> (File, Vec<u8>) {
    let memory = Path::new("/dev/shm");
    let file = if memory.is_dir() { tempfile::tempfile_in(memory) } else { tempfile::tempfile() };
    let (file, bytes) = (file.expect("create a temporary file"), pattern(len));
    file.write_all_at(&bytes, 0).expect("write a temporary file");
    (file, bytes)
}
