//! The flow on a clock that stands still: every promise about when, whether and why.

mod ahead;
mod binding;
mod breaker;
mod bulk;
mod clock;
mod comeback;
mod dead_letters;
mod delivery;
mod ending;
mod explain;
mod failover;
mod faults;
mod held_up;
mod intake;
mod limits;
mod look_up;
mod pace;
mod places;
mod policies;
mod provider_state;
mod receipts;
mod revisions;
mod strategies;
mod unwanted;
mod vendor;
mod world;
