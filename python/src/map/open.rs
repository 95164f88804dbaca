//! The constructor: opens the file by path, or takes a file that the caller has opened.

use std::{ffi::c_int, ops::Range};

use pyo3::{
    PyClassInitializer,
    exceptions::{PyOSError, PyValueError},
    prelude::*,
    types::{PyBytes, PyDict, PyInt, PyString, PyType},
};
use safemap::{Error, Map, UNKNOWN_LENGTH};

use super::{
    FileIdentity, FileMap, helpers,
    settings::{Mode, Settings, advice},
    transaction,
};
use crate::{
    argument::{Truth, Unsigned, int},
    damage,
    error::{Hint, created, to_exception, value_error},
    ffi::{ClassOf, audit},
    file::unsupported_operation,
    ipc::timeout::Timeout,
    mmap::Mmap,
    os::{ACCESS_DENIED, NO_SUCH_DEVICE, borrow_file},
    pieces::{Direction, Pieces, SignalClock},
};

#[pymethods]
impl FileMap {
    #[new]
    #[pyo3(
        signature = (file, mode = "r", size = None, *, offset = Unsigned(0), reserve = Unsigned(0),
                     repair = Truth(false), allocate = Truth(false), advise = None,
                     populate = Truth(false), lock = Truth(false), drop_behind = None,
                     transactional = Truth(false), timeout = Some(Timeout::ZERO),
                     create = Truth(false)),
        text_signature = "(file, mode='r', size=None, *, offset=0, reserve=0, repair=False, \
                          allocate=False, advise=None, populate=False, lock=False, \
                          drop_behind=None, transactional=False, timeout=0, create=False)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the signature of Python's function")]
    #[classmethod]
    fn construct<'py>(
        class: &Bound<'py, PyType>,
        file: &Bound<'py, PyAny>,
        mode: &str,
        size: Option<Unsigned>,
        offset: Unsigned<u64>,
        reserve: Unsigned,
        repair: Truth,
        allocate: Truth,
        advise: Option<&str>,
        populate: Truth,
        lock: Truth,
        drop_behind: Option<Unsigned>,
        transactional: Truth,
        timeout: Option<Timeout>,
        create: Truth,
    ) -> PyResult<Bound<'py, PyAny>> {
        let class = ClassOf::<FileMap>::new(class)?;
        helpers::get_all(class.py())?;
        let (mode, transactional) = (Mode::parse(mode)?, transactional.0);
        if !transactional && timeout.is_none_or(|timeout| !timeout.is_zero()) {
            return Err(value_error("timeout needs transactional=True"));
        }
        if create.0 && mode != Mode::Update {
            return Err(value_error(
                "create=True needs the mode r+: w+ and x+ create the file, r and c do not",
            ));
        }
        let repair = repair.0 || damage::repairs_files() && !transactional;
        // A file that was just emptied has no bytes that a length of 0 could exclude.
        let size = size.map(|size| size.0);
        let size = size.filter(|&size| size > 0 || !mode.is_emptied());
        let advice = advise.map(advice).transpose()?;
        let settings = Settings {
            mode,
            size,
            offset: offset.0,
            reserve: reserve.0,
            repair,
            allocate: allocate.0,
            advice,
            populate: populate.0,
            lock: lock.0,
            drop_behind: drop_behind.map(|bytes| bytes.0),
            transactional,
            create: create.0,
        };
        let object = match transactional {
            true => transaction::open(&class, file, &settings, timeout)?,
            false => File::create(&class, file, &settings)?,
        };
        if repair {
            damage::register(object.as_super())?;
        }
        if populate.0 {
            object.as_super().get().populate(object.py())?;
        }
        Ok(object.into_any())
    }
}

