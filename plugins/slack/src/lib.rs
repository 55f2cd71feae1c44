//! Slack: messages through an incoming webhook, or through the Web API with a bot token. Slack reports nothing later, and
//! neither way takes an idempotency key or can be asked afterwards what became of a message.

mod errors;
mod layout;
mod message;
mod send;
mod settings;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::{Mode, Settings};

/// The provider.
#[derive(Debug)]
pub struct Slack;

impl Provider for Slack {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "slack".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Slack messages through an incoming webhook or the Web API".into(),
            channels: vec![Channel::Chat],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["slack.com".into(), "hooks.slack.com".into()],
            secrets: vec![
                SecretNeed {
                    name: settings::BOT_TOKEN.into(),
                    required: false,
                    description: "In the mode `api`: the app's bot token (xoxb-…) with the scope chat:write".into(),
                },
                SecretNeed {
                    name: settings::WEBHOOK_PATH.into(),
                    required: false,
                    description:
                        "In the mode `webhook`: what follows /services/ in the webhook's URL, as T000/B000/XXXX".into(),
                },
            ],
            receipts: vec![],
            attributes: vec![],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn send(settings: &Settings, message: Message, _: Context) -> Result<Receipt, SendError> {
        send::send(settings, message)
    }
}

export_provider!(Slack);
