//! The one door to the host. In a component the host's imports stand behind it, elsewhere the script of a test.

use crate::bindings::notifier::provider::http;
use crate::contract::{Algorithm, HttpError, Key, Response, VerifyError};

#[cfg(target_family = "wasm")]
mod imports {
    pub(super) use crate::bindings::notifier::provider::clock::now_ms;
    pub(super) use crate::bindings::notifier::provider::http::send;
    pub(super) use crate::bindings::notifier::provider::log::write;
    pub(super) use crate::bindings::notifier::provider::settings::read;
    pub(super) use crate::bindings::notifier::provider::verify::{matches, verify};
    pub(super) use crate::bindings::notifier::provider::web_push::encrypt;
}

#[cfg(not(target_family = "wasm"))]
use crate::testing::imports;

pub(crate) fn settings_json() -> String {
    imports::read()
}

pub(crate) fn send(request: &http::Request) -> Result<Response, HttpError> {
    imports::send(request)
}

pub(crate) fn verify(algorithm: Algorithm, key: &Key, payload: &[u8], signature: &[u8]) -> Result<bool, VerifyError> {
    imports::verify(algorithm, key, payload, signature)
}

pub(crate) fn matches(secret: &str, value: &[u8]) -> Result<bool, VerifyError> {
    imports::matches(secret, value)
}

pub(crate) fn encrypt(p256dh: &[u8], auth: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, String> {
    imports::encrypt(p256dh, auth, plaintext)
}

/// The host's time.
pub mod clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms() -> u64 {
        super::imports::now_ms()
    }
}

/// A few lines for the operator. The host counts them and drops what exceeds the budget of the call.
pub mod log {
    use crate::bindings::notifier::provider::log::Level;

    /// For whoever debugs the plugin.
    pub fn debug(message: &str) {
        super::imports::write(Level::Debug, message);
    }

    /// Worth knowing, nothing to do.
    pub fn info(message: &str) {
        super::imports::write(Level::Info, message);
    }

    /// Odd, and handled.
    pub fn warn(message: &str) {
        super::imports::write(Level::Warn, message);
    }

    /// An operator should act.
    pub fn error(message: &str) {
        super::imports::write(Level::Error, message);
    }
}