impl FileMap {
    /// Wraps the map of shared memory. It has the name, and is not opened by path.
    pub(crate) fn of_shared_memory(
        name: &Bound<'_, PyString>,
        map: Map,
    ) -> PyClassInitializer<FileMap> {
        let mode = Mode::Update;
        let base: Mmap = Mmap::new(map, mode.access(), mode.flags(), 0, true);
        let name = name.clone().into_any().unbind();
        let (is_locked, timeout, file) = (false, None, None);
        let subclass = FileMap { name, mode, has_fixed_size: true, is_locked, timeout, file };
        PyClassInitializer::from(base).add_subclass(subclass)
    }
}

impl Mmap {
    /// Wraps a map of a file.
    pub(super) fn of_file(map: Map, settings: &Settings) -> PyResult<Mmap> {
        let (mode, offset) = (settings.mode, i64::try_from(settings.offset)?);
        let mut base = Mmap::new(map, mode.access(), mode.flags(), offset, true);
        base.grows = settings.grows();
        base.reserve = settings.reserve;
        base.drops_behind = settings.drop_behind.is_some();
        base.transactional = settings.transactional;
        Ok(base)
    }

    /// Makes all pages present.
    fn populate(&self, py: Python<'_>) -> PyResult<()> {
        let mut pieces = Pieces::new(0..self.length(py)?, Direction::Forward);
        let populate = |map: &Map, piece: Range<usize>| {
            let piece = piece.start..piece.end.min(map.len());
            map.populate(piece).map(|()| None::<()>)
        };
        self.run_pieces(py, &mut SignalClock::new(), &mut pieces, populate).map(drop)
    }
}

impl FileIdentity {
    /// Takes the path and the descriptor of a file.
    pub(super) fn new(
        py: Python<'_>,
        fileno: c_int,
        path: &Bound<'_, PyAny>,
    ) -> PyResult<FileIdentity> {
        let os = py.import("os")?;
        let status = os.call_method1("fstat", (fileno,))?;
        let path = os.getattr("path")?.call_method1("abspath", (path,))?.unbind();
        let number = |name| status.getattr(name)?.extract::<u64>();
        Ok(FileIdentity { path, device: number("st_dev")?, inode: number("st_ino")? })
    }
}

/// The file to map.
struct File<'py> {
    /// What `Map.name` returns.
    name: Bound<'py, PyAny>,
    fileno: c_int,
    /// The file object of a path that was opened.
    opened: Option<Bound<'py, PyAny>>,
}

