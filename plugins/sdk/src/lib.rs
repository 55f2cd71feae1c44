//! What a notifier provider plugin is written with.
//!
//! A plugin is a type that implements [`Provider`] and one line, [`export_provider!`]. Everything that it may ask of the
//! world goes through this crate: [`Request`] for the vendor's API, [`webhook`] for the vendor's receipts, [`ErrorTable`]
//! for the vendor's error codes, [`log`] and [`clock`]. Secrets are named, never held: the host fills them in.
//!
//! The same plugin code compiles to a WebAssembly component, where the host answers, and to the machine of its author,
//! where the scripted host of [`testing`] answers: a plugin's tests are ordinary `cargo test` tests.
//!
//! ```
//! use notifier_plugin_sdk::*;
//!
//! /// Hands text messages to a gateway that takes `{"to", "text"}`.
//! struct Gateway;
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     url: String,
//! }
//!
//! impl Provider for Gateway {
//!     type Settings = Settings;
//!
//!     fn describe() -> Description {
//!         Description {
//!             name: "gateway".into(),
//!             version: "1.0.0".into(),
//!             summary: "Text messages over a gateway".into(),
//!             channels: vec![Channel::Sms],
//!             settings_schema: r#"{"type":"object","properties":{"url":{"type":"string"}},"required":["url"]}"#.into(),
//!             hosts: vec!["gateway.example".into()],
//!             secrets: vec![SecretNeed { name: "token".into(), required: true, description: "API token".into() }],
//!             receipts: vec![],
//!             attributes: vec![],
//!         }
//!     }
//!
//!     fn send(settings: &Settings, message: Message, _: Context) -> Result<Receipt, SendError> {
//!         let Content::Sms(sms) = message.content else { return Err(SendError::wrong_channel("sms")) };
//!         let body = serde_json::json!({"to": sms.recipient, "text": sms.text});
//!         let response = Request::post(&settings.url).bearer("token").json(&body).send()?;
//!         if !response.is_success() {
//!             return Err(ErrorTable::NONE.classify(&response, Problem::of_response(&response)));
//!         }
//!         Ok(Receipt { provider_message_id: None, attributes: vec![] })
//!     }
//! }
//!
//! export_provider!(Gateway);
//! ```

#[cfg(all(feature = "allocator", target_family = "wasm", not(target_feature = "atomics")))]
mod allocator;
#[doc(hidden)]
pub mod bindings;
mod contract;
pub mod endpoint;
mod error_table;
mod failure;
mod form;
mod host;
pub mod json;
pub mod mail_header;
mod mailbox;
mod multipart;
mod provider;
mod request;
mod response;
mod retry_after;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod text;
pub mod time;
pub mod web_push;
pub mod webhook;

pub use contract::*;
pub use error_table::{Class, ErrorTable};
pub use form::Form;
pub use host::{clock, log};
pub use multipart::Multipart;
pub use provider::Provider;
pub use request::{Request, check_base_url};

/// What [`export_provider!`] refers to. Not for plugins.
#[doc(hidden)]
pub mod export {
    pub use crate::bindings;
    pub use crate::provider::Exported;
}
