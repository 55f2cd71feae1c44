//! Tells people things, once, on time, in the way they asked for, and can prove what it did.

pub mod adapters;
pub mod domain;
pub mod ports;
