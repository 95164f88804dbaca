//! Unix: file descriptors are numbers of the operating system.

mod audit;
mod descriptor;

pub(crate) use audit::audit;
pub(crate) use descriptor::borrow;
