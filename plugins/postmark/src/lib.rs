//! Postmark: email, the webhooks that say what became of it, and the search that says whether it was taken.

mod errors;
mod look_up;
mod mail;
mod receive;
mod send;
mod settings;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::{Settings, TrackLinks};

/// The provider.
#[derive(Debug)]
pub struct Postmark;

impl Provider for Postmark {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "postmark".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Email through Postmark".into(),
            channels: vec![Channel::Email],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["api.postmarkapp.com".into()],
            secrets: vec![
                SecretNeed {
                    name: settings::SERVER_TOKEN.into(),
                    required: true,
                    description: "API token of the server. With POSTMARK_API_TEST messages are checked and not sent"
                        .into(),
                },
                SecretNeed {
                    name: settings::WEBHOOK_PASSWORD.into(),
                    required: false,
                    description:
                        "What Postmark sends along with its webhooks: the password of their basic authentication, \
                                  or the value of the header `webhook_header`. Without it no event is believed"
                            .into(),
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
        send::send(settings, message, context)
    }

    fn look_up(settings: &Settings, sought: Sought) -> Finding {
        look_up::look_up(settings, &sought)
    }

    fn receive(settings: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        receive::receive(settings, &webhook)
    }
}

export_provider!(Postmark);
