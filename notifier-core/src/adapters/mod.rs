//! What fits the ports to the world. Each module serves one port, or one kind of medium.

#[cfg(feature = "http")]
pub(crate) mod egress;
#[cfg(feature = "http")]
pub(crate) mod http_directory;
pub(crate) mod memory;
#[cfg(feature = "sled")]
pub(crate) mod sled;
#[cfg(feature = "smtp")]
pub(crate) mod smtp;
pub(crate) mod system;
#[cfg(any(feature = "http", feature = "smtp"))]
mod tls;
#[cfg(feature = "wasm")]
pub(crate) mod wasm;
