//! The world outside the engine, on this machine: what a newcomer, a test and a benchmark talk to instead of vendors.
//!
//! ```text
//!   engine ── plugin twilio ───▶ twilio   (own port) ─┐
//!          ── plugin sendgrid ─▶ sendgrid (own port) ─┼─▶ Inbox ─▶ /sandbox, /sandbox/messages, /sandbox/events
//!          ── Directory ───────▶ users    (own port)  │
//!          ── Catalog ─────────▶ properties (own port)│
//!          ── other plugins ───▶ sns, slack, fcm, vonage, webhook, webpush (own ports) ─▶ Inbox
//!                 Faults, switched at /sandbox/faults ┘
//!   engine ◀── signed receipts over HTTP ── twilio, sendgrid, vonage      (what they say is chosen at /sandbox/receipts)
//! ```
//!
//! The fakes check what the vendors check and refuse what they refuse, in their words' shape and with their codes.
//! They listen on loopback only, and share no validation code with the engine: a fake that did could not contradict it.

mod body;
mod changes;
mod counters;
mod directory_service;
mod fault_request;
mod faults;
mod form;
mod inbox;
mod lifecycle;
mod listener;
mod live;
mod lookup;
mod message;
mod options;
mod page;
mod problem;
mod property_service;
mod receipts;
mod routes;
mod seed;
mod segments;
mod sendgrid;
mod service;
mod twilio;
mod vendor_id;
mod wire;

mod fcm;
mod jws;
mod sigv4;
mod slack;
mod sns;
mod vendor;
mod vonage;
mod webhook;
mod webpush;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use directory_service::User;
pub use faults::{ActiveFault, Fault, Faults, Refusal, UnsuitableFault};
pub use inbox::{Filter, Inbox};
pub use lifecycle::{Sandbox, SandboxError};
pub use message::{Attachment, Channel, Message};
pub use options::{Clock, Credentials, Ports, SandboxOptions};
pub use property_service::Property;
pub use receipts::{Fate, Receipts};
pub use seed::{
    CURL_EXAMPLE, PreferenceSeed, TemplateSeed, seed_preferences, seed_properties, seed_template, seed_users,
};
pub use segments::{Encoding, Segments};
pub use service::Service;
