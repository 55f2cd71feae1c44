//! The HTTP interface: what it refuses, and how.

mod malformed;
