//! The arguments of `open`, and what they mean for the core.

use pyo3::{exceptions::PyValueError, prelude::*};
use safemap::{Access, Advice, Options};

use crate::{
    constants::{ACCESS_COPY, ACCESS_READ, ACCESS_WRITE},
    damage,
    error::Hint,
    os::{MAP_PRIVATE, MAP_SHARED},
};

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Update,
    Truncate,
    CreateNew,
    CopyOnWrite,
}

use Mode::{CopyOnWrite, CreateNew, Read, Truncate, Update};

/// Each mode with its name, and the mode in which `io.open` opens the file.
const MODES: [(Mode, &str, &str); 5] = [
    (Read, "r", "rb"),
    (Update, "r+", "r+b"),
    (Truncate, "w+", "w+b"),
    (CreateNew, "x+", "x+b"),
    (CopyOnWrite, "c", "rb"),
];

impl Mode {
    pub(crate) fn parse(name: &str) -> PyResult<Mode> {
        let found = MODES.iter().find(|mode| mode.1 == name);
        let unknown = || {
            PyValueError::new_err(format!(
                "mode must be r, r+, w+, x+ or c, not {name:?}; to create a file or keep the one \
                 that exists, use r+ with create=True"
            ))
        };
        found.map(|mode| mode.0).ok_or_else(unknown)
    }

    fn row(self) -> &'static (Mode, &'static str, &'static str) {
        let Some(row) = MODES.iter().find(|row| row.0 == self) else { unreachable!() };
        row
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    pub(crate) fn of_file(self) -> &'static str {
        self.row().2
    }

    /// Whether writes reach the file.
    pub(crate) fn is_writable(self) -> bool {
        matches!(self, Update | Truncate | CreateNew)
    }

    /// Whether the file has no bytes after it was opened.
    pub(crate) fn is_emptied(self) -> bool {
        matches!(self, Truncate | CreateNew)
    }

    /// The flags of `open` on every system: `O_RDONLY` or `O_RDWR`.
    pub(crate) fn open_flags(self) -> i32 {
        if self.is_writable() { 2 } else { 0 }
    }

    /// The mode in which the file is opened again, once it exists and has bytes.
    pub(crate) fn reopened(self) -> Mode {
        if self.is_writable() { Update } else { self }
    }

    pub(crate) fn access(self) -> i32 {
        match self {
            Read => ACCESS_READ,
            CopyOnWrite => ACCESS_COPY,
            Update | Truncate | CreateNew => ACCESS_WRITE,
        }
    }

    pub(crate) fn flags(self) -> i32 {
        if self == CopyOnWrite { MAP_PRIVATE } else { MAP_SHARED }
    }

    fn core_access(self) -> Access {
        match self {
            Read => Access::Read,
            CopyOnWrite => Access::Copy,
            Update | Truncate | CreateNew => Access::Write,
        }
    }
}

/// The arguments of `open` but the file.
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// In bytes; `None` for a map to the end of the file, which follows its length.
    pub(crate) size: Option<usize>,
    pub(crate) offset: u64,
    pub(crate) reserve: usize,
    pub(crate) repair: bool,
    pub(crate) allocate: bool,
    pub(crate) advice: Option<Advice>,
    pub(crate) populate: bool,
    pub(crate) lock: bool,
    pub(crate) drop_behind: Option<usize>,
    pub(crate) transactional: bool,
    /// Whether the file is created if it does not exist.
    pub(crate) create: bool,
}

impl Settings {
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new();
        options.access(self.mode.core_access()).extend(true).offset(self.offset);
        options.reserve(self.reserve).repair(self.repair).allocate(self.allocate);
        options.report_damage(damage::repairs_files());
        options.lock(self.lock);
        if let Some(size) = self.size.filter(|_| !(self.transactional && self.mode.is_emptied())) {
            options.len(size);
        }
        if self.transactional {
            options.transactional(true).create(self.create || self.mode == Truncate);
            options.create_new(self.mode == CreateNew);
            // Only to be refused: the caller populates in pieces.
            options.populate(self.populate && self.mode.is_writable());
        }
        if let Some(advice) = self.advice {
            options.advise(advice);
        }
        if let Some(bytes) = self.drop_behind {
            options.drop_behind(bytes);
        }
        options
    }

    /// Returns the note for a descriptor that is not open for what the mode does.
    pub(crate) fn hint_for_access(&self) -> Hint {
        if self.mode.is_writable() { Hint::WritableDescriptor } else { Hint::ReadableDescriptor }
    }

    /// Whether a write past the end makes the map longer.
    pub(crate) fn grows(&self) -> bool {
        self.size.is_none() && self.mode.is_writable()
    }
}

/// Converts the argument `advise`.
pub(crate) fn advice(name: &str) -> PyResult<Advice> {
    match name {
        "sequential" => Ok(Advice::Sequential),
        "random" => Ok(Advice::Random),
        "willneed" => Ok(Advice::WillNeed),
        _ => Err(PyValueError::new_err(format!(
            "advise must be sequential, random or willneed, not {name:?}"
        ))),
    }
}
