//! Shared libraries that contain their own copies of the crate.
#![allow(unsafe_code)]

use std::{
    env,
    ffi::{CStr, CString},
    fs, mem,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use libc::c_void;

/// A loaded shared library with its own copy of the crate (`testing/copy`).
#[derive(Debug)]
pub struct LibraryCopy(*mut c_void);

// SAFETY: the functions of the library may be called by any thread.
unsafe impl Send for LibraryCopy {}
// SAFETY: as above.
unsafe impl Sync for LibraryCopy {}

impl LibraryCopy {
    /// Loads another copy, independent of those that were loaded before.
    #[must_use]
    pub fn load() -> LibraryCopy {
        LibraryCopy::from_bytes(&fs::read(library()).expect("read the library"))
    }

    /// Loads another copy that does not announce itself to other copies, and that they do not find.
    #[must_use]
    pub fn load_without_note() -> LibraryCopy {
        let mut bytes = fs::read(library()).expect("read the library");
        let name = bytes.windows(8).position(|name| name == b"safemap\0").expect("a note");
        bytes[name] = b'S';
        LibraryCopy::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> LibraryCopy {
        let folder = tempfile::tempdir().expect("create a temporary folder");
        let path = folder.path().join("copy.so");
        // In another file each time, because the loader recognises a file that it has loaded.
        fs::write(&path, bytes).expect("copy the library");
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path contains no zero");
        // SAFETY: the library's initialisers are those of Rust's standard library.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "cannot load {path:?}");
        LibraryCopy(handle)
    }

    /// Creates the maps that the other methods use.
    pub fn create_maps(&self) {
        self.call(c"copy_create_maps");
    }

    /// Creates and drops a map, so that this copy puts its handlers first if it has to.
    pub fn create_another_map(&self) {
        self.call(c"copy_create_another_map");
    }

    /// Returns whether accesses of missing and of protected pages are errors.
    #[must_use]
    pub fn reports_faults(&self) -> bool {
        self.call(c"copy_reports_faults") != 0
    }

    /// Returns the address of memory whose missing pages the copy replaces by zeros.
    #[must_use]
    pub fn repaired_memory(&self) -> *const u8 {
        std::ptr::with_exposed_provenance(self.call(c"copy_repaired_memory"))
    }

    /// Unloads the library, if the loader agrees.
    pub fn close(self) {
        // SAFETY: the handle is valid, and no function of the library is running.
        assert_eq!(unsafe { libc::dlclose(self.0) }, 0);
    }

    fn call(&self, name: &CStr) -> usize {
        // SAFETY: the handle is valid until `close`.
        let function = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!function.is_null(), "the library lacks {name:?}");
        // SAFETY: all functions of the library have this type.
        let function = unsafe { mem::transmute::<*mut c_void, extern "C" fn() -> usize>(function) };
        function()
    }
}

/// Cargo builds the library beside the test, or beside the dependencies of the program.
fn library() -> PathBuf {
    let program = env::current_exe().expect("the program has a path");
    let folder = program.parent().expect("the program is in a folder");
    [folder.to_owned(), folder.join("deps")]
        .into_iter()
        .map(|folder| folder.join("libsafemap_copy.so"))
        .find(|path| path.exists())
        .expect("cargo has built the library")
}
