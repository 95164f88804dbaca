//! Files that do not fit, and files that are damaged or cut at every byte.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
};

use super::{
    super::{Geometry, Mode, Opened, PERMISSIONS, header, open},
    FILE, KIND, SMALL,
};
use crate::{Error, FormatError, Result, ipc::has_range_locks};

/// A folder with one file.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(bytes: &[u8]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write(bytes);
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("file")
    }

    fn write(&self, bytes: &[u8]) {
        // ext4 flushes a file that was truncated to 0 and written.
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(false).open(self.path()).unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    }

    fn open(&self, mode: Mode) -> Result<Opened> {
        open(&self.path(), KIND, mode, PERMISSIONS)
    }

    /// Opens the file, which must fail and leave the file as it is. Returns the reason.
    fn refusal(&self, mode: Mode) -> FormatError {
        let before = fs::read(self.path()).unwrap();
        let error = self.open(mode).unwrap_err();
        assert!(fs::read(self.path()).unwrap() == before, "{error}: the file was changed");
        match error {
            Error::Format { cause, .. } => cause,
            error => panic!("{error}"),
        }
    }

    /// Calls [`Folder::refusal`] in both modes, whose reasons must be the same.
    fn refusal_of(&self, bytes: &[u8]) -> FormatError {
        self.write(bytes);
        let cause = self.refusal(Mode::OpenOrCreate(SMALL));
        assert_eq!(self.refusal(Mode::Open), cause);
        cause
    }
}

/// Returns the bytes of a new file, or `None` on systems without locks.
fn new_file() -> Option<Vec<u8>> {
    let folder = Folder::new(&[]);
    if !has_range_locks() {
        let error = folder.open(Mode::OpenOrCreate(SMALL)).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        return None;
    }
    assert!(folder.open(Mode::OpenOrCreate(SMALL)).unwrap().is_new);
    let mut bytes = fs::read(folder.path()).unwrap();
    assert_eq!(bytes.len(), FILE);
    bytes[header::LEN..].fill(0x5A);
    Some(bytes)
}

/// Returns the file with other bytes in its header, and the checksum that they have.
fn changed(file: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    let sum = crc32c::crc32c(&bytes[..88]);
    bytes[88..92].copy_from_slice(&sum.to_ne_bytes());
    bytes
}

#[test]
fn a_file_that_does_not_fit_is_an_error_that_says_why() {
    let Some(file) = new_file() else { return };
    let folder = Folder::new(&file);
    let cause = |at, new: &[u8]| folder.refusal_of(&changed(&file, at, new));
    let (older, newer) = (cause(8, &0_u16.to_ne_bytes()), cause(8, &2_u16.to_ne_bytes()));
    assert_eq!(older, FormatError::OlderVersion { found: 0, supported: 1 });
    assert_eq!(newer, FormatError::NewerVersion { found: 2, supported: 1 });
    assert_eq!(cause(12, &0x0D0C_0B0A_u32.to_ne_bytes()), FormatError::ByteOrder);
    let other = FormatError::OtherKind { found: 2, requested: 1 };
    assert_eq!(cause(16, &2_u32.to_ne_bytes()), other);
    assert_eq!(cause(20, &4_u32.to_ne_bytes()), FormatError::UnknownFeatures { bits: 4 });
    for capacity in [0, 2048, 5000, 4097, 1 << 33, u64::MAX] {
        let invalid = FormatError::InvalidCapacity { capacity };
        assert_eq!(cause(32, &capacity.to_ne_bytes()), invalid);
    }
    let longer = FormatError::TooShort { len: FILE as u64, required: 9000 };
    assert_eq!(cause(48, &9000_u64.to_ne_bytes()), longer);
    // Checksums that fit, and fields that do not.
    for (at, new) in [(12, 1_u64), (28, 8192), (48, 8191)] {
        let new =
            if at == 48 { new.to_ne_bytes().to_vec() } else { (new as u32).to_ne_bytes().into() };
        assert_eq!(cause(at, &new), FormatError::DamagedHeader, "{at}");
    }
    for state in [0_u32, 3, 7] {
        assert_eq!(cause(92, &state.to_ne_bytes()), FormatError::DamagedHeader, "state {state}");
    }
}

#[test]
fn what_later_minor_versions_may_add_is_ignored() {
    let Some(file) = new_file() else { return };
    for (at, new) in [(10, &9_u16.to_ne_bytes()[..]), (24, &[0xFF; 4])] {
        let opened = Folder::new(&changed(&file, at, new)).open(Mode::Open).unwrap();
        assert!(!opened.is_new);
    }
}

