//! Features that only Windows has, or that differ from Unix.
#![cfg(windows)]
#![allow(unsafe_code)] // One test accesses memory that it may not access.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    os::windows::fs::OpenOptionsExt,
    ptr,
    time::Duration,
};

use safemap::{
    Access, Advice, Error, Map, Options, Protection, Sharing, fault_status, granularity,
    ipc::Waited,
};
use safemap_testing::{PAGE, Stop, TempFile, output_of_child, pattern, succeeds_in_child};

const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_INVALID_HANDLE: i32 = 6;
const ERROR_SHARING_VIOLATION: i32 = 32;
const ERROR_USER_MAPPED_FILE: i32 = 1224;
const LONG: Option<Duration> = Some(Duration::from_secs(20));
const SHORT: Option<Duration> = Some(Duration::from_millis(100));
const FILE_SHARE_READ: u32 = 1;
const STATUS_ACCESS_VIOLATION: u32 = 0xc000_0005;

fn code<T>(result: Result<T, Error>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn a_mapped_file_cannot_be_truncated() {
    let file = TempFile::new(&pattern(3 * PAGE));
    let map = Map::open(file.path()).unwrap();
    let refused = file.open().set_len(PAGE as u64).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(ERROR_USER_MAPPED_FILE));
    assert_eq!(map.to_vec(..).unwrap(), pattern(3 * PAGE));
    map.close().unwrap();
    file.set_len(PAGE as u64);
}

#[test]
fn a_map_beside_another_one_can_grow_and_cannot_shrink() {
    let file = TempFile::new(&pattern(3 * PAGE));
    let (one, two) = (file.map(), file.map());
    for map in [&one, &two] {
        assert_eq!(code(map.resize(PAGE)), Some(ERROR_USER_MAPPED_FILE));
        assert_eq!(map.to_vec(..).unwrap(), pattern(3 * PAGE));
        map.set(5, 5).unwrap();
    }
    one.resize(100_000).unwrap();
    one.write_at(b"seen", 3 * PAGE - 2).unwrap();
    assert_eq!(two.to_vec(3 * PAGE - 2..).unwrap(), b"se");
    drop(two);
    one.resize(PAGE).unwrap();
    assert_eq!((one.len(), file.file_len()), (PAGE, PAGE as u64));
    assert_eq!(one.to_vec(..).unwrap(), pattern(PAGE));
}

#[test]
fn a_map_of_a_part_truncates_the_file_when_it_grows() {
    let bytes = pattern(300_000);
    let file = TempFile::new(&bytes);
    let map =
        Options::new().access(Access::Write).offset(70_000).len(10).open(file.path()).unwrap();
    map.resize(100_000).unwrap();
    assert_eq!(map.to_vec(..).unwrap(), bytes[70_000..170_000]);
    assert_eq!(file.read(), bytes[..170_000]);
}

#[test]
fn any_offset_is_accepted_and_the_granularity_is_64_kibibytes() {
    assert_eq!(granularity(), 64 * 1024);
    let bytes = pattern(3 * granularity());
    let file = TempFile::new(&bytes);
    for offset in [1, PAGE, 65_535, 65_536, 65_537, 131_072, 190_000] {
        let map =
            Options::new().access(Access::Write).offset(offset as u64).open(file.path()).unwrap();
        assert_eq!(map.to_vec(..).unwrap(), bytes[offset..]);
        map.flush_range(100..200).unwrap();
        map.protect(Protection::READ, ..).unwrap_or_else(|error| {
            assert!(matches!(error, Error::Unaligned { call: "protect", .. }), "{error}");
        });
    }
}

#[test]
fn offsets_beyond_four_gibibytes_are_exact() {
    let file = TempFile::new(b"");
    let far = (4 << 30) + 12_345_u64;
    let mut other = file.open();
    other.seek(SeekFrom::Start(far)).unwrap();
    other.write_all(b"far away").unwrap();
    let map = Options::new().access(Access::Write).offset(far).open(file.path()).unwrap();
    assert_eq!(map.to_vec(..).unwrap(), b"far away");
    map.resize(3).unwrap();
    assert_eq!(map.file_len().unwrap(), far + 3);
    let all = Map::open(file.path()).unwrap();
    assert_eq!(all.to_vec(far as usize..).unwrap(), b"far");
}

