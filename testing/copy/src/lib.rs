//! A shared library with its own copy of safemap, as an extension module has one. Tests load it
//! several times. All functions have the same type.
#![allow(unsafe_code)]

use std::sync::OnceLock;

use safemap::{Access, Error, Map, Options, Protection};

/// The length of the maps: a multiple of the page size.
const LEN: usize = 65_536;

struct Maps {
    /// Its file was truncated: an access raises SIGBUS.
    truncated: Map,
    /// An access raises SIGSEGV.
    protected: Map,
    /// Its file was truncated too. Pages are replaced by zeros.
    repaired: Map,
}

impl Maps {
    fn new() -> safemap::Result<Maps> {
        Ok(Maps {
            truncated: truncated(&mut Options::new())?,
            protected: protected()?,
            repaired: truncated(Options::new().repair(true))?,
        })
    }
}

fn truncated(options: &mut Options) -> safemap::Result<Map> {
    let file = tempfile::tempfile().expect("create a temporary file");
    file.set_len(LEN as u64).expect("extend a file");
    let map = options.access(Access::Write).map(&file)?;
    file.set_len(0).expect("truncate a file");
    Ok(map)
}

fn protected() -> safemap::Result<Map> {
    Options::new().len(LEN).protection(Protection::NONE).anonymous()
}

fn maps() -> &'static Maps {
    static MAPS: OnceLock<Maps> = OnceLock::new();
    MAPS.get_or_init(|| Maps::new().expect("map files and memory"))
}

/// Creates the maps that the other functions use. They are never dropped.
#[unsafe(no_mangle)]
pub extern "C" fn copy_create_maps() -> usize {
    maps();
    0
}

/// Creates and drops a map of a file and one of memory.
#[unsafe(no_mangle)]
pub extern "C" fn copy_create_another_map() -> usize {
    truncated(&mut Options::new()).expect("map a file");
    protected().expect("map memory");
    0
}

/// Returns 1 if accesses of missing and of protected pages are errors, or else 0.
#[unsafe(no_mangle)]
pub extern "C" fn copy_reports_faults() -> usize {
    let is_error = |map: &Map| matches!(map.get(7), Err(Error::Fault { offset: 7 }));
    usize::from(is_error(&maps().truncated) && is_error(&maps().protected))
}

/// Returns the address of memory whose missing pages this copy replaces by zeros.
#[unsafe(no_mangle)]
pub extern "C" fn copy_repaired_memory() -> usize {
    maps().repaired.as_ptr().expose_provenance()
}
