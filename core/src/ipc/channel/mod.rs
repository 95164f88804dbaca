//! Channels: messages between processes through a ring in a file.

mod frames;
mod handle;
mod inherited;
mod layout;
mod options;
mod peers;
mod receiver;
mod ring_file;
mod seat;
mod sender;
mod shared;
mod side;
#[cfg(test)]
mod tests;

pub use handle::{Channel, Peers};
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use inherited::leave_channels;
pub use options::ChannelOptions;
pub use receiver::{Message, Receiver};
pub use sender::{Claim, Sender};
