//! The words and the decisions: pure, synchronous, without I/O.
//!
//! One road, and one module for each of its nouns: a [`request`] asks for a [`notification`] to a [`recipient`], whose
//! [`preference`]s may suppress it; a [`template`] gives the words, a [`schedule`] the moment, a [`route`] the provider;
//! a [`delivery`] goes through its [`lifecycle`], an [`outcome`] moves it, [`retry`] decides when to ask again, and the
//! [`timeline`] tells what happened and why.

pub mod category;
pub mod channel;
pub mod delivery;
pub mod id;
pub mod lifecycle;
pub mod limits;
pub mod message;
pub mod notification;
pub mod outcome;
pub mod preference;
pub mod recipient;
pub mod request;
pub mod retry;
pub mod route;
pub mod schedule;
pub mod subject;
pub mod template;
pub mod timeline;
