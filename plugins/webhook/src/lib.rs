//! Events for an application's own endpoint, as Standard Webhooks 1.0.0 describes them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! One instance of this provider signs with one key, and the specification wants a key for each endpoint: configure
//! an instance for each customer, and lead to it by routes.
//!
//! **Each endpoint answers for itself.** No answer is a rejection by the provider, and the description says that each
//! call goes to a recipient's own server: one that is down or asks for rest keeps no events from another. The delivery
//! that was told to wait does so all the same.
//!
//! **Every failure is tried again**, as the specification wants it, for as long as the category's attempts last: 401, 403, 404
//! and 409 too. But 400, 413 and 422 refuse the event itself, 410 wants no more of them, and a redirect wants another URL: these
//! end the delivery. Of a connection that breaks off, and of a gateway's 502 or 504, nobody knows whether the event arrived. The
//! receiver drops what it has already by `webhook-id`, so the category's policy for that may be to send again.

mod answer;
mod body;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod timestamp;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The provider.
#[derive(Debug)]
pub struct StandardWebhooks;

impl Provider for StandardWebhooks {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "webhook".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Events for an application's endpoint, signed as Standard Webhooks 1.0.0 says".into(),
            channels: vec![Channel::Webhook],
            settings_schema: settings::SCHEMA.into(),
            // Whose endpoints are called only the operator knows.
            hosts: vec![],
            secrets: vec![
                SecretNeed {
                    name: settings::SIGNING_SECRET.into(),
                    required: true,
                    description:
                        "The key of the signatures: `whsec_…` (HMAC-SHA256, shared with the receiver) or `whsk_…` \
                                  (Ed25519, the receiver has `whpk_…`)"
                            .into(),
                },
                SecretNeed {
                    name: settings::SIGNING_SECRET_PREVIOUS.into(),
                    required: false,
                    description:
                        "The key before it, while receivers change over: used when `sign_with_previous` is set".into(),
                },
            ],
            receipts: vec![],
            attributes: vec![("calls".into(), "recipient".into())],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        send::send(settings, message, &context)
    }
}

export_provider!(StandardWebhooks);
