//! Writing all bytes by calls that may write a part of them.

use std::io;

/// Calls `write_some` for the rest of `bytes`, at byte `at` of a file, until all are written. On
/// failure a part of them may be written.
pub(crate) fn write_all(
    mut bytes: &[u8],
    mut at: u64,
    mut write_some: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_some(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::write_all;

    #[test]
    fn all_bytes_are_written_in_parts_at_their_offsets() {
        let (mut file, mut calls) = (vec![0; 5], 0);
        let written = write_all(b"12345678", 5, |bytes, at| {
            assert_eq!(at, file.len() as u64);
            calls += 1;
            if calls == 2 {
                return Err(ErrorKind::Interrupted.into());
            }
            let part = &bytes[..bytes.len().min(3)];
            file.extend_from_slice(part);
            Ok(part.len())
        });
        written.unwrap();
        assert_eq!((&file[5..], calls), (&b"12345678"[..], 4));
    }

    #[test]
    fn an_error_ends_it_and_so_does_a_call_that_writes_nothing() {
        let kind = |result: io::Result<usize>| {
            let mut result = Some(result);
            let next = |_: &[u8], _| result.take().expect("one call");
            write_all(b"1", 0, next).unwrap_err().kind()
        };
        assert_eq!(kind(Ok(0)), ErrorKind::WriteZero);
        assert_eq!(kind(Err(ErrorKind::StorageFull.into())), ErrorKind::StorageFull);
    }
}
