//! The results of accessors.

/// How far an accessor came.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Bytes or positions; each accessor defines which.
    pub(crate) done: usize,
    /// The fault address, 0 if there was no fault.
    pub(crate) fault: usize,
}

/// The result of a load.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) value: u64,
    /// The fault address, 0 if there was no fault.
    pub(crate) fault: usize,
}
