//! What the flow needs of the world: traits and their errors, nothing else.

pub mod catalog;
pub mod clock;
pub mod directory;
pub mod entropy;
pub mod provider;
pub mod secrets;
pub mod store;
