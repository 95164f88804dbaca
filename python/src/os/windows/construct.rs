//! The constructor on Windows: what was asked for, and the map.

use std::{
    ffi::{OsString, c_int},
    os::windows::io::BorrowedHandle,
};

use pyo3::{
    exceptions::{PyNotImplementedError, PyOverflowError, PyTypeError},
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};
use safemap::{Access, Error, Map, Options, granularity};

use super::{INVALID, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED};
use crate::{
    argument::int,
    buffer::{audit, borrow, class_name, ssize},
    constants::{ACCESS_COPY, ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE},
    construct::{Arguments, Names},
    error::{errno, raise, value},
    mmap::Mmap,
};

const NOT_ENOUGH_MEMORY: i32 = 8;
const MAPPED_ALIGNMENT: i32 = 1132;

#[pymethods]
impl Mmap {
    #[new]
    #[pyo3(
        signature = (*args, **kwargs),
        text_signature = "(fileno, length, tagname=None, access=ACCESS_DEFAULT, offset=0, *, trackfd=True, \
                          repair=False, allocate=False)"
    )]
    fn construct(py: Python<'_>, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Mmap> {
        let given = Given::parse(args, kwargs)?;
        audit(py, given.fileno, given.length, given.access, given.offset)?;
        let request = given.checked(py)?;
        let map = py.detach(|| request.map()).map_err(|error| request.refused(error))?;
        if map.is_empty() {
            return Err(request.empty());
        }
        // Memory that has a name is shared, but can change its size.
        let flags = if request.file.is_some() { MAP_SHARED } else { MAP_PRIVATE | MAP_ANONYMOUS };
        Ok(Mmap::new(map, given.access, flags, given.offset, given.trackfd))
    }
}

/// The arguments, in CPython's order.
struct Given<'py> {
    fileno: c_int,
    length: isize,
    tagname: Option<Bound<'py, PyAny>>,
    access: c_int,
    offset: i64,
    trackfd: bool,
    repair: bool,
    allocate: bool,
}

const NAMES: Names =
    Names { all: &["fileno", "length", "tagname", "access", "offset", "trackfd", "repair", "allocate"], positional: 5 };
const TRACKFD: usize = 5;

impl<'py> Given<'py> {
    /// Converts the arguments one after the other, by the rules and with the texts of CPython's `"in|OiL$p"`.
    fn parse(args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Self> {
        let mut given = Arguments::new(NAMES, args, kwargs)?;
        let parsed = Given {
            fileno: int(&given.required(0)?)?,
            length: ssize(&given.required(1)?)?,
            tagname: given.take(2)?.filter(|name| !name.is_none()),
            access: given.int_or(3, ACCESS_DEFAULT)?,
            offset: given.take(4)?.map_or(Ok(0), |offset| offset.extract())?,
            trackfd: given.truth_or(TRACKFD, true)?,
            repair: given.truth_or(6, false)?,
            allocate: given.truth_or(7, false)?,
        };
        // Up to 3.14 CPython has it on Unix alone, and tests that, with memory, to which it means nothing.
        if matches!(parsed.fileno, -1 | 0) && args.py().version_info() < (3, 15) {
            given.refuse(TRACKFD)?;
        }
        given.finish()?;
        Ok(parsed)
    }

    /// Checks the arguments, and finds the file.
    fn checked(&self, py: Python<'py>) -> PyResult<Request> {
        let access = match self.access {
            ACCESS_READ => Access::Read,
            ACCESS_DEFAULT | ACCESS_WRITE => Access::Write,
            ACCESS_COPY => Access::Copy,
            _ => return Err(value("mmap invalid access parameter.")),
        };
        let length = usize::try_from(self.length)
            .map_err(|_| PyOverflowError::new_err("memory mapped length must be positive"))?;
        let offset = u64::try_from(self.offset)
            .map_err(|_| PyOverflowError::new_err("memory mapped offset must be positive"))?;
        if self.repair {
            return Err(PyNotImplementedError::new_err("Windows can replace no page of a mapped file"));
        }
        let (trackfd, allocate) = (self.trackfd, self.allocate);
        let mut request =
            Request { file: borrow(py, self.fileno)?, name: None, length, access, offset, trackfd, allocate };
        if let Some(tagname) = &self.tagname {
            request.name = name(tagname).map_err(|error| request.too_short().unwrap_or(error))?;
        }
        Ok(request)
    }
}

/// What is to be mapped.
struct Request {
    /// Anonymous memory has none.
    file: Option<BorrowedHandle<'static>>,
    name: Option<OsString>,
    /// In bytes; 0 is the rest of the file.
    length: usize,
    access: Access,
    offset: u64,
    trackfd: bool,
    allocate: bool,
}

impl Request {
    fn map(&self) -> safemap::Result<Map> {
        // A file that is too short becomes longer, which would stay so if the offset were refused only then.
        let wrong = (self.file.is_none() || self.length > 0) && !self.offset.is_multiple_of(granularity() as u64);
        if wrong {
            return Err(Error::Unaligned { call: "map", offset: self.offset, multiple: granularity() });
        }
        let options = self.options();
        self.file.map_or_else(|| options.anonymous(), |file| options.map(file))
    }

    fn options(&self) -> Options {
        let mut options = Options::new();
        options.access(self.access).offset(self.offset).exact_offset().extend();
        if self.length > 0 || self.file.is_none() {
            options.len(self.length);
        }
        if let Some(name) = &self.name {
            options.name(name);
        }
        if !self.trackfd {
            options.untracked();
        }
        if self.allocate {
            options.allocate();
        }
        options
    }

    /// What is wrong with a file that is mapped to its end, which CPython looks at before the name.
    fn too_short(&self) -> Option<PyErr> {
        let file = self.file.filter(|_| self.length == 0)?;
        match Options::new().offset(self.offset).exact_offset().map(file) {
            Ok(map) => map.is_empty().then(|| self.empty()),
            Err(Error::Unaligned { .. }) => None,
            Err(error) => Some(self.refused(error)),
        }
    }

    /// The exception for a map that the core refused.
    fn refused(&self, error: Error) -> PyErr {
        match error {
            // It was to be read only, so nothing makes it longer.
            Error::BeyondFile { .. } if self.length > 0 => errno(NOT_ENOUGH_MEMORY),
            Error::BeyondFile { file_len: 0, .. } => value("cannot mmap an empty file"),
            Error::BeyondFile { .. } => value("mmap offset is greater than file size"),
            Error::TooLong { .. } if self.length == 0 => value("mmap length is too large"),
            Error::TooLong { .. } => errno(NOT_ENOUGH_MEMORY),
            Error::Unaligned { .. } => errno(MAPPED_ALIGNMENT),
            Error::Unsupported(_) => errno(INVALID),
            error => raise(error),
        }
    }

    /// The exception for a map that would have no bytes.
    fn empty(&self) -> PyErr {
        match (self.file, self.offset) {
            (None, _) => errno(INVALID),
            (_, 0) => value("cannot mmap an empty file"),
            _ => value("mmap offset is greater than file size"),
        }
    }
}

/// The name as the system takes it. An empty one is none to the system.
fn name(tagname: &Bound<'_, PyAny>) -> PyResult<Option<OsString>> {
    let Ok(name) = tagname.cast::<PyString>() else {
        let kind = class_name(tagname);
        return Err(PyTypeError::new_err(format!("expected str or None for 'tagname', not {kind}")));
    };
    let name: OsString = name.extract()?;
    match name.as_encoded_bytes().contains(&0) {
        true => Err(value("embedded null character")),
        false => Ok((!name.is_empty()).then_some(name)),
    }
}
