//! What a plugin wants the operator to read, within a budget.

use super::keyring::Keyring;
use super::words::{tidy, without_addresses};
use crate::domain::id::ProviderName;

/// How urgent the plugin thinks it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// The log of one call.
pub(super) struct Logbook {
    provider: ProviderName,
    lines_left: u32,
    bytes_left: usize,
    dropped: u64,
}

const LINE_CHARS_MAX: usize = 1_000;

impl Logbook {
    pub(super) fn new(provider: ProviderName, lines_max: u32, bytes_max: usize) -> Self {
        Self { provider, lines_left: lines_max, bytes_left: bytes_max, dropped: 0 }
    }

    pub(super) fn write(&mut self, level: Level, message: &str, keyring: &Keyring) {
        if self.lines_left == 0 || self.bytes_left < message.len() {
            self.dropped += 1;
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= message.len();
        // Secrets go first: what is cut off or taken out may break them into parts that are not found any more.
        let line = without_addresses(&tidy(&keyring.scrub_text(message.to_owned()), LINE_CHARS_MAX));
        let provider = self.provider.as_str();
        match level {
            Level::Debug => tracing::debug!(target: "notifier::plugin", provider, "{line}"),
            Level::Info => tracing::info!(target: "notifier::plugin", provider, "{line}"),
            Level::Warn => tracing::warn!(target: "notifier::plugin", provider, "{line}"),
            Level::Error => tracing::error!(target: "notifier::plugin", provider, "{line}"),
        }
    }
}

impl Drop for Logbook {
    fn drop(&mut self) {
        if self.dropped > 0 {
            let (provider, dropped) = (self.provider.as_str(), self.dropped);
            tracing::warn!(target: "notifier::plugin", provider, dropped, "the plugin logged more than its budget");
        }
    }
}
