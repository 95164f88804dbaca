//! Systems: in what the package differs from one to the other. `unix/` and `windows/` have the same names:
//!
//! | name | is |
//! |---|---|
//! | the constructor (`construct.rs`) | what Python's documentation gives each of the two |
//! | `arguments` | those of an `OSError` for a number of the system's |
//! | `fault_code` | what the system said of memory that could not be accessed |
//! | `FLUSHES_WHOLE_PAGES` | whether `flush` has to begin with a page |
//! | `INVALID`, `BAD_DESCRIPTOR`, `BAD_ADDRESS` | numbers: of the system's, of `errno`, of `errno` |
//! | `MAP_SHARED` … | how a map is remembered, and the default of `flush` |

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;
