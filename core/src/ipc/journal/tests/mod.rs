//! Tests of the protocols of journals on a simulated machine.

mod crashes;
mod hostile;
mod machine;
mod power;
mod readers;
mod world;

use crate::ipc::simulated::IS_THOROUGH;
