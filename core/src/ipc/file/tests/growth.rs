//! Growth: blocks on the disk, full disks, limits, zeros that are written, flushing.

use std::{fs::File, io::Write};

use super::super::{blocks, extend, sync_data, write_zeros};
use crate::{Error, sys};

const MIB: u64 = 1 << 20;

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn grow(file: &File, needed: u64) -> crate::Result<u64> {
    let new = extend("append", sys::borrow(file), needed)?;
    assert_eq!(len(file), new);
    assert_has_blocks(file);
    Ok(new)
}

fn len(file: &File) -> u64 {
    file.metadata().unwrap().len()
}

#[cfg(unix)]
fn assert_has_blocks(file: &File) {
    let status = file.metadata().unwrap();
    assert!(std::os::unix::fs::MetadataExt::blocks(&status) * 512 >= status.len());
}

#[cfg(not(unix))]
fn assert_has_blocks(_: &File) {}

fn read(file: &File, at: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![1; count];
    let count = sys::read::read_full(sys::borrow(file), &mut bytes, at).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn a_file_grows_in_pieces_and_keeps_its_bytes() {
    let file = file_of(&[7; 5000]);
    assert_eq!(grow(&file, 5001).unwrap(), 5000 + MIB);
    assert_eq!(read(&file, 4999, 3), [7, 0, 0]);
    // What another process has added is enough.
    assert_eq!(grow(&file, 5000 + MIB).unwrap(), 5000 + MIB);
    assert_eq!(grow(&file, 5001 + MIB).unwrap(), 2 * (5000 + MIB));
    // A record that needs more than a piece.
    assert_eq!(grow(&file, 9 * MIB + 1).unwrap(), 9 * MIB + 4096);
    assert_eq!(read(&file, 9 * MIB + 4095, 9), [0]);
}

#[test]
fn a_length_that_no_file_has_is_an_error_and_the_file_stays() {
    let file = file_of(&[7; 10]);
    for needed in [i64::MAX as u64 + 1, u64::MAX] {
        let error = grow(&file, needed).unwrap_err();
        assert!(matches!(error, Error::Os { call: "append", .. }), "{error}");
        assert_eq!(len(&file), 10);
    }
    assert_eq!(grow(&file, 11).unwrap(), 10 + MIB);
}

/// As on file systems without `fallocate`.
#[test]
fn appended_zeros_have_blocks() {
    let file = file_of(b"byte");
    blocks::append_zeros(sys::borrow(&file), (3 << 16) + 5).unwrap();
    assert_eq!(len(&file), (3 << 16) + 5);
    assert_has_blocks(&file);
    assert_eq!(read(&file, 0, 6), b"byte\0\0");
}

#[test]
fn zeros_are_written_to_the_end_and_the_length_stays() {
    let file = file_of(&[7; 200_000]);
    write_zeros("recover", sys::borrow(&file), 70_001).unwrap();
    assert!(read(&file, 0, 70_001).iter().all(|&byte| byte == 7));
    assert!(read(&file, 70_001, 200_000) == [0; 129_999]);
    for from in [200_000, 200_001, u64::MAX] {
        write_zeros("recover", sys::borrow(&file), from).unwrap();
    }
    assert_eq!(len(&file), 200_000);
    sync_data("sync", sys::borrow(&file)).unwrap();
}

/// A hole is not left as it is: its bytes look like zeros, but have no blocks.
#[test]
fn zeros_are_written_over_a_hole() {
    let file = file_of(&[]);
    file.set_len(1 << 17).unwrap();
    write_zeros("recover", sys::borrow(&file), 0).unwrap();
    assert_has_blocks(&file);
}

#[test]
#[cfg(unix)]
fn an_operation_that_the_descriptor_does_not_allow_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = File::open(file.path()).unwrap();
    let error = extend("append", sys::borrow(&file), 1).unwrap_err();
    assert!(matches!(error, Error::Os { call: "append", .. }), "{error}");
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(socket));
    let error = sync_data("sync", sys::borrow(&pipe)).unwrap_err();
    assert!(matches!(error, Error::Os { call: "sync", .. }), "{error}");
}

#[cfg(target_os = "linux")]
mod limits {
    use std::{env, fs, io::ErrorKind, os::unix::fs::MetadataExt as _, path::PathBuf};

    use super::{
        super::super::{Geometry, Kind, Mode, PERMISSIONS, adopt, open},
        File, MIB, grow, len, read, sync_data, sys, write_zeros,
    };
    use crate::{
        ipc::has_range_locks,
        test_children::{FOLDER, succeeds_after},
    };

    /// The folder of a child process; `None` in other processes.
    fn folder() -> Option<PathBuf> {
        env::var_os(FOLDER).map(PathBuf::from)
    }

    /// Grows the file by pages until that fails with an error of this kind.
    fn grow_until(file: &File, kind: ErrorKind) {
        let error = loop {
            if let Err(error) = grow(file, len(file) + 4096) {
                break std::io::Error::from(error);
            }
        };
        assert_eq!(error.kind(), kind, "{error}");
    }

    #[test]
    fn a_full_file_system_is_an_error_and_leaves_the_file_usable() {
        if !has_range_locks() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mount = r#"mount -t tmpfs -o size=1m none "$SAFEMAP_TEST_FILES""#;
        succeeds_after(mount, module_path!(), "on_a_file_system_of_1_mib", folder.path());
    }

    #[test]
    fn on_a_file_system_of_1_mib() {
        let Some(folder) = folder() else { return };
        let (path, other) = (folder.join("journal"), folder.join("other"));
        fs::write(&other, [1; 4096]).unwrap();
        let create = Mode::Create(Geometry { capacity: 4096, slots: 0 });
        let file = open(&path, Kind::Journal, create, PERMISSIONS).unwrap().file;
        grow_until(&file, ErrorKind::StorageFull);
        // Each page was used. No byte of the file lacks one: a map would end with SIGBUS.
        // An emulator may have larger pages than the system.
        assert_eq!(len(&file), MIB - fs::metadata(&other).unwrap().blksize());
        write_zeros("recover", sys::borrow(&file), 4096).unwrap();
        sync_data("sync", sys::borrow(&file)).unwrap();
        let file = adopt(file, Kind::Journal, None).unwrap().file;
        fs::remove_file(other).unwrap();
        let len = len(&file);
        assert_eq!(grow(&file, len + 1).unwrap(), len + 4096);
        assert!(read(&file, 4096, 1 << 20).iter().all(|&byte| byte == 0));
    }

    /// RLIMIT_FSIZE, whose signal would end the process.
    #[test]
    fn a_limit_of_the_length_is_an_error_and_is_used_up_before() {
        let folder = tempfile::tempdir().unwrap();
        let name = "with_a_limit_of_the_length";
        succeeds_after("ulimit -f 4104", module_path!(), name, folder.path());
    }

    #[test]
    fn with_a_limit_of_the_length() {
        let Some(folder) = folder() else { return };
        let file = File::create_new(folder.join("file")).unwrap();
        grow_until(&file, ErrorKind::FileTooLarge);
        // Shells count in 512 or 1024 bytes.
        assert!([4104 * 512, 4104 * 1024].contains(&len(&file)), "{}", len(&file));
    }
}
