//! Firebase Cloud Messaging: push notifications to apps on Android, on Apple's devices and in browsers, through the HTTP v1
//! API. FCM reports nothing later, takes no idempotency key, and cannot be asked what became of a message.

mod errors;
mod message;
mod send;
mod settings;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::{Android, AndroidPriority, Apns, Settings, Urgency, Webpush};

/// The provider.
#[derive(Debug)]
pub struct Fcm;

impl Provider for Fcm {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "fcm".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Push notifications through Firebase Cloud Messaging's HTTP v1 API".into(),
            channels: vec![Channel::Push],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["fcm.googleapis.com".into(), "oauth2.googleapis.com".into()],
            secrets: vec![SecretNeed {
                name: settings::SERVICE_ACCOUNT.into(),
                required: true,
                description: "Key file (JSON) of a service account that may send with Firebase Cloud Messaging".into(),
            }],
            receipts: vec![],
            attributes: vec![],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        send::send(settings, message, context)
    }
}

export_provider!(Fcm);
