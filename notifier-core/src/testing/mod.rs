//! What adapters and applications are tested with: one conformance suite per port.

pub mod store_conformance;
