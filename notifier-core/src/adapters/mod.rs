//! What fulfils the ports: one folder for each thing of the outside world.

pub mod memory;
#[cfg(feature = "sled")]
pub mod sled;