#[test]
fn another_geometry_than_requested_is_an_error_with_both_numbers() {
    let Some(file) = new_file() else { return };
    let folder = Folder::new(&file);
    let cause = |geometry| folder.refusal(Mode::OpenOrCreate(geometry));
    let expected = FormatError::OtherCapacity { found: 4096, requested: 8192 };
    assert_eq!(cause(Geometry { capacity: 8192, slots: 0 }), expected);
    let expected = FormatError::OtherMessageLimit { found: 0, requested: 9 };
    assert_eq!(cause(Geometry { capacity: 4096, slots: 9 }), expected);
    let expected = FormatError::InvalidCapacity { capacity: 5000 };
    assert_eq!(cause(Geometry { capacity: 5000, slots: 0 }), expected);
    assert_eq!(folder.open(Mode::Open).unwrap().geometry, SMALL);
}

#[test]
fn each_bit_of_the_header_is_checked() {
    let Some(file) = new_file() else { return };
    let folder = Folder::new(&file);
    for bit in 0..8 * header::LEN {
        let mut bytes = file.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        folder.refusal_of(&bytes);
    }
}

#[test]
fn files_of_other_programs_are_not_written_to() {
    if !has_range_locks() {
        return;
    }
    let mut almost = vec![0; FILE];
    almost[FILE - 1] = 1;
    let header_of_zeros = [0; header::LEN];
    for bytes in [
        &b"hello"[..],
        &[0],
        &[0; 8],
        &header_of_zeros[1..],
        &[0; header::LEN + 1],
        &[0; 4096],
        &almost,
        b"\x89PNG\r\n\x1a\n",
        b"\x89SMIPC\r\r",
        &[&b"\x89SMIP"[..], &[0; header::LEN]].concat(),
        &[0xFF; FILE],
    ] {
        let cause = Folder::new(&[]).refusal_of(bytes);
        assert_eq!(cause, FormatError::NotSafemap, "{bytes:?}");
    }
}

#[test]
fn a_file_that_was_cut_is_an_error_at_every_length() {
    let Some(file) = new_file() else { return };
    let folder = Folder::new(&file);
    let cut = File::options().write(true).open(folder.path()).unwrap();
    // Wine takes a minute for all of them.
    for len in (0..FILE).rev().step_by(if cfg!(windows) { 97 } else { 1 }) {
        cut.set_len(len as u64).unwrap();
        let required = if len < header::LEN { header::LEN } else { FILE } as u64;
        let expected = FormatError::TooShort { len: len as u64, required };
        assert_eq!(folder.refusal(Mode::Open), expected);
        if len >= header::LEN {
            assert_eq!(folder.refusal(Mode::OpenOrCreate(SMALL)), expected);
        }
    }
    // Nothing of the content is left.
    for len in 0..header::LEN {
        folder.write(&file[..len]);
        assert!(folder.open(Mode::OpenOrCreate(SMALL)).unwrap().is_new, "{len}");
    }
}

#[test]
fn a_file_in_creation_is_incomplete_until_a_creator_completes_it() {
    let Some(mut file) = new_file() else { return };
    file[92..96].copy_from_slice(&1_u32.to_ne_bytes());
    let folder = Folder::new(&file);
    assert_eq!(folder.refusal(Mode::Open), FormatError::Incomplete);
    assert!(folder.open(Mode::OpenOrCreate(SMALL)).unwrap().is_new);
    assert!(!folder.open(Mode::OpenOrCreate(SMALL)).unwrap().is_new);
    assert!(fs::read(folder.path()).unwrap()[header::LEN..].iter().all(|&byte| byte == 0));
}

/// Mutants of a header, so that the checks are met in every combination.
#[test]
fn a_header_of_random_fields_never_panics() {
    let Some(file) = new_file() else { return };
    fastrand::seed(15);
    for _ in 0..200_000 {
        let mut bytes = file[..header::LEN].to_vec();
        for _ in 0..fastrand::usize(1..4) {
            let at = fastrand::usize(..bytes.len());
            bytes[at] = fastrand::u8(..);
        }
        if fastrand::bool() {
            bytes = changed(&bytes, 0, &[]);
        }
        let (start, len) = (&bytes[..fastrand::usize(..=bytes.len())], fastrand::u64(..));
        let _ = header::Found::of(start, len, KIND);
    }
}
