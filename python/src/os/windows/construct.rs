//! The constructor on Windows.

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

use super::{ACCESS_DENIED, INVALID, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, NOT_ENOUGH_MEMORY};
use crate::{
    constants::{ACCESS_COPY, ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE},
    construct::{
        Arguments, Parameters, descriptor, hint_for_offset, nothing_to_map, with_kind_of_file,
    },
    error::{Hint, errno, to_exception, value_error},
    ffi::{audit, borrow, class_name, ssize},
    mmap::Mmap,
};

const MAPPED_ALIGNMENT: i32 = 1132;

#[pymethods]
impl Mmap {
    #[new]
    #[pyo3(
        signature = (*args, **kwargs),
        text_signature = "(fileno, length, tagname=None, access=0, offset=0, *, trackfd=True, \
                          repair=False, allocate=False)"
    )]
    fn construct(
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Mmap> {
        let request = Request::parse(args, kwargs)?;
        audit(py, request.fileno, request.length, request.access, request.offset)?;
        let source = request.source(py)?;
        let map = py.detach(|| source.map());
        let map = map.map_err(|error| source.exception(py, error, request.fileno))?;
        if map.is_empty() {
            return Err(source.empty_map(py));
        }
        // Named memory is shared, but can be resized like private memory.
        let flags = if source.file.is_some() { MAP_SHARED } else { MAP_PRIVATE | MAP_ANONYMOUS };
        Ok(Mmap::new(map, request.access, flags, request.offset, request.trackfd))
    }
}

/// The arguments of the constructor, in CPython's order.
struct Request<'py> {
    fileno: c_int,
    length: isize,
    tagname: Option<Bound<'py, PyAny>>,
    access: c_int,
    offset: i64,
    trackfd: bool,
    repair: bool,
    allocate: bool,
}

const PARAMETERS: Parameters = Parameters {
    names: &["fileno", "length", "tagname", "access", "offset", "trackfd", "repair", "allocate"],
    positional: 5,
};
const TRACKFD: usize = 5;

impl<'py> Request<'py> {
    /// Converts the arguments in order, by the rules of CPython's format `"in|OiL$p"`.
    fn parse(args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Self> {
        let mut arguments = Arguments::new(PARAMETERS, args, kwargs)?;
        let request = Request {
            fileno: arguments.required(0, descriptor)?,
            length: arguments.required(1, ssize)?,
            tagname: arguments.convert(2, |name| Ok(name.clone()))?.filter(|name| !name.is_none()),
            access: arguments.int_or(3, ACCESS_DEFAULT)?,
            offset: arguments.convert(4, |offset| offset.extract())?.unwrap_or(0),
            trackfd: arguments.truth_or(TRACKFD, true)?,
            repair: arguments.truth_or(6, false)?,
            allocate: arguments.truth_or(7, false)?,
        };
        // Up to CPython 3.14 `trackfd` exists on Unix only, and `test_mmap` checks that with
        // anonymous memory.
        if matches!(request.fileno, -1 | 0) && args.py().version_info() < (3, 15) {
            arguments.reject_keyword(TRACKFD)?;
        }
        arguments.finish()?;
        Ok(request)
    }

    /// Checks the arguments and determines what to map.
    fn source(&self, py: Python<'py>) -> PyResult<Source> {
        let access = match self.access {
            ACCESS_READ => Access::Read,
            ACCESS_DEFAULT | ACCESS_WRITE => Access::Write,
            ACCESS_COPY => Access::Copy,
            _ => return Err(value_error("mmap invalid access parameter.")),
        };
        let length = usize::try_from(self.length)
            .map_err(|_| PyOverflowError::new_err("memory mapped length must be positive"))?;
        let offset = u64::try_from(self.offset)
            .map_err(|_| PyOverflowError::new_err("memory mapped offset must be positive"))?;
        if self.repair {
            return Err(PyNotImplementedError::new_err("repair is not supported on Windows"));
        }
        let (trackfd, allocate) = (self.trackfd, self.allocate);
        let mut source = Source {
            file: borrow(py, self.fileno)?,
            name: None,
            length,
            access,
            offset,
            trackfd,
            allocate,
        };
        if let Some(tagname) = &self.tagname {
            source.name = name(tagname)
                .map_err(|error| source.length_error(py, self.fileno).unwrap_or(error))?;
        }
        Ok(source)
    }
}

/// What to map.
struct Source {
    /// `None` for anonymous memory.
    file: Option<BorrowedHandle<'static>>,
    name: Option<OsString>,
    /// In bytes; 0 for the rest of the file.
    length: usize,
    access: Access,
    offset: u64,
    trackfd: bool,
    allocate: bool,
}

impl Source {
    fn map(&self) -> safemap::Result<Map> {
        // Checked before the file is extended, which an error would not undo.
        let unaligned =
            (self.file.is_none() || self.length > 0) && self.offset % granularity() as u64 != 0;
        if unaligned {
            return Err(Error::Unaligned {
                call: "map",
                offset: self.offset,
                multiple: granularity(),
            });
        }
        let options = self.options();
        self.file.map_or_else(|| options.anonymous(), |file| options.map(file))
    }

