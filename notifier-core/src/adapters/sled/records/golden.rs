//! The bytes of every released version, and what they have to be read as.