#[test]
fn a_resize_keeps_the_position_of_the_file() {
    let file = TempFile::new(&pattern(100));
    let mut open = File::options().read(true).write(true).open(file.path()).unwrap();
    open.seek(SeekFrom::Start(7)).unwrap();
    let map = Options::new().access(Access::Write).map(&open).unwrap();
    map.resize(1000).unwrap();
    map.resize(10).unwrap();
    assert_eq!(open.stream_position().unwrap(), 7);
}

#[test]
fn processes_that_use_a_name_share_memory() {
    const NAME: &str = "safemap test – gemeinsamer Speicher";
    const LEN: usize = 100_000;
    let map = Options::new().len(LEN).name(NAME).anonymous().unwrap();
    assert_eq!(map.sharing(), Sharing::Shared);
    if map.get(0).unwrap() == b'?' {
        // This is the child, which the parent starts below.
        map.write_at(b"!", LEN - 1).unwrap();
        return;
    }
    map.set(b'?', 0).unwrap();
    succeeds_in_child(|| panic!("the child found zeros"));
    assert_eq!(map.get(LEN - 1).unwrap(), b'!');
    let second = Options::new().len(10).name(NAME).anonymous().unwrap();
    assert_eq!(second.get(0).unwrap(), b'?');
    assert_eq!(code(Options::new().len(2 * LEN).name(NAME).anonymous()), Some(ERROR_ACCESS_DENIED));
    drop((map, second));
    assert_eq!(
        Options::new().len(10).name(NAME).anonymous().unwrap().get(0).unwrap(),
        0,
        "the memory was freed"
    );
}

#[test]
fn a_part_of_named_memory_starts_at_its_offset() {
    const NAME: &str = "safemap test: parts";
    let whole = Options::new().len(300_000).name(NAME).anonymous().unwrap();
    assert_eq!(whole.name(), Some(NAME.as_ref()));
    let part = Options::new().offset(70_001).len(100).name(NAME).anonymous().unwrap();
    part.write_at(b"here", 0).unwrap();
    assert_eq!(whole.to_vec(70_001..70_005).unwrap(), b"here");
    assert_eq!(
        code(Options::new().offset(300_000).len(PAGE).name(NAME).anonymous()),
        Some(ERROR_ACCESS_DENIED)
    );
    assert_eq!(code(part.resize(200_000)), Some(ERROR_USER_MAPPED_FILE));
    whole.close().unwrap();
    part.resize(300_000).unwrap();
    assert_eq!(part.to_vec(..5).unwrap(), b"here\0");
    part.write_at(b"end", 299_997).unwrap();
    let whole = Options::new().len(370_001).name(NAME).anonymous().unwrap();
    assert_eq!(whole.to_vec(370_001 - 3..).unwrap(), b"end");
}

#[test]
fn named_memory_grows_within_its_reserve() {
    const NAME: &str = r"Local\safemap test with a reserve";
    let one = Options::new().len(10).reserve(1 << 30).name(NAME).anonymous().unwrap();
    let two = Options::new().len(10).reserve(1 << 30).name(NAME).anonymous().unwrap();
    one.resize(1 << 20).unwrap();
    two.resize(1 << 20).unwrap();
    one.set(7, (1 << 20) - 1).unwrap();
    assert_eq!(two.get((1 << 20) - 1).unwrap(), 7);
    assert!(matches!(one.resize((1 << 30) + PAGE), Err(Error::Unsupported(_))));
}

#[test]
fn named_memory_is_resized_unless_it_is_mapped_twice() {
    const NAME: &str = "safemap test of a resize";
    let one = Options::new().len(100_000).name(NAME).anonymous().unwrap();
    one.write_at(b"kept", 0).unwrap();
    let two = Options::new().len(100_000).name(NAME).anonymous().unwrap();
    for len in [10, 200_000] {
        assert_eq!(code(one.resize(len)), Some(ERROR_USER_MAPPED_FILE));
        assert_eq!(code(two.resize(len)), Some(ERROR_USER_MAPPED_FILE));
        assert_eq!((one.len(), two.to_vec(..4).unwrap()), (100_000, b"kept".to_vec()));
    }
    drop(two);
    assert!(matches!(one.resize(0), Err(Error::Unsupported(_))));
    for len in [200_000, 10] {
        one.resize(len).unwrap();
        assert_eq!((one.len(), one.to_vec(..4).unwrap()), (len, b"kept".to_vec()));
    }
    let three = Options::new().len(10).name(NAME).anonymous().unwrap();
    assert_eq!(three.to_vec(..4).unwrap(), b"kept", "the name is kept");
}

