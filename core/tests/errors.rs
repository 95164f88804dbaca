//! Errors: their texts, and what becomes of them as errors of the standard library.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
};

use safemap::{Access, Error, FormatError, Map, Options, Result};
use safemap_testing::TempFile;

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    io::Error::from(result.unwrap_err()).kind()
}

#[test]
fn an_io_error_keeps_the_code_of_a_system_call_that_failed() {
    let error = Map::open("no such file").unwrap_err();
    assert!(error.to_string().starts_with("open: "), "{error}");
    let error = io::Error::from(error);
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::NotFound, Some(2)));
}

#[test]
fn an_io_error_without_a_code_keeps_the_error_and_its_numbers() {
    let map = Options::new().len(10).anonymous().unwrap();
    let error = io::Error::from(map.fill(0, 5..11).unwrap_err());
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::InvalidInput, None));
    let inner = error.get_ref().unwrap().downcast_ref::<Error>();
    assert!(matches!(inner, Some(Error::OutOfBounds { start: 5, end: 11, .. })), "{inner:?}");
}

#[test]
fn an_exact_read_beyond_the_end_is_an_unexpected_end_of_file() {
    let map = Options::new().len(10).anonymous().unwrap();
    let mut cursor = map.cursor();
    cursor.set_position(10);
    let kinds = [
        kind(map.read_exact_at(&mut [0; 4], 8)),
        kind(map.read_exact_at(&mut [0; 4], usize::MAX)),
        kind(map.read_uninit_at(&mut [std::mem::MaybeUninit::uninit(); 4], 8)),
        kind(map.read_array::<4>(8)),
        kind(map.view(4..).unwrap().copy_to(&mut [0; 4], 3)),
        kind(cursor.read_byte()),
        cursor.read_exact(&mut [0; 4]).unwrap_err().kind(),
    ];
    assert_eq!(kinds, [ErrorKind::UnexpectedEof; 7]);
}

#[test]
fn a_write_beyond_the_end_is_a_write_of_zero_bytes() {
    let map = Options::new().len(10).anonymous().unwrap();
    let mut cursor = map.cursor();
    cursor.set_position(10);
    let kinds = [
        kind(map.write_at(b"1234", 8)),
        kind(map.view(4..).unwrap().copy_from(b"1234", 3)),
        kind(cursor.write_byte(1)),
        cursor.write_all(b"1234").unwrap_err().kind(),
    ];
    assert_eq!(kinds, [ErrorKind::WriteZero; 4]);
}

#[test]
fn other_errors_have_the_kind_that_fits_their_reason() {
    let file = TempFile::new(b"12345");
    let map = Map::open(file.path()).unwrap();
    let untracked = Options::new().access(Access::Write).untracked(true).open(file.path()).unwrap();
    let huge = Options::new().len(usize::MAX).anonymous();
    let unaligned = Options::new().offset(1).exact_offset(true).open(file.path());
    let kinds = [
        (kind(map.to_vec(1..6)), ErrorKind::InvalidInput),
        (kind(map.load::<u64>(0)), ErrorKind::InvalidInput),
        (kind(Options::new().len(6).open(file.path())), ErrorKind::InvalidInput),
        (kind(huge), ErrorKind::InvalidInput),
        (kind(unaligned), ErrorKind::InvalidInput),
        (kind(map.set(1, 0)), ErrorKind::PermissionDenied),
        (kind(untracked.resize(9)), ErrorKind::Unsupported),
        (kind(Options::new().anonymous()), ErrorKind::Unsupported),
        (kind(Options::new().copy_limit(4).bytes(file.path())), ErrorKind::FileTooLarge),
    ];
    for (kind, expected) in kinds {
        assert_eq!(kind, expected);
    }
}

