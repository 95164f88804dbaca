//! Windows: file descriptors are numbers of the C library, each of which stands for a handle.

mod audit;
mod descriptor;
mod status;

pub(crate) use audit::audit;
pub(crate) use descriptor::borrow;
pub(crate) use status::error_of_status;