#[test]
fn a_named_file_is_resized_unless_it_is_mapped_twice() {
    let file = TempFile::new(&pattern(100_000));
    let map = || {
        Options::new()
            .access(Access::Write)
            .name("safemap test of a file's resize")
            .open(file.path())
            .unwrap()
    };
    let (one, two) = (map(), map());
    for len in [PAGE, 200_000] {
        assert!(matches!(one.resize(len), Err(Error::Os { call: "resize", .. })));
        assert_eq!((one.len(), file.file_len()), (100_000, 100_000));
        assert_eq!(one.to_vec(..).unwrap(), two.to_vec(..).unwrap());
    }
    drop(two);
    for len in [200_000, PAGE] {
        one.resize(len).unwrap();
        assert_eq!((one.len(), file.file_len()), (len, len as u64));
        assert_eq!(map().to_vec(..PAGE).unwrap(), pattern(PAGE), "the name is kept");
    }
}

/// The offset in the memory counts, which is mapped from its start.
#[test]
fn a_thread_that_waits_in_named_memory_is_woken() {
    const NAME: &str = "safemap test of a wake-up";
    let whole = Options::new().len(80_000).name(NAME).anonymous().unwrap();
    let part = Options::new().offset(70_000).len(100).name(NAME).anonymous().unwrap();
    let other = Options::new().len(80_000).name("safemap test of none").anonymous().unwrap();
    let stop = Stop::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                part.notify(8, 1).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let _stop = stop.set_on_drop();
        assert_eq!(whole.wait(70_008, 0, LONG).unwrap(), Waited::Notified);
        assert_eq!(other.wait(70_008, 0, SHORT).unwrap(), Waited::TimedOut);
    });
}

/// The wake-up is kept as long as the semaphore exists, which no waiting thread has left behind.
#[test]
fn a_semaphore_that_another_program_keeps_causes_one_needless_wake_up() {
    let map = Options::new().len(80).name("safemap test of a rest").anonymous().unwrap();
    let _kept = Object::semaphore("safemap test of a rest.safemap-wait.8");
    map.notify(8, u32::MAX).unwrap();
    assert_eq!(map.wait(8, 0, LONG).unwrap(), Waited::Notified);
    assert_eq!(map.wait(8, 0, SHORT).unwrap(), Waited::TimedOut);
}

#[test]
fn threads_look_by_themselves_if_another_object_has_the_name() {
    let map = Options::new().len(80).name("safemap test of a thief").anonymous().unwrap();
    let _thief = Object::event("safemap test of a thief.safemap-wait.8");
    map.notify(8, 1).unwrap();
    assert_eq!(map.wait(8, 0, SHORT).unwrap(), Waited::TimedOut);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            map.store(1_u32, 8).unwrap();
        });
        assert_eq!(map.wait(8, 0, LONG).unwrap(), Waited::Changed);
    });
}

#[test]
fn invalid_names_and_names_of_other_objects_are_refused() {
    let named = |name: &str| Options::new().len(10).name(name).anonymous();
    assert!(matches!(named(""), Err(Error::Os { call: "map", .. })));
    assert!(matches!(named("zero\0unit"), Err(Error::Os { call: "map", .. })));
    let file = TempFile::new(b"of a file");
    let first = Options::new().name("safemap test of a file").open(file.path()).unwrap();
    let second = Options::new().name("safemap test of a file").open(file.path()).unwrap();
    assert_eq!(second.to_vec(..).unwrap(), first.to_vec(..).unwrap());
    // Objects of all kinds share one namespace.
    let event = "safemap test of an event";
    let _event = Object::event(event);
    assert_eq!(code(named(event)), Some(ERROR_INVALID_HANDLE));
}

/// A named object of the system.
struct Object(*mut std::ffi::c_void);

impl Object {
    fn event(name: &str) -> Object {
        // SAFETY: the name ends with a zero and outlives the call.
        Object::new(unsafe { CreateEventW(ptr::null(), 1, 0, wide(name).as_ptr()) })
    }

    fn semaphore(name: &str) -> Object {
        // SAFETY: as above.
        Object::new(unsafe { CreateSemaphoreW(ptr::null(), 0, 1, wide(name).as_ptr()) })
    }

    fn new(handle: *mut std::ffi::c_void) -> Object {
        assert!(!handle.is_null());
        Object(handle)
    }
}

