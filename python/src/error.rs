//! Exceptions, with CPython's types and messages, and notes that say what to do.

use std::io;

use pyo3::{
    PyErrArguments, PyTypeInfo, create_exception,
    exceptions::{
        PyBufferError, PyIndexError, PyMemoryError, PyOSError, PyRuntimeError, PyTimeoutError,
        PyTypeError, PyValueError,
    },
    prelude::*,
};
use safemap::{Error, granularity, page_size};

use crate::os;

create_exception!(
    safemap,
    FaultError,
    PyOSError,
    "A byte of the map cannot be accessed: the file was truncated, the disk is full, or the\n\
     device failed.\n\n\
     `errno` is EFAULT; on Windows `winerror` is the code that the system reports. `offset` is\n\
     the offset of the byte in the map, or None in an exception that safemap did not raise.\n\
     The bytes before it were transferred.\n\n\
     For a map created with repair=True: also if the byte was replaced by zero when a buffer of\n\
     the memory was accessed."
);

create_exception!(
    safemap,
    InDoubtError,
    PyOSError,
    "It is not known whether a commit of a transactional map is durable: the device has failed.\n\n\
     `errno` is EIO. Each call of the map but close() raises it. The next opening of the file\n\
     completes the commit, or finds that there is none."
);

/// Why a call failed, for the note of its exception (PEP 678).
pub(crate) enum Hint {
    /// The offset of a map in a file.
    FileOffset(u64),
    /// The offset of a map of memory.
    MemoryOffset(u64),
    /// The start and the length of a flush.
    FlushedPages(usize, usize),
    /// The start of a change to pages.
    ChangedPages(usize),
    /// The same, as a byte of the file, if the map does not start with a page.
    PagesOfFile(u64),
    WritableDescriptor,
    ReadableDescriptor,
    Directory,
    Pipe,
    Device,
    #[cfg(unix)]
    FileSystem,
    Path,
    FileObject,
    /// A `str` in place of a bytes-like object.
    Text,
    EmptyFile,
    /// The end of a map, and the length of its file.
    EndBeyondFile(u64, u64),
    /// The start of a map, and the length of its file.
    StartBeyondFile(u64, u64),
    /// More bytes than an address space has.
    Length(u64),
    /// The resource limit that may be the cause.
    Limit(&'static str),
    /// Another transactional map has the file open for writing.
    Writer,
    /// Buffers of a map that is to be closed.
    Buffers,
}

impl Hint {
    /// The table of all notes. `python/tests/test_hints.py` raises each.
    fn text(&self) -> String {
        let (unit, page) = (granularity(), page_size());
        match self {
            Hint::FileOffset(offset) => format!(
                "offset {offset} is not a multiple of {unit} (ALLOCATIONGRANULARITY); \
                 safemap.open accepts any offset"
            ),
            Hint::MemoryOffset(offset) => format!(
                "offset {offset} is not a multiple of {unit} (ALLOCATIONGRANULARITY); memory \
                 without a file needs no offset"
            ),
            Hint::FlushedPages(start, size) => {
                let (from, size) = (start - start % page, size + start % page);
                format!(
                    "offset {start} is not a multiple of {page} (PAGESIZE); \
                     flush({from}, {size}) includes these bytes"
                )
            }
            Hint::ChangedPages(start) => {
                format!(
                    "start {start} is not a multiple of {page} (PAGESIZE): the call changes pages"
                )
            }
            Hint::PagesOfFile(at) => format!(
                "byte {at} of the file is not at a multiple of {page} (PAGESIZE): the call \
                 changes pages"
            ),
            Hint::WritableDescriptor => "a map that changes its file needs a descriptor that is \
                 open for reading and writing ('r+b'); one that is open for reading is enough for \
                 ACCESS_READ and ACCESS_COPY, and for safemap.open in the modes r and c"
                .into(),
            Hint::ReadableDescriptor => "a map needs a descriptor that is open for reading".into(),
            Hint::Directory => "the descriptor is that of a directory".into(),
            Hint::Pipe => {
                "the descriptor is that of a pipe or socket, which cannot be mapped: read it".into()
            }
            Hint::Device => "the descriptor is that of a device: most cannot be mapped, and the \
                 others need a length"
                .into(),
            #[cfg(unix)]
            Hint::FileSystem => {
                "the file system maps no files, as that of /sys: read it with open()".into()
            }
            Hint::Path => "mmap takes a descriptor; safemap.open accepts a path".into(),
            Hint::FileObject => {
                "mmap takes a descriptor: file.fileno(); safemap.open accepts the file".into()
            }
            Hint::Text => "encode it".into(),
            Hint::EmptyFile => {
                "safemap.open maps an empty file; one that has bytes but no length, \
                 as in /proc, is read with open()"
                    .into()
            }
            Hint::EndBeyondFile(end, len) => format!(
                "the map would end at byte {end} of a file of {len} bytes; safemap.open extends \
                 the file in the modes r+, w+ and x+"
            ),
            Hint::StartBeyondFile(start, len) => {
                format!("the map would start at byte {start} of a file of {len} bytes")
            }
            Hint::Length(len) => format!("{len} bytes do not fit into the address space"),
            Hint::Limit(limit) => format!("{limit} may be reached"),
            Hint::Writer => "open(..., timeout=5.0) waits for it".into(),
            Hint::Buffers => "a memoryview or an array still uses the map: delete it (del a, \
                 view.release()) before the end of the with block, or call close(detach=True)"
                .into(),
        }
    }

