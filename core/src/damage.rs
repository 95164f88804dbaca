//! `Damage`: what a hook receives when a map becomes damaged.

/// The first byte of a map that external code could not access, and read as zero instead.
///
/// [`Options::on_damage`](crate::Options::on_damage) has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Damage {
    /// Address of the map's first byte, as of [`Map::as_ptr`](crate::Map::as_ptr).
    pub map: usize,
    /// Offset in the map of the byte that external code tried to access.
    pub offset: usize,
    /// The number of the fault: what [`damages`](crate::damages) returned after it.
    pub number: usize,
}
