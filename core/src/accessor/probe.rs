//! The search pattern of `find_probe` and `rfind_probe`.

/// Three bytes of a needle and their distances from its start, in ascending order.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) bytes: [u8; 3],
    pub(crate) at: [usize; 3],
}
