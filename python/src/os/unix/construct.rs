//! The constructor on Unix.

use std::{ffi::c_int, os::fd::BorrowedFd};

use libc::{MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};
use pyo3::{
    exceptions::PyOverflowError,
    prelude::*,
    types::{PyDict, PyTuple, PyType},
};
use safemap::{Access, Error, Flags, Map, Options, Protection, granularity};

use super::{ACCESS_DENIED, INVALID, NO_SUCH_DEVICE};
use crate::{
    constants::{ACCESS_COPY, ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE},
    construct::{
        Arguments, Parameters, descriptor, hint_for_offset, nothing_to_map, with_kind_of_file,
    },
    damage,
    error::{Hint, errno, to_exception, value_error},
    ffi::{ClassOf, audit, borrow, ssize},
    mmap::Mmap,
};

// The signature has numbers: `inspect` looks up names in the standard module, if it is imported.
const _: () = assert!(MAP_SHARED == 1 && PROT_READ | PROT_WRITE == 3 && ACCESS_DEFAULT == 0);

#[pymethods]
impl Mmap {
    #[new]
    #[pyo3(
        signature = (*args, **kwargs),
        text_signature = "(fileno, length, flags=1, prot=3, access=0, offset=0, *, \
                          trackfd=True, repair=False, allocate=False)"
    )]
    #[classmethod]
    fn construct<'py>(
        class: &Bound<'py, PyType>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, class) = (class.py(), ClassOf::<Mmap>::new(class)?);
        let request = Request::parse(args, kwargs)?.validate()?;
        audit(py, request.fileno, request.length, request.access, request.offset)?;
        let made = py.detach(|| request.map().map(|map| request.mmap(map)));
        let Some(mmap) = made.map_err(|error| request.exception(py, error))? else {
            return Err(request.empty_map(py));
        };
        let object = class.create(mmap.into())?;
        if request.is_repaired() {
            damage::register(&object)?;
        }
        Ok(object.into_any())
    }
}

/// The arguments of the constructor, in CPython's order.
struct Request {
    fileno: c_int,
    length: isize,
    flags: c_int,
    prot: c_int,
    access: c_int,
    offset: i64,
    trackfd: bool,
    repair: bool,
    allocate: bool,
}

const PARAMETERS: Parameters = Parameters {
    names: &[
        "fileno", "length", "flags", "prot", "access", "offset", "trackfd", "repair", "allocate",
    ],
    positional: 6,
};

