//! Tests of the channel's protocols on simulated memory.

mod crashes;
mod hostile;
mod peers;
mod queries;
mod world;