    /// Adds the note to an exception. Runs Python code.
    #[cold]
    pub(crate) fn add_to(self, py: Python<'_>, error: PyErr) -> PyErr {
        let error = created(py, error);
        // What refuses the note is less useful than the exception.
        let _ = error.value(py).call_method1("add_note", (self.text(),));
        error
    }
}

/// Converts an error of the core to an exception.
#[cold]
pub(crate) fn to_exception(error: Error) -> PyErr {
    match &error {
        Error::Os { source, .. } => match error.limit() {
            Some(limit) => with_hint(source, Hint::Limit(limit)),
            None => os_error(source),
        },
        Error::Fault { offset } | Error::Damaged { offset } => fault(&error, *offset),
        Error::Buffer { .. } => {
            PyOSError::new_err(os::arguments(os::fault_code(&error), error.to_string()))
        }
        Error::NoSpace { .. } => {
            let text = error.to_string().replacen("shared_memory: ", "", 1);
            PyOSError::new_err(os::arguments(error.raw_os_error().unwrap_or_default(), text))
        }
        // The methods check ranges first, so another thread has shortened the map since.
        Error::OutOfBounds { .. } => value_error("mmap was made shorter during the call"),
        Error::ReadOnly { .. } => read_only(),
        // The other calls have checked the offset.
        Error::Unaligned { call: "protect", offset, .. } => {
            with_hint(&io::Error::from_raw_os_error(os::INVALID), Hint::PagesOfFile(*offset))
        }
        Error::Unaligned { .. } => errno(os::INVALID),
        Error::TooLong { len, .. } => {
            with_hint(&io::Error::from_raw_os_error(os::NOT_ENOUGH_MEMORY), Hint::Length(*len))
        }
        Error::InDoubt => InDoubtError::new_err(os::arguments(os::IO_ERROR, error.to_string())),
        Error::Forked => closed(),
        Error::HasWriter { .. } => PyTimeoutError::new_err(error.to_string()),
        Error::Unrecovered { .. } => {
            PyOSError::new_err(os::arguments(os::ACCESS_DENIED, error.to_string()))
        }
        Error::WouldDeadlock { .. } => PyRuntimeError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// Converts an error of the operating system to an OSError, whose subclass Python selects.
pub(crate) fn os_error(error: &io::Error) -> PyErr {
    if error.kind() == io::ErrorKind::OutOfMemory && error.raw_os_error().is_none() {
        return PyMemoryError::new_err(());
    }
    let Some(code) = error.raw_os_error() else { return PyOSError::new_err(error.to_string()) };
    PyOSError::new_err(os::arguments(code, message(error, code)))
}

/// Returns the system's message for an error. Rust appends the code to it.
fn message(error: &io::Error, code: i32) -> String {
    let text = error.to_string();
    text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text).to_owned()
}

/// Converts an error of the operating system that has a code to an OSError with a note.
fn with_hint(error: &io::Error, hint: Hint) -> PyErr {
    let code = error.raw_os_error().unwrap_or_default();
    PyOSError::new_err(Noted { code, text: message(error, code), hint })
}

/// Returns the OSError for an error code, without a call of the operating system that failed.
#[cold]
pub(crate) fn errno(code: i32) -> PyErr {
    os_error(&io::Error::from_raw_os_error(code))
}

fn fault(error: &Error, offset: usize) -> PyErr {
    let (code, text) = (os::fault_code(error), error.to_string());
    FaultError::new_err(Fault { code, text, offset: Some(offset) })
}

/// The exception for faults in maps that are closed or restored.
#[cold]
pub(crate) fn fault_without_map() -> PyErr {
    let text = "bytes of a map could not be accessed and were replaced with zero; the map was \
                closed or restored since";
    FaultError::new_err(Fault { code: os::BAD_ADDRESS, text: text.to_owned(), offset: None })
}

/// The arguments of a FaultError.
struct Fault {
    code: i32,
    text: String,
    offset: Option<usize>,
}

impl PyErrArguments for Fault {
    fn arguments(self, py: Python<'_>) -> Py<PyAny> {
        create::<FaultError>(py, self.code, self.text, |exception| {
            exception.setattr("offset", self.offset)?;
            // EFAULT on every system. Windows would derive another errno from `winerror`.
            exception.setattr("errno", os::BAD_ADDRESS)
        })
    }
}

/// The arguments of an OSError with a note.
struct Noted {
    code: i32,
    text: String,
    hint: Hint,
}

impl PyErrArguments for Noted {
    fn arguments(self, py: Python<'_>) -> Py<PyAny> {
        create::<PyOSError>(py, self.code, self.text, |exception| {
            exception.call_method1("add_note", (self.hint.text(),)).map(drop)
        })
    }
}

/// Creates the exception itself, which the interpreter accepts instead of its arguments.
///
/// It is created as late as this because up to CPython 3.11 an allocation may start a garbage
/// collection, and a finalizer may use the map of the current call.
fn create<E: PyTypeInfo>(
    py: Python<'_>,
    code: i32,
    text: String,
    complete: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>,
) -> Py<PyAny> {
    let exception = py.get_type::<E>().call1(os::arguments(code, text));
    let exception = exception.and_then(|exception| {
        complete(&exception)?;
        Ok(exception.unbind())
    });
    exception.unwrap_or_else(|error| error.into_value(py).into_any())
}

/// Creates the exception object of an error that is examined or changed.
///
/// Otherwise `PyErr` creates it at first use with the interpreter detached, and pyo3 panics then in
/// finalizers that run while the interpreter shuts down.
#[cold]
pub(crate) fn created(py: Python<'_>, error: PyErr) -> PyErr {
    error.restore(py);
    PyErr::fetch(py)
}

/// The exception if the interpreter is finalized while a call waits for another thread.
#[cold]
pub(crate) fn finalized() -> PyErr {
    PyRuntimeError::new_err("mmap is in use by a thread that ended with the interpreter")
}

#[cold]
pub(crate) fn closed() -> PyErr {
    PyValueError::new_err("mmap closed or invalid")
}

#[cold]
pub(crate) fn exported(text: &'static str) -> PyErr {
    PyBufferError::new_err(text)
}

/// The exception of a resize while buffers are exported.
#[cold]
pub(crate) fn buffers_exist() -> PyErr {
    exported("mmap can't resize with extant buffers exported.")
}

#[cold]
pub(crate) fn read_only() -> PyErr {
    PyTypeError::new_err("mmap can't modify a readonly memory map.")
}

#[cold]
pub(crate) fn index_out_of_range() -> PyErr {
    PyIndexError::new_err("mmap index out of range")
}

/// Like [`to_exception`], but IndexError for an offset outside the map.
#[cold]
pub(crate) fn index_or_exception(error: Error) -> PyErr {
    match error {
        Error::OutOfBounds { .. } => index_out_of_range(),
        error => to_exception(error),
    }
}

#[cold]
pub(crate) fn value_error(text: &'static str) -> PyErr {
    PyValueError::new_err(text)
}
