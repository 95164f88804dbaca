//! The class `Map`: a `mmap` that is opened by path, grows as a file does, and is a file object.

mod attributes;
mod find_iter;
mod growth;
mod helpers;
mod open;
mod pickle;
mod search;
mod settings;
mod size;
mod stream;
mod transaction;
mod windows;

use pyo3::prelude::*;

use crate::{ipc::timeout::Timeout, mmap::Mmap};

pub(crate) use find_iter::FindIterator;

pub(crate) use settings::Mode;
pub(crate) use stream::{FindForward, Forward, SeekStream};
pub(crate) use transaction::{Reading, Transaction, checkpoint_all, close_in_child};

/// A map of a file, opened by path. `safemap.open()` describes the arguments.
///
/// A subclass of `mmap`. In addition it is a file object that the `io` module accepts, can be
/// pickled if it was opened by path, and grows when it is written past its end, unless it was
/// opened with a size.
#[pyclass(
    frozen, subclass, immutable_type, mapping, extends = Mmap, name = "Map", module = "safemap"
)]
pub(crate) struct FileMap {
    /// The path that was opened, or the number of the descriptor.
    name: Py<PyAny>,
    mode: Mode,
    /// Whether the map was opened with a size.
    has_fixed_size: bool,
    is_locked: bool,
    /// How long a transactional map waits for a writer; `None` for ever.
    timeout: Option<Timeout>,
    /// The file of a map that was opened by path.
    file: Option<FileIdentity>,
}

/// A path, and the file that it named when it was opened.
struct FileIdentity {
    path: Py<PyAny>,
    device: u64,
    inode: u64,
}

/// The part of the object that the base class has.
pub(crate) fn base<'a>(object: &'a Bound<'_, FileMap>) -> &'a Mmap {
    object.as_super().get()
}
