//! Damage in the whole process: the number of faults that were repaired, and the maps that are not
//! intact.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::{exceptions::PyNotImplementedError, prelude::*};
use safemap::{Error, Map};

use crate::{
    error::{FaultError, created, fault_without_map, to_exception},
    mmap::Mmap,
    os::CAN_REPAIR,
    weak_list::WeakList,
};

/// The maps that are repaired.
static REPAIRED: WeakList = WeakList::new();

/// Whether each new map of a file is repaired, and reports its first fault.
static REPAIRS_FILES: AtomicBool = AtomicBool::new(false);

/// Whether each new map of a file is repaired, and reports its first fault.
pub(crate) fn repairs_files() -> bool {
    REPAIRS_FILES.load(Relaxed)
}

/// Makes each new map of a file repaired, with a report of its first fault on standard error.
///
/// Raises NotImplementedError where the system has no repair.
#[pyfunction]
#[pyo3(name = "_repair_files")]
pub(crate) fn repair_files() -> PyResult<()> {
    if !CAN_REPAIR {
        return Err(PyNotImplementedError::new_err("repair is not supported on this system"));
    }
    REPAIRS_FILES.store(true, Relaxed);
    Ok(())
}

/// Returns the number of faults in the whole process that repair has handled.
///
/// Each is an access to a byte of a map with repair=True, through a buffer, that could not be read
/// or written. The number never decreases. A forked child starts with that of its parent.
#[pyfunction]
pub(crate) fn damages() -> usize {
    safemap::damages()
}

/// Returns whether zeros have replaced bytes of the map, or its file is shorter than the map.
#[pyfunction]
#[pyo3(name = "_is_suspect")]
pub(crate) fn is_suspect(map: &Bound<'_, Mmap>) -> PyResult<bool> {
    map.get().run(map.py(), |map| Ok(Defect::of(map).is_some()))
}

/// Raises FaultError, with the map as its attribute, if zeros have replaced bytes in `start..end`,
/// or if the file is shorter than the map.
#[pyfunction]
#[pyo3(name = "_check_range")]
pub(crate) fn check_range(map: &Bound<'_, Mmap>, start: usize, end: usize) -> PyResult<()> {
    map.get()
        .run(map.py(), |map| match map.damage_in(start..end) {
            Some(offset) => Err(Error::Damaged { offset }),
            None => missing(map).map_or(Ok(()), |offset| Err(Error::Fault { offset })),
        })
        .or_else(|error| Err(with_map(error, map)?))
}

/// Returns the offset at which the file ends, if the map is longer, also for a damaged map.
fn missing(map: &Map) -> Option<usize> {
    match map.verify() {
        Err(Error::Fault { offset }) => Some(offset),
        Err(Error::Damaged { .. }) => {
            // A device has no length here.
            let file_len = map.file_len().ok().filter(|&len| len > 0)?;
            let offset = usize::try_from(file_len.saturating_sub(map.offset())).ok()?;
            (offset < map.len()).then_some(offset)
        }
        _ => None,
    }
}

fn with_map(error: PyErr, map: &Bound<'_, Mmap>) -> PyResult<PyErr> {
    let py = map.py();
    let error = created(py, error);
    if error.is_instance_of::<FaultError>(py) {
        error.value(py).setattr("map", map)?;
    }
    Ok(error)
}

/// Records a map that is repaired.
pub(crate) fn register(map: &Bound<'_, Mmap>) -> PyResult<()> {
    REPAIRED.add(map)
}

/// Why a map is not intact.
enum Defect {
    /// The number and the offset of its first fault.
    Damaged(usize, usize),
    /// The offset at which its file ends.
    Short(usize),
}

impl Defect {
    /// Returns the defect of a map, or `None` if it is intact or cannot be examined.
    fn of(map: &Map) -> Option<Defect> {
        if let Some(damage) = map.first_damage() {
            return Some(Defect::Damaged(damage.number, damage.offset));
        }
        missing(map).map(Defect::Short)
    }

    /// The faults after the number `before` come first, then older ones, then the other defects.
    fn order(&self, before: usize) -> (bool, usize) {
        match *self {
            Defect::Damaged(number, _) => (false, number.wrapping_sub(before).wrapping_sub(1)),
            Defect::Short(_) => (true, 0),
        }
    }

    fn error(&self) -> Error {
        match *self {
            Defect::Damaged(_, offset) => Error::Damaged { offset },
            Defect::Short(offset) => Error::Fault { offset },
        }
    }
}

/// Raises FaultError, with the map as its attribute, if a repaired map is damaged or longer than
/// its file; without a map, if there were other faults since `damages()` returned `before`.
#[pyfunction]
#[pyo3(name = "_check_intact")]
pub(crate) fn check_intact(py: Python<'_>, before: usize) -> PyResult<()> {
    let first =
        REPAIRED.maps(py).filter_map(defect_of).min_by_key(|(_, defect)| defect.order(before));
    match first {
        Some((map, defect)) => Err(with_map(to_exception(defect.error()), &map)?),
        None if safemap::damages() != before => Err(fault_without_map()),
        None => Ok(()),
    }
}

fn defect_of(map: Bound<'_, Mmap>) -> Option<(Bound<'_, Mmap>, Defect)> {
    // Fails for a closed map.
    let defect = map.get().run_detached(map.py(), |map| Ok(Defect::of(map))).ok()??;
    Some((map, defect))
}
