//! Attacks on the egress policy, and what failures look like.
