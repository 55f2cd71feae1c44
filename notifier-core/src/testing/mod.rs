//! For tests of applications and adapters: time that is moved by hand, repeatable randomness, providers and look-ups that do
//! as they are told, and the suite that every store has to pass.
//!
//! An application that wants to know what becomes of its notifications in a year takes a [`VirtualEngine`] with
//! [`VirtualProvider`]s: the documentation of the former is an example. [`ScriptedProvider`] and [`ManualClock`] are for tests
//! that look at a single moment.

mod clock;
mod entropy;
mod lookup;
mod provider;
pub mod store_conformance;
mod virtual_provider;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use lookup::ScriptedLookup;
pub use provider::{Answer, ScriptedProvider};
pub use virtual_provider::{Trouble, VirtualCall, VirtualProvider};

// It joins the doubles with the engine, so it stands beside the builder; here it is only named.
pub use crate::virtual_engine::{BreakerChange, VirtualEngine};