    fn options(&self) -> Options {
        let mut options = Options::new();
        options.access(self.access).offset(self.offset).exact_offset(true).extend(true);
        if self.length > 0 || self.file.is_none() {
            options.len(self.length);
        }
        if let Some(name) = &self.name {
            options.name(name);
        }
        options.untracked(!self.trackfd).allocate(self.allocate);
        options
    }

    /// Returns the exception for a file that is mapped to its end and is too short. CPython checks
    /// this before the name.
    fn length_error(&self, py: Python<'_>, fileno: c_int) -> Option<PyErr> {
        let file = self.file.filter(|_| self.length == 0)?;
        match Options::new().offset(self.offset).exact_offset(true).map(file) {
            Ok(map) => map.is_empty().then(|| self.empty_map(py)),
            Err(Error::Unaligned { .. }) => None,
            Err(error) => Some(self.exception(py, error, fileno)),
        }
    }

    /// Converts an error of the core to CPython's exception.
    fn exception(&self, py: Python<'_>, error: Error, fileno: c_int) -> PyErr {
        match error {
            // A read-only map does not extend the file.
            Error::BeyondFile { offset, len, file_len } if self.length > 0 => {
                let hint = Hint::EndBeyondFile(offset.saturating_add(len as u64), file_len);
                hint.add_to(py, errno(NOT_ENOUGH_MEMORY))
            }
            Error::BeyondFile { offset, file_len, .. } => nothing_to_map(py, offset, file_len),
            Error::TooLong { len, .. } if self.length == 0 && isize::try_from(len).is_err() => {
                value_error("mmap length is too large")
            }
            Error::Unaligned { offset, .. } => {
                hint_for_offset(self.file.is_some(), offset).add_to(py, errno(MAPPED_ALIGNMENT))
            }
            Error::Unsupported(_) => with_kind_of_file(py, fileno, errno(INVALID), None),
            error if error.raw_os_error() == Some(ACCESS_DENIED) => {
                self.hint_for_access().add_to(py, to_exception(error))
            }
            error => to_exception(error),
        }
    }

    fn hint_for_access(&self) -> Hint {
        match self.access {
            Access::Write => Hint::WritableDescriptor,
            _ => Hint::ReadableDescriptor,
        }
    }

    /// Returns the exception for a map of length 0.
    fn empty_map(&self, py: Python<'_>) -> PyErr {
        match self.file {
            None => errno(INVALID),
            // The file ends where the map starts.
            Some(_) => nothing_to_map(py, self.offset, self.offset),
        }
    }
}

/// Converts the name of a map. Windows treats an empty name as none.
fn name(tagname: &Bound<'_, PyAny>) -> PyResult<Option<OsString>> {
    let Ok(name) = tagname.cast::<PyString>() else {
        let kind = class_name(tagname);
        return Err(PyTypeError::new_err(format!(
            "expected str or None for 'tagname', not {kind}"
        )));
    };
    let name: OsString = name.extract()?;
    match name.as_encoded_bytes().contains(&0) {
        true => Err(value_error("embedded null character")),
        false => Ok((!name.is_empty()).then_some(name)),
    }
}