#[test]
fn the_texts_of_errors_end_without_a_full_stop() {
    let texts = [
        Error::Fault { offset: 7 },
        Error::Buffer { offset: 7 },
        Error::BeyondFile { offset: 1, len: 2, file_len: 2 },
        Error::BeyondFile { offset: 3, len: 0, file_len: 2 },
        Error::TooLong { len: 7, limit: 6 },
        Error::Corrupt { offset: 7 },
        Error::Format { call: "open", cause: FormatError::NotSafemap },
        Error::Disconnected { died: false },
        Error::Disconnected { died: true },
        Error::Cut { offset: 4096 },
        Error::Finished,
        Error::TooManyProcesses { limit: 64 },
        Error::Unaligned { call: "map", offset: 1, multiple: 4096 },
        Error::Damaged { offset: 7 },
        Error::ReadOnly { call: "set" },
        Error::NoFile { call: "resize" },
        Error::Unsupported("this"),
    ]
    .map(|error| error.to_string());
    assert!(texts.iter().all(|text| !text.is_empty() && !text.ends_with('.')), "{texts:?}");
}

#[test]
fn a_missing_record_names_its_byte_and_the_reasons() {
    let text = Error::Cut { offset: 4096 }.to_string();
    assert!(text.starts_with("no record at byte 4096 of the file: a power failure"), "{text}");
    assert!(text.ends_with("of another journal"), "{text}");
}

#[test]
fn the_errors_of_files_say_what_does_not_fit() {
    let (found, requested) = (4096, 8192);
    let cases = [
        (FormatError::NotSafemap, ErrorKind::InvalidData),
        (FormatError::Incomplete, ErrorKind::InvalidData),
        (FormatError::TooShort { len: 5, required: 96 }, ErrorKind::InvalidData),
        (FormatError::ByteOrder, ErrorKind::Unsupported),
        (FormatError::OlderVersion { found: 0, supported: 1 }, ErrorKind::Unsupported),
        (FormatError::NewerVersion { found: 2, supported: 1 }, ErrorKind::Unsupported),
        (FormatError::UnknownFeatures { bits: 4 }, ErrorKind::Unsupported),
        (FormatError::DamagedHeader, ErrorKind::InvalidData),
        (FormatError::OtherKind { found: 2, requested: 1 }, ErrorKind::InvalidData),
        (FormatError::OtherKind { found: 9, requested: 1 }, ErrorKind::InvalidData),
        (FormatError::InvalidCapacity { capacity: 5 }, ErrorKind::InvalidData),
        (FormatError::OtherCapacity { found, requested }, ErrorKind::InvalidInput),
        (FormatError::OtherMessageLimit { found, requested }, ErrorKind::InvalidInput),
    ];
    let texts = cases.map(|(cause, expected)| {
        let (text, error) = (cause.to_string(), Error::Format { call: "open", cause });
        assert_eq!(error.to_string(), format!("open: {text}"));
        assert!(!text.ends_with('.'), "{text}");
        assert_eq!(io::Error::from(error).kind(), expected, "{text}");
        text
    });
    assert_eq!(texts[2], "the file has 5 bytes, but needs 96");
    assert_eq!(texts[8], "the file is a journal, not a channel");
    assert_eq!(texts[9], "the file is of an unknown kind, not a channel");
    assert_eq!(texts[11], "the file has a capacity of 4096 bytes, not 8192");
}

#[test]
fn an_error_names_the_range_that_the_caller_wrote() {
    let map = Options::new().len(10).anonymous().unwrap();
    let text = |range: Result<Vec<u8>>| range.unwrap_err().to_string();
    assert_eq!(text(map.to_vec(13..)), "to_vec: offset 13 out of bounds for a map of 10 bytes");
    let (from, to) = (5, 3);
    assert_eq!(text(map.to_vec(from..to)), "to_vec: range starts at 5 but ends at 3");
    let error = map.flush_range(5..11).unwrap_err();
    assert!(error.to_string().starts_with("flush_range: range 5..11 "), "{error}");
}

#[test]
fn an_error_says_how_the_file_must_be_open() {
    let file = TempFile::new(b"12345");
    let read_only = fs::File::open(file.path()).unwrap();
    let error = Options::new().access(Access::Write).map(&read_only).unwrap_err();
    assert_eq!(io::Error::from(error).kind(), ErrorKind::PermissionDenied);
    let error = Options::new().access(Access::Write).map(&read_only).unwrap_err();
    assert!(error.to_string().contains("for Access::Write also for writing"), "{error}");
}
