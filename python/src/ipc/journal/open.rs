//! How journals are opened and created.

use std::ffi::OsString;

use pyo3::{exceptions::PyValueError, prelude::*};
use safemap::ipc::{self, JournalOptions};

use super::{Journal, exception};
use crate::{argument::Unsigned, ipc::path::Path};

#[pymethods]
impl Journal {
    #[new]
    #[pyo3(signature = (path, mode = "a", *, allocate = None, permissions = 0o600))]
    fn construct(
        path: &Bound<'_, PyAny>,
        mode: &str,
        allocate: Option<Unsigned>,
        permissions: u32,
    ) -> PyResult<Journal> {
        let mode = Mode::of(mode)?;
        let mut options = ipc::Journal::options();
        options.permissions(permissions).read_only(mode.flags == O_RDONLY);
        if let Some(Unsigned(bytes)) = allocate {
            options.allocate(bytes);
        }
        let file = Path::of(path)?;
        let journal = file.open(mode.flags, |path| (mode.open)(&options, path), exception)?;
        Ok(Journal::new(journal, file.unbind(), mode.name))
    }
}

/// A mode of the constructor.
struct Mode {
    name: &'static str,
    /// As the function `open` of Python reports them to audit hooks.
    flags: i32,
    open: fn(&JournalOptions, OsString) -> safemap::Result<ipc::Journal>,
}

const O_RDONLY: i32 = 0;
const O_RDWR: i32 = 2;

static MODES: [Mode; 4] = [
    Mode { name: "r", flags: O_RDONLY, open: JournalOptions::open },
    Mode { name: "r+", flags: O_RDWR, open: JournalOptions::open },
    Mode { name: "a", flags: O_RDWR, open: JournalOptions::open_or_create },
    Mode { name: "x", flags: O_RDWR, open: JournalOptions::create },
];

impl Mode {
    fn of(name: &str) -> PyResult<&'static Mode> {
        let found = MODES.iter().find(|mode| mode.name == name);
        let unknown = || format!("mode must be r, r+, a or x, not {name:?}");
        found.ok_or_else(|| PyValueError::new_err(unknown()))
    }
}
