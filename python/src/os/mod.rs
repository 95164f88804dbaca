//! What differs between operating systems. `unix/` and `windows/` define the same names:
//!
//! | name | meaning |
//! |---|---|
//! | the constructor (`construct.rs`) | documented per system in Python's documentation |
//! | `borrow_file` | the file of a descriptor that must be one |
//! | `fileno` | the descriptor of a map |
//! | `arguments` | the arguments of an `OSError` for an error code of the system |
//! | `fault_code` | the error code for memory that could not be accessed |
//! | `CAN_REPAIR` | whether the system has repair |
//! | `FLUSH_NEEDS_PAGE_ALIGNMENT` | whether the offset of `flush` must be page-aligned |
//! | `INVALID` | the system's error code for an invalid argument |
//! | `BAD_DESCRIPTOR`, `BAD_ADDRESS` | values of `errno` |
//! | `IO_ERROR` | the code for a device that has failed |
//! | `NO_SUCH_DEVICE` | the code for a file system that does not map files |
//! | `MAP_SHARED` … | how the kind of a map is stored, and the default of `flush` |

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;
