//! The world outside the engine, on this machine: what a newcomer, a test and a benchmark talk to instead of vendors.
//!
//! ```text
//!   engine ── plugins ───▶ twilio, vonage, sns, sendgrid, ses, resend, mailgun,     ─┐
//!                          postmark, slack, fcm, webpush, webhook (each its port)    ├─▶ Inbox ─▶ /sandbox, /sandbox/messages,
//!          ── Directory ─▶ users      (own port)                                     │             /sandbox/events
//!          ── Catalog ───▶ properties (own port)                                     │
//!                                    Faults, switched at /sandbox/faults ────────────┘
//!   engine ◀── receipts over HTTP, as the vendors sign them       (what they say is chosen at /sandbox/receipts)
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
mod fcm;
mod file_type;
mod form;
mod hex;
mod inbox;
mod jws;
mod lifecycle;
mod listener;
mod live;
mod lookup;
mod mailbox;
mod mailgun;
mod message;
mod options;
mod page;
mod postmark;
mod problem;
mod property_service;
mod receipts;
mod resend;
mod routes;
mod seed;
mod segments;
mod sendgrid;
mod service;
mod ses;
mod sigv4;
mod slack;
mod sns;
mod twilio;
mod vendor;
mod vendor_id;
mod vonage;
mod webhook;
mod webpush;
mod wire;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use directory_service::User;
pub use faults::{ActiveFault, Fault, Faults, Refusal, UnsuitableFault};
pub use inbox::{Filter, Inbox};
pub use lifecycle::{Sandbox, SandboxError};
pub use message::{Attachment, Channel, Message};
pub use options::{Clock, Credentials, Ports, PostmarkWebhook, SandboxOptions};
pub use property_service::Property;
pub use receipts::{Fate, Receipts};
pub use seed::{
    CURL_EXAMPLE, PreferenceSeed, TemplateSeed, seed_preferences, seed_properties, seed_template, seed_users,
};
pub use segments::{Encoding, Segments};
pub use service::Service;
