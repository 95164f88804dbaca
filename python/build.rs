//! Sets the configuration flags for the version of Python: `Py_3_12`, `Py_GIL_DISABLED`.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
