//! The one way out: HTTP requests on behalf of plugins and configuration, to granted hosts only.
//!
//! A URL is read strictly (`target`), its host compared with the grants (`policy`), its name resolved, every address
//! judged (`address`), and a judged address is the one that is dialled (`dial`): between check and use there is nothing
//! left to change. Redirects are handed back, not followed; proxies in the environment are not used.

mod address;
mod client;
mod dial;
mod error;
mod policy;
mod target;

#[cfg(test)]
pub(in crate::adapters) mod tests;

pub use client::{EgressClient, EgressLimits};
pub use dial::{Resolver, SystemResolver};
pub use error::EgressError;
pub use policy::{EgressPolicy, InvalidHostGrant};
