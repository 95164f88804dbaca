//! Lists of maps that do not keep them alive.

use pyo3::{
    prelude::*,
    types::{PyWeakrefMethods, PyWeakrefReference},
};

use crate::{ffi::Lock, mmap::Mmap};

/// Weak references to maps. Those of maps that are gone are removed when the list has doubled.
pub(crate) struct WeakList(Lock<List>);

struct List {
    maps: Vec<Py<PyWeakrefReference>>,
    limit: usize,
}

impl WeakList {
    pub(crate) const fn new() -> WeakList {
        WeakList(Lock::new(List { maps: Vec::new(), limit: 64 }))
    }

    pub(crate) fn add(&self, map: &Bound<'_, Mmap>) -> PyResult<()> {
        let py = map.py();
        let mut reference = Some(PyWeakrefReference::new(map.as_any())?.unbind());
        let is_full = self.0.with(py, |list| {
            list.maps.extend(reference.take());
            list.maps.len() >= list.limit
        });
        if is_full == Some(true) {
            self.remove_those_that_are_gone(py);
        }
        Ok(())
    }

    /// Returns the maps that exist.
    pub(crate) fn maps<'py>(
        &self,
        py: Python<'py>,
    ) -> impl Iterator<Item = Bound<'py, Mmap>> + use<'py> {
        let maps = self.references(py).into_iter();
        maps.filter_map(move |map| map.bind(py).upgrade()?.cast_into().ok())
    }

    /// Python code may run where a reference is dropped, so the list is not locked then.
    fn remove_those_that_are_gone(&self, py: Python<'_>) {
        let (gone, left): (Vec<_>, Vec<_>) =
            self.references(py).into_iter().partition(|map| map.bind(py).upgrade().is_none());
        self.0.with(py, |list| {
            list.maps.retain(|map| !gone.iter().any(|gone| gone.is(map)));
            list.limit = 2 * left.len().max(32);
        });
    }

    fn references(&self, py: Python<'_>) -> Vec<Py<PyWeakrefReference>> {
        let copied = |list: &mut List| list.maps.iter().map(|map| map.clone_ref(py)).collect();
        self.0.with(py, copied).unwrap_or_default()
    }
}
