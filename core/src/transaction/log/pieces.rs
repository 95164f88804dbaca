//! Reading the journal from one offset on, in pieces, so that no length in it costs memory.

use super::files::{Files, Which};

/// The bytes of a piece.
pub(super) const PIECE: usize = 64 << 10;

/// Reads the journal from one offset on.
pub(super) struct Pieces<'a, F> {
    files: &'a F,
    buffer: Vec<u8>,
    /// The next byte, in the buffer.
    next: usize,
    /// Where the bytes behind the buffer lie.
    at: u64,
    /// How much may be read ahead.
    end: u64,
}

impl<'a, F: Files> Pieces<'a, F> {
    /// Reads from `at`, and nothing behind `end`.
    pub(super) fn new(files: &'a F, at: u64, end: u64) -> Pieces<'a, F> {
        Pieces { files, buffer: Vec::new(), next: 0, at, end }
    }

    /// Returns at most `most` bytes, which must not be 0. None: the file ends here.
    pub(super) fn next(&mut self, most: u64) -> Result<&[u8], F::Error> {
        if self.next == self.buffer.len() {
            self.fill()?;
        }
        let rest = &self.buffer[self.next..];
        let count = usize::try_from(most).map_or(rest.len(), |most| most.min(rest.len()));
        self.next += count;
        Ok(&rest[..count])
    }

    /// Returns `None` if the file ends before.
    pub(super) fn next_array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, F::Error> {
        let (mut bytes, mut done) = ([0; N], 0);
        while done < N {
            let piece = self.next((N - done) as u64)?;
            if piece.is_empty() {
                return Ok(None);
            }
            bytes[done..done + piece.len()].copy_from_slice(piece);
            done += piece.len();
        }
        Ok(Some(bytes))
    }

    fn fill(&mut self) -> Result<(), F::Error> {
        let len = (PIECE as u64).min(self.end.saturating_sub(self.at)) as usize;
        if self.buffer.len() != len {
            self.buffer = vec![0; len];
        }
        self.next = 0;
        let count = self.files.read(Which::Journal, &mut self.buffer, self.at)?;
        self.buffer.truncate(count);
        self.at += count as u64;
        Ok(())
    }
}