fn wide(name: &str) -> Vec<u16> {
    name.encode_utf16().chain([0]).collect()
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used afterwards.
        unsafe { CloseHandle(self.0) };
    }
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CreateEventW(
        attributes: *const std::ffi::c_void,
        manual: i32,
        state: i32,
        name: *const u16,
    ) -> *mut std::ffi::c_void;
    fn CreateSemaphoreW(
        attributes: *const std::ffi::c_void,
        count: i32,
        limit: i32,
        name: *const u16,
    ) -> *mut std::ffi::c_void;
    fn CloseHandle(handle: *mut std::ffi::c_void) -> i32;
}

#[test]
fn private_memory_that_shrinks_and_grows_again_reads_as_zeros() {
    let map = Options::new().len(1 << 20).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    map.resize(5000).unwrap();
    assert!(matches!(map.get(5000), Err(Error::OutOfBounds { .. })));
    map.resize(1 << 20).unwrap();
    let bytes = map.to_vec(..).unwrap();
    assert!(
        bytes[..5000].iter().all(|&byte| byte == 1) && bytes[5000..].iter().all(|&byte| byte == 0)
    );
    map.advise(Advice::Free, ..).unwrap();
    map.fill(2, ..).unwrap();
}

#[test]
fn a_file_opened_without_write_sharing_is_sealed() {
    let file = TempFile::new(b"sealed");
    let path = file.path();
    let open_alone = || File::options().read(true).share_mode(FILE_SHARE_READ).open(path);
    let writer = file.open();
    assert_eq!(open_alone().unwrap_err().raw_os_error(), Some(ERROR_SHARING_VIOLATION));
    drop(writer);
    let alone = open_alone().unwrap();
    let map = Options::new().map(alone).unwrap();
    let refused = File::options().write(true).open(path).unwrap_err();
    assert_eq!(
        refused.raw_os_error(),
        Some(ERROR_SHARING_VIOLATION),
        "the map keeps the file, and with it the seal"
    );
    assert_eq!(Map::open(path).unwrap().to_vec(..).unwrap(), map.to_vec(..).unwrap());
    drop(map);
    File::options().write(true).open(path).unwrap();
}

#[test]
fn repair_is_unsupported() {
    let file = TempFile::new(b"abc");
    assert!(matches!(Options::new().repair(true).open(file.path()), Err(Error::Unsupported(_))));
}

#[test]
fn an_exception_outside_the_library_terminates_the_process() {
    let child = output_of_child(|| {
        let map = Options::new().len(PAGE).protection(Protection::NONE).anonymous().unwrap();
        assert!(matches!(map.get(0), Err(Error::Fault { offset: 0 })));
        let byte = map.as_ptr();
        // SAFETY: the page may not be accessed. The child is meant to be terminated here.
        unsafe { byte.read_volatile() };
    });
    assert_eq!(child.status.code().map(|code| code as u32), Some(STATUS_ACCESS_VIOLATION));
}

/// The file is resized during calls that access all of it.
#[test]
fn no_call_accesses_a_view_while_it_is_replaced() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(1 << 20));
        let map = file.map();
        let stop = Stop::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut buffer = vec![0; 1 << 20];
                    while !stop.is_set() {
                        let answers = [
                            map.read_exact_at(&mut buffer, 0),
                            map.fill(1, ..1 << 19),
                            map.find(b"\xff\xfe\xfd", ..).map(drop),
                            map.copy_within(..1 << 19, 1 << 19),
                            map.flush(),
                        ];
                        for answer in answers {
                            match answer {
                                Ok(()) | Err(Error::OutOfBounds { .. }) => {}
                                // The view shrank after the bounds check. No access was
                                // tried, so there is no status.
                                Err(Error::Fault { .. }) => assert_eq!(fault_status(), None),
                                other => panic!("{other:?}"),
                            }
                        }
                    }
                });
            }
            // Memory that is mapped during the resizes must not be written to.
            let mut others = Vec::new();
            for round in 0..300_usize {
                map.resize((round * 7919 * 64) % (1 << 21)).unwrap();
                let other = Options::new().len(1 << 20).anonymous().unwrap();
                assert!(
                    others.iter().all(|other: &Map| other.find(b"\x01", ..).unwrap().is_none())
                );
                others.push(other);
                others.truncate(5);
            }
            stop.set();
        });
    });
}