impl Request {
    /// Converts the arguments in order, by the rules of CPython's format `"in|iiiL$p"`.
    fn parse(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Request> {
        let mut arguments = Arguments::new(PARAMETERS, args, kwargs)?;
        let request = Request {
            fileno: arguments.required(0, descriptor)?,
            length: arguments.required(1, ssize)?,
            flags: arguments.int_or(2, MAP_SHARED)?,
            prot: arguments.int_or(3, PROT_READ | PROT_WRITE)?,
            access: arguments.int_or(4, ACCESS_DEFAULT)?,
            offset: arguments.convert(5, |offset| offset.extract())?.unwrap_or(0),
            trackfd: arguments.truth_or(6, true)?,
            repair: arguments.truth_or(7, false)?,
            allocate: arguments.truth_or(8, false)?,
        };
        arguments.finish()?;
        Ok(request)
    }

    /// Checks that the arguments fit together. Derives `flags` and `prot` from `access`, or
    /// `access` from them.
    fn validate(mut self) -> PyResult<Request> {
        if self.length < 0 {
            return Err(PyOverflowError::new_err("memory mapped length must be positive"));
        }
        if self.offset < 0 {
            return Err(PyOverflowError::new_err("memory mapped offset must be positive"));
        }
        let default = self.flags == MAP_SHARED && self.prot == PROT_READ | PROT_WRITE;
        if self.access != ACCESS_DEFAULT && !default {
            return Err(value_error("mmap can't specify both access and flags, prot."));
        }
        match self.access {
            ACCESS_READ => self.prot = PROT_READ,
            ACCESS_WRITE => {}
            ACCESS_COPY => self.flags = MAP_PRIVATE,
            ACCESS_DEFAULT => self.access = implied_access(self.prot),
            _ => return Err(value_error("mmap invalid access parameter.")),
        }
        Ok(self)
    }

    /// Creates the map.
    fn map(&self) -> safemap::Result<Map> {
        let mut options = Options::new();
        options.offset(self.offset as u64).exact_offset(true);
        options
            .protection(Protection::from_bits(self.prot))
            .exact_flags(Flags::from_bits(self.flags));
        options.access(match self.access {
            ACCESS_READ => Access::Read,
            ACCESS_COPY => Access::Copy,
            _ => Access::Write,
        });
        options.untracked(!self.trackfd).allocate(self.allocate);
        options.repair(self.repair).report_damage(self.shows_file() && damage::repairs_files());
        // A length of 0 means the rest of the file. Anonymous memory is then empty, and `construct`
        // rejects it.
        match borrow(self.fileno) {
            // The system ignores the file with MAP_ANONYMOUS, but CPython checks its length.
            Some(file) if self.flags & MAP_ANONYMOUS != 0 => {
                options.len(self.length_in(file)?).anonymous()
            }
            Some(file) if self.length == 0 => options.map(file),
            Some(file) => options.len(self.length as usize).map(file),
            // The core ignores the offset of anonymous memory; the system requires it to be
            // aligned.
            None if self.offset as usize % granularity() != 0 => {
                let (offset, multiple) = (self.offset as u64, granularity());
                Err(Error::Unaligned { call: "map", offset, multiple })
            }
            None => options.len(self.length as usize).anonymous(),
        }
    }

    /// Returns the fields of the object, or `None` for an empty map.
    #[inline]
    fn mmap(&self, map: Map) -> Option<Mmap> {
        if map.is_empty() {
            return None;
        }
        let flags = if self.fileno == -1 { self.flags | MAP_ANONYMOUS } else { self.flags };
        Some(Mmap::new(map, self.access, flags, self.offset, self.trackfd))
    }

    fn shows_file(&self) -> bool {
        self.fileno != -1 && self.flags & MAP_ANONYMOUS == 0
    }

    fn is_repaired(&self) -> bool {
        self.repair || self.shows_file() && damage::repairs_files()
    }

    /// Returns the length of the requested part of `file`.
    fn length_in(&self, file: BorrowedFd<'_>) -> safemap::Result<usize> {
        let mut options = Options::new();
        if self.length > 0 {
            options.len(self.length as usize);
        }
        options.offset(self.offset as u64).exact_offset(true).exact_flags(Flags::SHARED);
        options.map(file).map(|map| map.len())
    }

    /// Converts an error of the core to CPython's exception.
    fn exception(&self, py: Python<'_>, error: Error) -> PyErr {
        match error {
            Error::BeyondFile { offset, len, file_len } if self.length > 0 => {
                let error = value_error("mmap length is greater than file size");
                Hint::EndBeyondFile(offset.saturating_add(len as u64), file_len).add_to(py, error)
            }
            Error::BeyondFile { offset, file_len, .. } => nothing_to_map(py, offset, file_len),
            Error::TooLong { len, .. } if self.length == 0 && isize::try_from(len).is_err() => {
                value_error("mmap length is too large")
            }
            Error::Unaligned { offset, .. } => {
                hint_for_offset(self.fileno != -1, offset).add_to(py, to_exception(error))
            }
            Error::Unsupported(_) => with_kind_of_file(py, self.fileno, errno(INVALID), None),
            error => {
                let code = error.raw_os_error();
                self.with_hint(py, code, to_exception(error))
            }
        }
    }

    /// Adds a note to the exception for an error of `mmap`.
    fn with_hint(&self, py: Python<'_>, code: Option<i32>, error: PyErr) -> PyErr {
        let is_writable = self.prot & PROT_WRITE != 0 && self.flags & MAP_PRIVATE == 0;
        match code {
            Some(ACCESS_DENIED) if is_writable => Hint::WritableDescriptor.add_to(py, error),
            Some(ACCESS_DENIED) => Hint::ReadableDescriptor.add_to(py, error),
            Some(NO_SUCH_DEVICE) => {
                with_kind_of_file(py, self.fileno, error, Some(Hint::FileSystem))
            }
            _ => error,
        }
    }

    /// Returns the exception for a map of length 0.
    fn empty_map(&self, py: Python<'_>) -> PyErr {
        match self.fileno {
            -1 => errno(INVALID),
            // The file ends where the map starts.
            _ => nothing_to_map(py, self.offset as u64, self.offset as u64),
        }
    }
}

/// Returns the access that corresponds to a protection. Memory that is neither readable nor
/// writable counts as read-only.
fn implied_access(prot: c_int) -> c_int {
    match (prot & PROT_READ != 0, prot & PROT_WRITE != 0) {
        (true, true) => ACCESS_DEFAULT,
        (false, true) => ACCESS_WRITE,
        _ => ACCESS_READ,
    }
}
