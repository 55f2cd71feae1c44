//! The world behind the ports: each module fulfils one of them with a real system.

#[cfg(feature = "http")]
pub mod egress;
#[cfg(feature = "wasm")]
pub mod wasm;
