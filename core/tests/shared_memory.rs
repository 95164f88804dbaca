//! `Options::shared_memory`, and the names of shared memory.
#![forbid(unsafe_code)]

use std::{
    io::{self, ErrorKind},
    process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
};

use safemap::{Access, Error, Map, Options, Result, Sharing, ipc};
use safemap_testing::{PAGE, pattern, succeeds_in_child};

/// A name that no other test uses. What it names is removed at the end.
struct Name(String);

impl Name {
    fn new() -> Name {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Name(format!("sm-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed)))
    }

    fn create(&self, len: usize) -> Map {
        Options::new().create_new(true).len(len).shared_memory(&self.0).unwrap()
    }

    fn open(&self) -> Result<Map> {
        Options::new().shared_memory(&self.0)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        drop(ipc::remove_shared_memory(&self.0));
    }
}

fn kind(result: Result<Map>) -> ErrorKind {
    io::Error::from(result.unwrap_err()).kind()
}

#[test]
fn maps_of_a_name_show_the_same_memory() {
    let name = Name::new();
    let first = name.create(3 * PAGE);
    assert_eq!((first.access(), first.sharing()), (Access::Write, Sharing::Shared));
    assert_eq!(first.to_vec(..).unwrap(), [0; 3 * PAGE]);
    let second = name.open().unwrap();
    assert_eq!(second.len(), 3 * PAGE);
    second.write_at(&pattern(PAGE), PAGE).unwrap();
    assert_eq!(first.to_vec(PAGE..2 * PAGE).unwrap(), pattern(PAGE));
    let part = Options::new().offset(PAGE as u64 + 5).len(7).shared_memory(&name.0).unwrap();
    assert_eq!(part.to_vec(..).unwrap(), pattern(12)[5..]);
}

#[test]
fn another_process_finds_the_memory_by_its_name() {
    // A name that parent and child know, and that is free after an earlier run that was ended.
    const NAME: &str = "sm-of-parent-and-child";
    let found = Options::new().shared_memory(NAME).ok();
    if let Some(map) = found.filter(|map| map.get(0).unwrap() == b'?') {
        map.set(b'!', 99).unwrap();
        succeeds_in_child(|| ());
    }
    drop(ipc::remove_shared_memory(NAME));
    let map = Options::new().create_new(true).len(100).shared_memory(NAME).unwrap();
    map.set(b'?', 0).unwrap();
    succeeds_in_child(|| panic!("the child found no memory"));
    assert_eq!(map.get(99).unwrap(), b'!');
    drop(ipc::remove_shared_memory(NAME));
}

#[test]
fn memory_is_created_as_the_options_say() {
    let name = Name::new();
    assert_eq!(kind(name.open()), ErrorKind::NotFound);
    let mut options = Options::new();
    options.create(true).len(100);
    let map = options.shared_memory(&name.0).unwrap();
    map.set(1, 99).unwrap();
    let again = options.shared_memory(&name.0).unwrap();
    assert_eq!((again.len(), again.get(99).unwrap()), (100, 1));
    assert_eq!(kind(options.create_new(true).shared_memory(&name.0)), ErrorKind::AlreadyExists);
    assert_eq!(map.get(99).unwrap(), 1);
}

#[test]
fn a_map_is_not_longer_than_the_memory_unless_it_extends_it() {
    let name = Name::new();
    let map = name.create(100);
    let mut options = Options::new();
    options.len(10 * PAGE);
    assert!(matches!(options.shared_memory(&name.0), Err(Error::BeyondFile { .. })));
    assert!(matches!(options.create(true).shared_memory(&name.0), Err(Error::BeyondFile { .. })));
    if cfg!(not(any(windows, target_vendor = "apple"))) {
        options.extend(true).shared_memory(&name.0).unwrap().set(7, 10 * PAGE - 1).unwrap();
        assert_eq!(map.len(), 100);
        assert_eq!(name.open().unwrap().get(10 * PAGE - 1).unwrap(), 7);
    }
}

#[test]
fn readers_do_not_write_and_create_nothing() {
    let name = Name::new();
    let mut options = Options::new();
    options.access(Access::Read);
    assert_eq!(kind(options.shared_memory(&name.0)), ErrorKind::NotFound);
    let map = name.create(100);
    let reader = options.shared_memory(&name.0).unwrap();
    assert!(matches!(reader.set(1, 0), Err(Error::ReadOnly { .. })));
    let copy = Options::new().access(Access::Copy).shared_memory(&name.0).unwrap();
    copy.set(2, 0).unwrap();
    map.set(3, 1).unwrap();
    assert_eq!(reader.to_vec(..2).unwrap(), [0, 3]);
}

#[test]
fn threads_that_create_the_same_memory_get_the_same() {
    let name = Name::new();
    thread::scope(|scope| {
        for i in 0..8 {
            let mut options = Options::new();
            options.create(true).len(64);
            let name = &name.0;
            scope.spawn(move || options.shared_memory(name).unwrap().set(1, i).unwrap());
        }
    });
    if cfg!(unix) {
        assert_eq!(name.open().unwrap().to_vec(..8).unwrap(), [1; 8]);
    }
}

#[test]
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]
fn shared_memory_has_words_and_mutexes() {
    let name = Name::new();
    let (first, second) = (name.create(64), name.open().unwrap());
    let mutex = ipc::Mutex::new(&first, 0).unwrap();
    let guard = mutex.lock().unwrap();
    assert!(ipc::Mutex::new(&second, 0).unwrap().try_lock().unwrap().is_none());
    drop(guard);
    assert!(ipc::Mutex::new(&second, 0).unwrap().try_lock().unwrap().is_some());
    first.atomic::<u64>(16).unwrap().fetch_add(5, std::sync::atomic::Ordering::SeqCst).unwrap();
    assert_eq!(second.load::<u64>(16).unwrap(), 5);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs::{self, File},
        os::unix::{
            ffi::OsStrExt,
            fs::{MetadataExt, symlink},
        },
        path::PathBuf,
        time::Duration,
    };

