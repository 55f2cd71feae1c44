//! What fits the ports to the world. Each module serves one port, or one kind of medium.

#[cfg(feature = "http")]
pub mod egress;
#[cfg(feature = "http")]
pub mod http_directory;
pub mod memory;
#[cfg(feature = "sled")]
pub mod sled;
pub mod system;
#[cfg(feature = "wasm")]
pub mod wasm;
