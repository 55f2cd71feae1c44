//! Twilio: SMS and MMS, and the status callbacks that say what became of them.

mod errors;
mod receive;
mod send;
mod settings;
mod signature;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The provider.
#[derive(Debug)]
pub struct Twilio;

impl Provider for Twilio {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "twilio".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "SMS and MMS through Twilio's Messages API".into(),
            channels: vec![Channel::Sms],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["api.twilio.com".into()],
            secrets: vec![
                SecretNeed {
                    name: settings::AUTH_TOKEN.into(),
                    required: true,
                    description:
                        "The account's auth token: signs requests without an API key, and verifies status callbacks"
                            .into(),
                },
                SecretNeed {
                    name: settings::API_KEY_SECRET.into(),
                    required: false,
                    description: "Secret of the API key `api_key_sid`, when that is set".into(),
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

    fn receive(_: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        receive::receive(&webhook)
    }
}

export_provider!(Twilio);
