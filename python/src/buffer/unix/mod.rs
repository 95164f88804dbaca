//! Unix: descriptors are the system's own numbers.

mod audit;
mod descriptor;

pub(crate) use audit::audit;
pub(crate) use descriptor::borrow;
