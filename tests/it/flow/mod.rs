//! The flow on a clock that stands still: every promise about when, whether and why.

mod binding;
mod delivery;
mod ending;
mod faults;
mod intake;
mod world;
