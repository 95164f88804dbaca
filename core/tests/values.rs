//! Arrays, integers of a byte order, plain values, and slices of copies.
#![forbid(unsafe_code)]

use safemap::{Error, Map, Options};
use safemap_testing::{PAGE, TempFile, pattern, succeeds_while_truncated};

fn memory(bytes: &[u8]) -> Map {
    let map = Options::new().len(bytes.len()).anonymous().unwrap();
    map.write_at(bytes, 0).unwrap();
    map
}

#[test]
fn arrays_have_the_bytes_at_their_offset() {
    let map = memory(b"abcdef");
    assert_eq!(map.read_array(1).unwrap(), *b"bcd");
    assert_eq!(map.read_array::<0>(6).unwrap(), []);
    let outside = map.read_array::<3>(4).unwrap_err();
    assert!(matches!(outside, Error::OutOfBounds { call: "read_array", start: 4, .. }));
}

#[test]
fn integers_have_the_byte_order_of_their_method() {
    let bytes = pattern(16);
    let map = memory(&bytes);
    macro_rules! check {
        ($($word:ty),+) => {$(
            for at in 0..=16 - size_of::<$word>() {
                let array = bytes[at..at + size_of::<$word>()].try_into().unwrap();
                let (le, be) = (<$word>::from_le_bytes(array), <$word>::from_be_bytes(array));
                assert_eq!(map.load_le::<$word>(at).unwrap().to_ne_bytes(), le.to_ne_bytes());
                assert_eq!(map.load_be::<$word>(at).unwrap().to_ne_bytes(), be.to_ne_bytes());
                let copy = memory(&[0; 16]);
                copy.store_le(le, at).unwrap();
                assert_eq!(copy.to_vec(at..at + array.len()).unwrap(), array);
                copy.fill(0, ..).unwrap();
                copy.store_be(be, at).unwrap();
                assert_eq!(copy.to_vec(at..at + array.len()).unwrap(), array);
                assert_eq!(map.view(at..).unwrap().load_le::<$word>(0).unwrap(), le);
                assert_eq!(map.view(at..).unwrap().load_be::<$word>(0).unwrap(), be);
                copy.view(at..).unwrap().store_le(le, 0).unwrap();
                assert_eq!(copy.to_vec(at..at + array.len()).unwrap(), array);
                copy.view(at..).unwrap().store_be(le, 0).unwrap();
                assert_eq!(copy.load_be::<$word>(at).unwrap(), le);
            }
        )+};
    }
    check!(u8, u16, u32, u64, i8, i16, i32, i64, usize, isize, f32, f64);
}

#[test]
fn a_vector_is_used_again() {
    let map = memory(b"abcdef");
    let mut bytes = Vec::with_capacity(100);
    let address = bytes.as_ptr();
    map.read_into(&mut bytes, 2..).unwrap();
    assert_eq!((bytes.as_slice(), bytes.as_ptr()), (&b"cdef"[..], address));
    assert!(map.read_into(&mut bytes, 2..7).is_err());
    assert_eq!(bytes, b"cdef");
    map.read_into(&mut bytes, ..1).unwrap();
    assert_eq!(bytes, b"a");
}

#[test]
fn work_gets_a_slice_of_the_range() {
    let expected = pattern(3000);
    let map = memory(&expected);
    for range in [0..0, 0..3000, 5..261, 5..262, 2999..3000] {
        let got = map.with_slice(range.clone(), <[u8]>::to_vec).unwrap();
        assert_eq!(got, expected[range]);
    }
    let mut called = false;
    let outside = map.with_slice(0..3001, |_| called = true).unwrap_err();
    assert!(matches!(outside, Error::OutOfBounds { call: "with_slice", .. }));
    assert!(!called);
}

#[test]
fn chunks_cover_the_map() {
    let expected = pattern(1000);
    let map = memory(&expected);
    for size in [1, 7, 999, 1000, 1001, usize::MAX] {
        let (mut chunks, mut all) = (map.chunks(size), Vec::new());
        while let Some(chunk) = chunks.next_chunk().unwrap() {
            assert!(chunk.len() == size.min(1000 - all.len()));
            all.extend_from_slice(chunk);
        }
        assert_eq!(all, expected);
        assert_eq!(chunks.next_chunk().unwrap(), None);
    }
    assert!(matches!(map.chunks(0).next_chunk(), Err(Error::Unsupported(_))));
}

#[test]
fn a_truncated_file_is_an_error_of_each() {
    succeeds_while_truncated(|| {
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = file.map();
        let (mut chunks, mut bytes) = (map.chunks(PAGE), vec![]);
        file.set_len(PAGE as u64);
        let is_fault = |error: Error| matches!(error, Error::Fault { offset } if offset == PAGE);
        assert!(is_fault(map.read_array::<4>(PAGE - 2).unwrap_err()));
        assert!(is_fault(map.load_be::<u32>(PAGE).unwrap_err()));
        assert!(is_fault(map.store_le(1_u8, PAGE).unwrap_err()));
        assert!(is_fault(map.read_into(&mut bytes, PAGE - 3..).unwrap_err()));
        assert_eq!(bytes, pattern(PAGE)[PAGE - 3..]);
        assert!(is_fault(map.with_slice(PAGE - 1..PAGE + 1, |_| ()).unwrap_err()));
        assert!(is_fault(map.with_slice(.., |_| ()).unwrap_err()));
        assert_eq!(chunks.next_chunk().unwrap().unwrap(), pattern(PAGE));
        assert!(is_fault(chunks.next_chunk().unwrap_err()));
        file.open().set_len(2 * PAGE as u64).unwrap();
        assert_eq!(chunks.next_chunk().unwrap().unwrap(), [0; PAGE]);
    });
}

#[cfg(feature = "zerocopy")]
#[test]
fn plain_values_are_copied() {
    use zerocopy::{FromBytes, Immutable, IntoBytes};

    #[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
    #[repr(C)]
    struct Header {
        magic: [u8; 4],
        count: u32,
    }

    let map = memory(&[0; 20]);
    let header = Header { magic: *b"SMAP", count: 7 };
    map.write(&header, 5).unwrap();
    assert_eq!(map.read::<Header>(5).unwrap(), header);
    assert_eq!(map.read::<[u8; 4]>(5).unwrap(), *b"SMAP");
    map.write(&[1_u16, 2][..], 0).unwrap();
    assert_eq!(map.read::<u16>(2).unwrap(), 2);
    assert!(matches!(map.read::<Header>(13), Err(Error::OutOfBounds { call: "read", .. })));
    assert!(matches!(map.write(&header, 13), Err(Error::OutOfBounds { call: "write", .. })));
}
