//! Mailgun: email, the webhooks that say what became of it, and the event log that tells whether a message was taken.

mod errors;
mod look_up;
mod mail;
mod receive;
mod send;
mod settings;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The provider.
#[derive(Debug)]
pub struct Mailgun;

impl Provider for Mailgun {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "mailgun".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Email through Mailgun's v3 Messages API".into(),
            channels: vec![Channel::Email],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["api.mailgun.net".into(), "api.eu.mailgun.net".into()],
            secrets: vec![
                SecretNeed {
                    name: settings::API_KEY.into(),
                    required: true,
                    description:
                        "API key. A domain sending key is enough to send; looking up an attempt that ended without \
                                  an answer needs a key that may read events"
                            .into(),
                },
                SecretNeed {
                    name: settings::WEBHOOK_SIGNING_KEY.into(),
                    required: false,
                    description: "HTTP webhook signing key: verifies events. Without it none is believed".into(),
                },
            ],
            receipts: receive::STATUSES.to_vec(),
            attributes: vec![],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        send::send(settings, message, &context)
    }

    fn look_up(settings: &Settings, sought: Sought) -> Finding {
        look_up::look_up(settings, &sought)
    }

    fn receive(settings: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        receive::receive(settings, &webhook)
    }
}

export_provider!(Mailgun);
