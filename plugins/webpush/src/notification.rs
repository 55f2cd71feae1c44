//! What a service worker is handed.

use std::collections::BTreeMap;

use notifier_plugin_sdk::web_push::PLAINTEXT_BYTES_MAX;
use notifier_plugin_sdk::{Push, SendError};
use serde::Serialize;

#[derive(Serialize)]
struct Notification<'a> {
    title: &'a str,
    body: &'a str,
    /// Notifications with the same tag replace each other.
    tag: &'a str,
    data: BTreeMap<&'a str, &'a str>,
}

/// The text that is encrypted.
pub(crate) fn plaintext(push: &Push, idempotency_key: &str) -> Result<Vec<u8>, SendError> {
    let notification = Notification {
        title: &push.title,
        body: &push.body,
        tag: idempotency_key,
        data: push.data.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
    };
    let text = serde_json::to_vec(&notification)
        .map_err(|error| SendError::message(None, format!("the message cannot be written as JSON: {error}")))?;
    if text.len() > PLAINTEXT_BYTES_MAX {
        let problem = format!(
            "title, body and data have {} bytes as JSON, push services take {PLAINTEXT_BYTES_MAX}: shorten them",
            text.len()
        );
        return Err(SendError::message(None, problem));
    }
    Ok(text)
}