    use safemap_testing::{Stop, namespace::mount_memory, process::Fork};

    use super::*;

    fn path(name: &Name) -> PathBuf {
        PathBuf::from("/dev/shm").join(&name.0)
    }

    /// Creates what `ftruncate` alone makes: a file of which no page has memory.
    fn create_sparse(name: &Name, len: usize) {
        File::create_new(path(name)).unwrap().set_len(len as u64).unwrap();
    }

    fn allocated(name: &Name) -> u64 {
        fs::metadata(path(name)).unwrap().blocks() * 512
    }

    #[test]
    fn the_name_is_that_of_the_file_with_or_without_slashes() {
        let name = Name::new();
        let map = name.create(100);
        let meta = fs::metadata(path(&name)).unwrap();
        assert_eq!((meta.len(), meta.mode() & 0o777), (100, 0o600));
        map.set(1, 0).unwrap();
        for slashes in ["/", "//"] {
            let same = Options::new().shared_memory(format!("{slashes}{}", name.0)).unwrap();
            assert_eq!(same.get(0).unwrap(), 1);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let name = Name::new();
        for bad in ["", "/", ".", "..", "/..", "a/b", "a/../b", "a\0b"] {
            for result in [
                Options::new().create(true).len(1).shared_memory(bad).err(),
                ipc::remove_shared_memory(bad).err(),
            ] {
                let error = io::Error::from(result.unwrap());
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}: {error}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        fs::write(&target, "text").unwrap();
        symlink(&target, path(&name)).unwrap();
        assert!(name.open().is_err());
        assert!(Options::new().create(true).len(100).shared_memory(&name.0).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"text");
    }

    #[test]
    fn a_removed_name_is_free_and_its_maps_keep_the_memory() {
        let name = Name::new();
        let map = name.create(100);
        map.set(1, 0).unwrap();
        let is_listed = || {
            ipc::shared_memory_names().unwrap().iter().any(|it| it.as_bytes() == name.0.as_bytes())
        };
        assert!(is_listed());
        ipc::remove_shared_memory(&name.0).unwrap();
        assert!(!is_listed());
        let error = io::Error::from(ipc::remove_shared_memory(&name.0).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(name.create(100).get(0).unwrap(), 0);
        assert_eq!(map.get(0).unwrap(), 1);
    }

    #[test]
    fn the_memory_is_allocated_when_it_is_created_attached_and_resized() {
        const LEN: usize = (9 << 20) + 5;
        let name = Name::new();
        let map = name.create(LEN);
        assert!(allocated(&name) >= LEN as u64);
        map.resize(2 * LEN).unwrap();
        assert!(allocated(&name) >= 2 * LEN as u64);

        let name = Name::new();
        create_sparse(&name, LEN);
        drop(Options::new().access(Access::Read).shared_memory(&name.0).unwrap());
        assert_eq!(allocated(&name), 0);
        drop(Options::new().offset(1 << 20).len(1 << 20).shared_memory(&name.0).unwrap());
        assert_eq!(allocated(&name), 1 << 20);
        drop(name.open().unwrap());
        assert!(allocated(&name) >= LEN as u64);
    }

    #[test]
    fn new_memory_has_its_length_as_soon_as_it_has_its_name() {
        let (name, stop) = (Name::new(), Stop::default());
        thread::scope(|scope| {
            let _stop = stop.set_on_drop();
            scope.spawn(|| {
                while !stop.is_set() {
                    name.create(100);
                    ipc::remove_shared_memory(&name.0).unwrap();
                }
            });
            let attached = (0..3000).filter_map(|_| name.open().ok());
            assert!(attached.filter(|map| map.len() == 100).count() > 0);
            let attached = (0..3000).filter_map(|_| name.open().ok());
            assert_eq!(attached.filter(|map| map.len() != 100).count(), 0);
        });
    }

    #[test]
    fn a_creator_that_is_killed_leaves_complete_memory_or_none() {
        const LEN: usize = (6 << 20) + 1;
        succeeds_in_child(|| {
            let (name, ready, mut found) = (Name::new(), Name::new(), 0);
            let mut random = fastrand::Rng::with_seed(7);
            for _ in 0..100 {
                let creator = Fork::run(|| {
                    for i in 0.. {
                        drop(name.create(LEN));
                        thread::sleep(Duration::from_millis(1));
                        ipc::remove_shared_memory(&name.0).unwrap();
                        // The first time takes long in an emulator.
                        drop((i == 0).then(|| ready.create(1)));
                    }
                    0
                });
                let creator = creator.unwrap();
                while ipc::remove_shared_memory(&ready.0).is_err() {
                    thread::sleep(Duration::from_micros(100));
                }
                thread::sleep(Duration::from_micros(random.u64(..4000)));
                creator.send(libc::SIGKILL).unwrap();
                creator.wait().unwrap();
                if fs::exists(path(&name)).unwrap() {
                    assert!(allocated(&name) >= LEN as u64);
                    assert_eq!(name.open().unwrap().len(), LEN);
                    ipc::remove_shared_memory(&name.0).unwrap();
                    found += 1;
                }
            }
            assert!(found > 0);
        });
    }

    #[test]
    fn memory_is_created_without_proc() {
        succeeds_in_child(|| {
            if let Err(error) = mount_memory("/proc", 1 << 20) {
                println!("skipped: no file system can be mounted here: {error}");
                return;
            }
            let name = Name::new();
            name.create(PAGE + 1).set(1, PAGE).unwrap();
            assert!(allocated(&name) > PAGE as u64);
            assert_eq!(name.open().unwrap().get(PAGE).unwrap(), 1);
            let again = Options::new().create_new(true).len(1).shared_memory(&name.0);
            assert_eq!(kind(again), ErrorKind::AlreadyExists);
        });
    }

    #[test]
    fn a_full_file_system_is_an_error_with_its_name_and_size() {
        const SIZE: usize = 1 << 20;
        succeeds_in_child(|| {
            if let Err(error) = mount_memory("/dev/shm", SIZE) {
                println!("skipped: no file system can be mounted here: {error}");
                return;
            }
            let name = Name::new();
            let error =
                Options::new().create_new(true).len(2 * SIZE).shared_memory(&name.0).unwrap_err();
            let text = "shared_memory: no space left on /dev/shm for 2097152 bytes: \
                        1048576 of its 1048576 bytes are free";
            assert_eq!((error.to_string().as_str(), error.raw_os_error()), (text, Some(28)));
            assert_eq!(io::Error::from(error).kind(), ErrorKind::StorageFull);
            assert_eq!(ipc::shared_memory_names().unwrap(), [""; 0]);

            let half = name.create(SIZE / 2);
            let other = Name::new();
            create_sparse(&other, SIZE);
            let error = other.open().unwrap_err();
            assert!(matches!(error, Error::NoSpace { len: 0, size: 1_048_576, .. }), "{error}");
            assert!(Options::new().len(SIZE).shared_memory(&other.0).is_err());
            // The control: without an allocation the fault comes when the bytes are written.
            let file = Options::new().access(Access::Write).open(path(&other)).unwrap();
            assert!(matches!(file.fill(1, ..), Err(Error::Fault { .. })));
            drop(file);
            ipc::remove_shared_memory(&other.0).unwrap();
            create_sparse(&other, SIZE);
            half.fill(7, ..).unwrap();
            // A part that fits.
            Options::new().len(SIZE / 4).shared_memory(&other.0).unwrap().fill(8, ..).unwrap();
            // A reader finds holes, and needs memory for them.
            let reader = Options::new().access(Access::Read).shared_memory(&other.0).unwrap();
            assert!(matches!(reader.to_vec(..), Err(Error::Fault { .. })));
            assert!(half.resize(SIZE).is_err());
            half.fill(9, ..).unwrap();
        });
    }
}
