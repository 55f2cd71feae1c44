//! The words and the decisions: pure, synchronous, without I/O.
//!
//! One road, and one module for each of its nouns: a [`request`] asks for a [`notification`] to a [`recipient`], whose
//! [`preference`]s or a [`suppression`] may stop it; its [`category`] says in which [`lane`] and by which [`strategy`] it goes;
//! a [`template`] gives the words, a [`schedule`] the moment, a [`route`] the provider, going by its [`health`], a [`wish`] of its vendor and the [`calls`] so far; a [`delivery`]
//! goes through its [`lifecycle`], an [`outcome`] or a [`receipt`] moves it, [`retry`] decides when to ask again, a [`revision`]
//! is what a person changes, and the [`timeline`] tells what happened and why.

pub mod calls;
pub mod category;
pub mod channel;
pub mod delivery;
pub mod health;
pub mod id;
pub mod lane;
pub mod lifecycle;
pub mod limits;
pub mod message;
pub mod notification;
pub mod outcome;
pub mod preference;
pub mod receipt;
pub mod recipient;
pub mod request;
pub mod retry;
pub mod revision;
pub mod route;
pub mod schedule;
pub mod strategy;
pub mod subject;
pub mod suppression;
pub mod template;
pub mod timeline;
pub mod wish;
