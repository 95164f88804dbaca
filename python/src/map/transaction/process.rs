//! Transactional maps at the interpreter's end, and in forked children.

use pyo3::{intern, prelude::*, sync::PyOnceLock, types::PyDict};
use safemap::Map;

use crate::{mmap::Mmap, weak_list::WeakList};

/// The transactional maps of the process.
static MAPS: WeakList = WeakList::new();

static HOOKS: PyOnceLock<()> = PyOnceLock::new();

/// Records a map, and lets the interpreter call the functions below.
pub(super) fn register(map: &Bound<'_, Mmap>) -> PyResult<()> {
    let py = map.py();
    HOOKS.get_or_try_init(py, || install_hooks(py))?;
    MAPS.add(map)
}

fn install_hooks(py: Python<'_>) -> PyResult<()> {
    let module = py.import("safemap._safemap")?;
    let checkpoint = module.getattr(intern!(py, "_checkpoint_all"))?;
    py.import("atexit")?.call_method1("register", (checkpoint,))?;
    let hook = PyDict::new(py);
    hook.set_item("after_in_child", module.getattr(intern!(py, "_close_in_child"))?)?;
    // Windows has neither fork nor transactional maps.
    py.import("os")?.call_method("register_at_fork", (), Some(&hook)).map(drop)
}

/// Empties the journals of all maps that are open for writing. Called at the interpreter's end:
/// objects that exist then may never be finalized.
#[pyfunction]
#[pyo3(name = "_checkpoint_all")]
pub(crate) fn checkpoint_all(py: Python<'_>) {
    for map in MAPS.maps(py).filter(|map| map.get().commits()) {
        // No commit is lost: the next opening of the file does the rest.
        let _ = map.get().run_detached(py, Map::checkpoint);
    }
}

/// Closes all transactional maps in a forked child: they belong to the parent.
#[pyfunction]
#[pyo3(name = "_close_in_child")]
pub(crate) fn close_in_child(py: Python<'_>) {
    for map in MAPS.maps(py) {
        let _ = map.get().map.detach(py);
    }
}
