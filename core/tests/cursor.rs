//! The cursor: a map as a file with a position.
#![forbid(unsafe_code)]

use std::{
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use safemap::{Cursor, Error, Map, Options};
use safemap_testing::{TempFile, pattern};

#[test]
fn reading_and_writing_move_the_position() {
    let file = TempFile::new(b"0123456789");
    let map = file.map();
    let mut cursor = map.cursor();
    let mut two = [0; 2];
    cursor.read_exact(&mut two).unwrap();
    assert_eq!((&two, cursor.position()), (b"01", 2));
    cursor.write_all(b"ab").unwrap();
    assert_eq!(cursor.read_byte().unwrap(), b'4');
    cursor.write_byte(b'c').unwrap();
    assert_eq!(cursor.seek(SeekFrom::End(-1)).unwrap(), 9);
    assert_eq!(cursor.read_byte().unwrap(), b'9');
    assert!(matches!(cursor.read_byte(), Err(Error::OutOfBounds { .. })));
    assert_eq!(map.to_vec(..).unwrap(), b"01ab4c6789");
}

#[test]
fn writing_beyond_the_end_is_an_error_and_writes_nothing() {
    let file = TempFile::new(b"0123456789");
    let map = file.map();
    let mut cursor = map.cursor();
    cursor.seek(SeekFrom::Start(8)).unwrap();
    assert!(cursor.write(b"abc").is_err());
    assert_eq!(cursor.position(), 8);
    assert_eq!(cursor.write(b"ab").unwrap(), 2);
    assert!(cursor.write_byte(b'c').is_err());
    assert_eq!(map.to_vec(..).unwrap(), b"01234567ab");
}

#[test]
fn a_position_before_the_start_is_refused_and_one_beyond_the_end_is_not() {
    let file = TempFile::new(b"abc");
    let map = Map::open(file.path()).unwrap();
    let mut cursor = map.cursor();
    assert!(cursor.seek(SeekFrom::Current(-1)).is_err());
    assert!(cursor.seek(SeekFrom::End(-4)).is_err());
    assert_eq!(cursor.seek(SeekFrom::End(5)).unwrap(), 8);
    assert_eq!(cursor.read(&mut [0; 4]).unwrap(), 0);
    assert_eq!(cursor.fill_buf().unwrap(), b"");
    assert_eq!(cursor.next_line().unwrap(), b"");
    cursor.set_position(usize::MAX);
    assert_eq!(cursor.read(&mut [0; 4]).unwrap(), 0);
    assert!(cursor.seek(SeekFrom::Current(i64::MAX)).is_err());
    cursor.set_position(5);
    cursor.consume(usize::MAX);
    assert_eq!(cursor.position(), usize::MAX);
}

#[test]
fn every_method_yields_the_same_lines() {
    let long = [vec![b'x'; 20_000], b"\n".to_vec(), pattern(30_000)].concat();
    for bytes in [&b"one\n\nthree\n"[..], b"no end", b"\n", b"", &long] {
        let file = TempFile::new(bytes);
        let map = Map::open(file.path()).unwrap();
        let expected: Vec<Vec<u8>> =
            bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();

        let mut cursor = map.cursor();
        let by_cursor: Vec<_> = std::iter::repeat_with(|| cursor.next_line().unwrap())
            .take_while(|l| !l.is_empty())
            .collect();
        assert_eq!(by_cursor, expected);

        let by_bufread: Vec<_> = map.cursor().split(b'\n').map(Result::unwrap).collect();
        let by_lines: Vec<_> = map.lines().map(Result::unwrap).collect();
        assert_eq!(by_lines, by_bufread);
        assert_eq!(by_lines.len(), expected.len());
    }
}

#[test]
fn the_methods_of_the_io_traits_are_not_hidden() {
    let map = Options::new().len(4).anonymous().unwrap();
    let (mut cursor, mut line) = (map.cursor(), String::new());
    cursor.write_all(b"ab\nc").unwrap();
    cursor.rewind().unwrap();
    assert_eq!(cursor.read_line(&mut line).unwrap(), 3);
    assert_eq!((line.as_str(), cursor.stream_position().unwrap()), ("ab\n", 3));
    cursor.seek_relative(-3).unwrap();
    assert_eq!((cursor.read_until(b'\n', &mut vec![]).unwrap(), cursor.position()), (3, 3));
    let mut rest = String::new();
    assert_eq!(cursor.read_to_string(&mut rest).unwrap(), 1);
    cursor.flush().unwrap();
    cursor.rewind().unwrap();
    assert_eq!(cursor.lines().map(Result::unwrap).collect::<Vec<_>>(), ["ab", "c"]);
}

/// The results of 40 calls, with errors by their kind, and the text after each.
fn results<R: BufRead>(
    reader: &mut R,
    read: impl Fn(&mut R, &mut String) -> io::Result<usize>,
) -> Vec<String> {
    let mut text = String::from("before");
    let mut call = || {
        let read = read(reader, &mut text).map_err(|error| error.kind());
        format!("{read:?} {text:?}")
    };
    (0..40).map(|_| call()).collect()
}

#[test]
fn text_is_read_and_refused_as_by_a_buffered_reader() {
    let long = [&[b'x'; 20_000][..], b"\n", "ä".repeat(9000).as_bytes(), b"\xff\nend"].concat();
    for bytes in [&b"one\n\xff\xfe\n\nfour"[..], b"ends within \xc3", b"", b"\n", &long] {
        let file = TempFile::new(bytes);
        let map = Map::open(file.path()).unwrap();
        let lines = results(&mut map.cursor(), BufRead::read_line);
        assert_eq!(
            lines,
            results(&mut io::BufReader::new(bytes), |reader, text| reader.read_line(text))
        );
        for end in [b'\n', b'x', 0xff] {
            let pieces = results(&mut map.cursor(), |cursor, text| until(cursor, end, text));
            assert_eq!(
                pieces,
                results(&mut io::BufReader::new(bytes), |reader, text| until(reader, end, text))
            );
        }
    }
}

#[test]
fn exact_reads_of_any_length_return_what_a_buffered_reader_returns() {
    let bytes = pattern(50_000);
    let file = TempFile::new(&bytes);
    let map = Map::open(file.path()).unwrap();
    for len in [0, 1, 16, 1000, 1024, 5000, 8192, 20_000, 50_000, 50_001] {
        let (mut cursor, mut reader) = (map.cursor(), io::BufReader::new(&bytes[..]));
        let (mut read, mut expected) = (vec![0; len], vec![0; len]);
        for _ in 0..60_000 / len.max(1_000) {
            let (one, other) = (cursor.read_exact(&mut read), reader.read_exact(&mut expected));
            assert_eq!(
                one.as_ref().map_err(io::Error::kind),
                other.as_ref().map_err(io::Error::kind)
            );
            assert!(one.is_err() || read == expected);
        }
    }
}

/// `read_until` with its bytes as text.
fn until(reader: &mut impl BufRead, end: u8, text: &mut String) -> io::Result<usize> {
    let mut bytes = b"kept".to_vec();
    let read = reader.read_until(end, &mut bytes);
    *text = String::from_utf8_lossy(&bytes).into_owned();
    read
}

#[test]
fn a_write_is_visible_to_the_next_read() {
    let file = TempFile::new(b"aaaaaaaaaa");
    let map = file.map();
    let mut cursor = map.cursor();
    assert_eq!(cursor.fill_buf().unwrap(), b"aaaaaaaaaa");
    cursor.write_all(b"bb").unwrap();
    cursor.set_position(0);
    assert_eq!(cursor.fill_buf().unwrap(), b"bbaaaaaaaa");
}

#[test]
fn a_cursor_is_a_reader_for_the_standard_library() {
    let bytes = pattern(100_000);
    let file = TempFile::new(&bytes);
    let map = Arc::new(Map::open(file.path()).unwrap());
    let mut copy = Vec::new();
    io::copy(&mut Cursor::new(Arc::clone(&map)), &mut copy).unwrap();
    assert_eq!(copy, bytes);
    let mut rest = Vec::new();
    let mut cursor = Cursor::new(map);
    cursor.set_position(99_990);
    assert_eq!(cursor.read_to_end(&mut rest).unwrap(), 10);
    assert_eq!(rest, bytes[99_990..]);
    assert_eq!(cursor.map().len(), 100_000);
}

/// Each step gives the same result for a cursor over a range and for a file with these bytes.
#[test]
fn a_cursor_over_a_range_is_as_a_file_of_the_range() {
    let bytes = pattern(40_000);
    let file = TempFile::new(&bytes);
    let map = file.map();
    for (start, end) in [(0, 0), (0, 40_000), (7, 30_001), (100, 1_200), (40_000, 40_000)] {
        let mut cursor = Cursor::range(&map, start..end).unwrap();
        let mut expected = io::Cursor::new(&bytes[start..end]);
        assert_eq!((cursor.len(), cursor.is_empty()), (end - start, start == end));
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..3000 {
            let mut buffers = [vec![0; random.usize(..2000)], vec![]];
            buffers[1] = buffers[0].clone();
            let [ours, theirs] = &mut buffers;
            match random.u8(..8) {
                0 => assert_eq!(cursor.read(ours).unwrap(), expected.read(theirs).unwrap()),
                1 => {
                    let read = (cursor.read_exact(ours), expected.read_exact(theirs));
                    assert_eq!(read.0.is_ok(), read.1.is_ok());
                    // After a failure, the content is unspecified, and so is the position.
                    if read.0.is_err() {
                        buffers = [vec![], vec![]];
                    }
                }
                2 => {
                    let read = (cursor.read_to_end(ours), expected.read_to_end(theirs));
                    assert_eq!(read.0.unwrap(), read.1.unwrap());
                }
                3 => {
                    let read = (cursor.read_until(7, ours), expected.read_until(7, theirs));
                    assert_eq!(read.0.unwrap(), read.1.unwrap());
                }
                4 => assert_eq!(
                    cursor.read_byte().ok(),
                    expected.by_ref().bytes().next().map(Result::unwrap)
                ),
                5 => {
                    *ours = cursor.next_line().unwrap();
                    theirs.clear();
                    expected.read_until(b'\n', theirs).unwrap();
                }
                6 => {
                    let distance = random.i64(-20..20);
                    let to = random.choice([SeekFrom::End(distance), SeekFrom::Current(distance)]);
                    let (ours, theirs) = (cursor.seek(to.unwrap()), expected.seek(to.unwrap()));
                    assert_eq!(ours.ok(), theirs.ok());
                }
                _ => {
                    let position = random.usize(..end - start + 10);
                    cursor.set_position(position);
                    expected.set_position(position as u64);
                }
            }
            assert!(buffers[0] == buffers[1], "{start}..{end} at {}", cursor.position());
            expected.set_position(cursor.position() as u64);
        }
    }
}

#[test]
fn a_cursor_over_a_range_writes_nothing_behind_it() {
    let file = TempFile::new(b"0123456789");
    let map = file.map();
    let mut cursor = Cursor::range(&map, 2..6).unwrap();
    cursor.write_all(b"abc").unwrap();
    assert!(cursor.write(b"de").is_err());
    cursor.write_byte(b'd').unwrap();
    assert!(matches!(cursor.write_byte(b'e'), Err(Error::OutOfBounds { start: 6, len: 6, .. })));
    assert!(matches!(cursor.read_byte(), Err(Error::OutOfBounds { .. })));
    assert_eq!(map.to_vec(..).unwrap(), b"01abcd6789");
    assert_eq!(cursor.seek(SeekFrom::End(-4)).unwrap(), 0);
    cursor.set_position(usize::MAX);
    assert!(cursor.write(b"x").is_err() && cursor.read_byte().is_err());
    assert_eq!(cursor.next_line().unwrap(), b"");
}

#[test]
fn a_cursor_over_an_open_range_follows_the_map() {
    let map = Options::new().len(5).anonymous().unwrap();
    let mut cursor = Cursor::range(&map, 3..).unwrap();
    assert_eq!(cursor.len(), 2);
    map.resize(9).unwrap();
    assert_eq!((cursor.len(), cursor.read(&mut [1; 2000]).unwrap()), (6, 6));
    map.resize(1).unwrap();
    assert_eq!((cursor.len(), cursor.read(&mut [1; 2000]).unwrap()), (0, 0));
    assert!(matches!(Cursor::range(&map, 2..), Err(Error::OutOfBounds { call: "range", .. })));
    assert!(Cursor::range(&map, 0..2).is_err());
}
