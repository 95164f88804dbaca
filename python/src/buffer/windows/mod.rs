//! Windows: descriptors are the C library's, and stand for handles.

mod audit;
mod descriptor;
mod status;

pub(crate) use audit::audit;
pub(crate) use descriptor::borrow;
pub(crate) use status::error_of_status;