impl<'py> File<'py> {
    /// Creates the map of a file.
    fn create(
        class: &ClassOf<'_, 'py, FileMap>,
        file: &Bound<'py, PyAny>,
        settings: &Settings,
    ) -> PyResult<Bound<'py, FileMap>> {
        let file = File::open(file, settings)?;
        let made = file.map(settings);
        file.close()?;
        class.create(made?)
    }

    /// Opens a path as `io.open` does, or prepares the file of the caller.
    fn open(file: &Bound<'py, PyAny>, settings: &Settings) -> PyResult<File<'py>> {
        if file.is_instance_of::<PyInt>() {
            let fileno = int(file)?;
            return File { name: file.clone(), fileno, opened: None }.prepared(settings);
        }
        if file.hasattr("fileno")? {
            return File::of_object(file)?.prepared(settings);
        }
        let keywords = PyDict::new(file.py());
        keywords.set_item("buffering", 0)?;
        if settings.create {
            keywords.set_item("opener", helpers::OPEN_OR_CREATE.get(file.py())?)?;
        }
        let io = file.py().import("io")?;
        let opened = io.call_method("open", (file, settings.mode.of_file()), Some(&keywords))?;
        let fileno = opened.call_method0("fileno")?.extract()?;
        Ok(File { name: opened.getattr("name")?, fileno, opened: Some(opened) })
    }

    /// Takes the descriptor of a file object, which keeps it, and flushes what it has buffered.
    fn of_object(file: &Bound<'py, PyAny>) -> PyResult<File<'py>> {
        if let Ok(flush) = file.getattr("flush") {
            flush.call0()?;
        }
        let fileno = file.call_method0("fileno")?;
        let name = file
            .getattr("name")
            .ok()
            .filter(|name| name.is_instance_of::<PyString>() || name.is_instance_of::<PyBytes>());
        let number = int(&fileno)?;
        Ok(File { name: name.unwrap_or(fileno), fileno: number, opened: None })
    }

    /// Does with the caller's file what `io.open` does with a path.
    fn prepared(self, settings: &Settings) -> PyResult<File<'py>> {
        match settings.mode {
            _ if settings.create => Err(PyValueError::new_err("create=True needs a path")),
            Mode::CreateNew => Err(PyValueError::new_err("mode x+ needs a path")),
            Mode::Truncate => {
                self.name.py().import("os")?.call_method1("ftruncate", (self.fileno, 0))?;
                Ok(self)
            }
            _ => Ok(self),
        }
    }

    /// Creates the map.
    fn map(&self, settings: &Settings) -> PyResult<PyClassInitializer<FileMap>> {
        let (py, mode) = (self.name.py(), settings.mode);
        let offset = i64::try_from(settings.offset)?;
        let size = settings.size.unwrap_or(0);
        audit(py, self.fileno, isize::try_from(size)?, mode.access(), offset)?;
        let file = borrow_file(py, self.fileno)?;
        let make = || settings.options().map(file);
        let map = py.detach(make).map_err(|error| self.exception(error, settings))?;
        let identity = |_| FileIdentity::new(py, self.fileno, &self.name);
        let file = self.opened.as_ref().map(identity).transpose()?;
        let base = Mmap::of_file(map, settings)?;
        let has_fixed_size = settings.size.is_some();
        let name = self.name.clone().unbind();
        let (is_locked, timeout) = (settings.lock, None);
        let subclass = FileMap { name, mode, has_fixed_size, is_locked, timeout, file };
        Ok(PyClassInitializer::from(base).add_subclass(subclass))
    }

    /// Closes the file if this object opened it. The map has its own descriptor.
    fn close(&self) -> PyResult<()> {
        self.opened.as_ref().map_or(Ok(()), |file| file.call_method0("close").map(drop))
    }

    /// The text for a file that the core or the system cannot map.
    fn refusal(&self, reason: &str) -> String {
        let name = self.name.str().map_or_else(|_| "the file".to_owned(), |name| name.to_string());
        match UNKNOWN_LENGTH.contains(&reason) {
            true => format!("{name} has no length; read it with open()"),
            false => format!("{name}: {reason}"),
        }
    }

    /// Converts an error of the core to an exception that names the file.
    fn exception(&self, error: Error, settings: &Settings) -> PyErr {
        let py = self.name.py();
        match error {
            Error::BeyondFile { offset, len, file_len } => {
                let error = PyValueError::new_err(beyond_file(settings.size, offset, file_len));
                let end = offset.saturating_add(len as u64);
                match end > file_len && len > 0 {
                    true => Hint::EndBeyondFile(end, file_len).add_to(py, error),
                    false => error,
                }
            }
            Error::Unsupported(reason) => unsupported_operation(py, (self.refusal(reason),)),
            Error::Os { source, .. } if source.raw_os_error() == Some(NO_SUCH_DEVICE) => {
                unsupported_operation(py, (self.refusal("its file system maps no files"),))
            }
            error => {
                let code = error.raw_os_error();
                let mut error = to_exception(error);
                if code == Some(ACCESS_DENIED) {
                    error = settings.hint_for_access().add_to(py, error);
                }
                error = created(py, error);
                if error.is_instance_of::<PyOSError>(py) {
                    // Only a subclass could refuse it.
                    let _ = error.value(py).setattr("filename", &self.name);
                }
                error
            }
        }
    }
}

fn beyond_file(size: Option<usize>, offset: u64, file_len: u64) -> String {
    match (size, file_len.checked_sub(offset)) {
        (Some(size), Some(rest)) if offset > 0 => {
            format!("size {size} is greater than the {rest} bytes of the file from offset {offset}")
        }
        (Some(size), Some(rest)) => {
            format!("size {size} is greater than the {rest} bytes of the file")
        }
        _ => format!("offset {offset} is greater than the {file_len} bytes of the file"),
    }
}
