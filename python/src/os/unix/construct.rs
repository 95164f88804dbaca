//! The constructor on Unix: what was asked for, and the map.

use std::{ffi::c_int, os::fd::BorrowedFd};

use libc::{ENOMEM, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};
use pyo3::{
    exceptions::PyOverflowError,
    prelude::*,
    types::{PyDict, PyTuple},
};
use safemap::{Access, Error, Flags, Map, Options, Protection, granularity};

use super::INVALID;
use crate::{
    argument::int,
    buffer::{audit, borrow, ssize},
    constants::{ACCESS_COPY, ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE},
    construct::{Arguments, Names},
    error::{errno, raise, value},
    mmap::Mmap,
};

#[pymethods]
impl Mmap {
    #[new]
    #[pyo3(
        signature = (*args, **kwargs),
        text_signature = "(fileno, length, flags=MAP_SHARED, prot=PROT_READ|PROT_WRITE, \
                          access=ACCESS_DEFAULT, offset=0, *, trackfd=True, repair=False, allocate=False)"
    )]
    fn construct(py: Python<'_>, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Mmap> {
        let request = Request::parse(args, kwargs)?.checked()?;
        audit(py, request.fileno, request.length, request.access, request.offset)?;
        let map = py.detach(|| request.map()).map_err(|error| request.refused(error))?;
        if map.is_empty() {
            return Err(request.empty());
        }
        let flags = if request.fileno == -1 { request.flags | MAP_ANONYMOUS } else { request.flags };
        Ok(Mmap::new(map, request.access, flags, request.offset, request.trackfd))
    }
}

/// The arguments, in CPython's order.
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

const NAMES: Names = Names {
    all: &["fileno", "length", "flags", "prot", "access", "offset", "trackfd", "repair", "allocate"],
    positional: 6,
};

impl Request {
    /// Converts the arguments one after the other, by the rules and with the texts of CPython's `"in|iiiL$p"`.
    fn parse(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Request> {
        let mut given = Arguments::new(NAMES, args, kwargs)?;
        let request = Request {
            fileno: int(&given.required(0)?)?,
            length: ssize(&given.required(1)?)?,
            flags: given.int_or(2, MAP_SHARED)?,
            prot: given.int_or(3, PROT_READ | PROT_WRITE)?,
            access: given.int_or(4, ACCESS_DEFAULT)?,
            offset: given.take(5)?.map_or(Ok(0), |offset| offset.extract())?,
            trackfd: given.truth_or(6, true)?,
            repair: given.truth_or(7, false)?,
            allocate: given.truth_or(8, false)?,
        };
        given.finish()?;
        Ok(request)
    }

    /// Checks the arguments against each other, and derives `flags` and `prot` from the access or the other way round.
    fn checked(mut self) -> PyResult<Request> {
        if self.length < 0 {
            return Err(PyOverflowError::new_err("memory mapped length must be positive"));
        }
        if self.offset < 0 {
            return Err(PyOverflowError::new_err("memory mapped offset must be positive"));
        }
        let default = self.flags == MAP_SHARED && self.prot == PROT_READ | PROT_WRITE;
        if self.access != ACCESS_DEFAULT && !default {
            return Err(value("mmap can't specify both access and flags, prot."));
        }
        match self.access {
            ACCESS_READ => self.prot = PROT_READ,
            ACCESS_WRITE => {}
            ACCESS_COPY => self.flags = MAP_PRIVATE,
            ACCESS_DEFAULT => self.access = implied_access(self.prot),
            _ => return Err(value("mmap invalid access parameter.")),
        }
        Ok(self)
    }

    /// Maps what was asked for.
    fn map(&self) -> safemap::Result<Map> {
        let mut options = Options::new();
        options.offset(self.offset as u64).exact_offset();
        options.protection(Protection::from_bits(self.prot)).exact_flags(Flags::from_bits(self.flags));
        options.access(match self.access {
            ACCESS_READ => Access::Read,
            ACCESS_COPY => Access::Copy,
            _ => Access::Write,
        });
        if !self.trackfd {
            options.untracked();
        }
        if self.repair {
            options.repair();
        }
        if self.allocate {
            options.allocate();
        }
        // 0 is the rest of the file; memory has none, and is then empty, which `construct` refuses.
        match borrow(self.fileno) {
            // The system ignores a file beside MAP_ANONYMOUS; CPython measures it all the same.
            Some(file) if self.flags & MAP_ANONYMOUS != 0 => options.len(self.measure(file)?).anonymous(),
            Some(file) if self.length == 0 => options.map(file),
            Some(file) => options.len(self.length as usize).map(file),
            // The core has no use for an offset into nothing; the system wants it to be right all the same.
            None if !(self.offset as usize).is_multiple_of(granularity()) => Err(Error::Unsupported("that offset")),
            None => options.len(self.length as usize).anonymous(),
        }
    }

    /// The length of the part of a file that was asked for.
    fn measure(&self, file: BorrowedFd<'_>) -> safemap::Result<usize> {
        let mut options = Options::new();
        if self.length > 0 {
            options.len(self.length as usize);
        }
        options.offset(self.offset as u64).exact_offset().map(file).map(|map| map.len())
    }

    /// The exception for a map that the core refused.
    fn refused(&self, error: Error) -> PyErr {
        match error {
            Error::BeyondFile { .. } if self.length > 0 => value("mmap length is greater than file size"),
            Error::BeyondFile { file_len: 0, .. } => value("cannot mmap an empty file"),
            Error::BeyondFile { .. } => value("mmap offset is greater than file size"),
            Error::TooLong { .. } if self.length == 0 => value("mmap length is too large"),
            Error::TooLong { .. } => errno(ENOMEM),
            Error::Unsupported(_) => errno(INVALID),
            error => raise(error),
        }
    }

    /// The exception for a map that would have no bytes.
    fn empty(&self) -> PyErr {
        match (self.fileno, self.offset) {
            (-1, _) => errno(INVALID),
            (_, 0) => value("cannot mmap an empty file"),
            _ => value("mmap offset is greater than file size"),
        }
    }
}

/// The access that a protection comes to. Neither readable nor writable memory counts as read-only.
fn implied_access(prot: c_int) -> c_int {
    match (prot & PROT_READ != 0, prot & PROT_WRITE != 0) {
        (true, true) => ACCESS_DEFAULT,
        (false, true) => ACCESS_WRITE,
        _ => ACCESS_READ,
    }
}
