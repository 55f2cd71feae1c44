//! For tests of applications and adapters: time that is moved by hand, repeatable randomness, a provider and look-ups
//! that do as they are told, and the suite that every store has to pass.

mod clock;
mod entropy;
mod lookup;
mod provider;
pub mod store_conformance;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use lookup::ScriptedLookup;
pub use provider::{Answer, ScriptedProvider};
