//! Amazon SES: email through the API v2, and the events that say what became of it, posted by Amazon SNS.

mod address;
mod endpoint;
mod errors;
mod events;
mod headers;
mod mail;
mod mime;
mod receive;
mod send;
mod settings;
mod tags;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The provider.
#[derive(Debug)]
pub struct Ses;

impl Provider for Ses {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "ses".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Email through Amazon SES's API v2".into(),
            channels: vec![Channel::Email],
            settings_schema: settings::SCHEMA.into(),
            hosts: endpoint::hosts(),
            secrets: vec![
                secret("access_key_id", true, "Id of an access key that may `ses:SendEmail` and `ses:SendRawEmail`"),
                secret("secret_access_key", true, "Secret of that access key"),
                secret(
                    "session_token",
                    false,
                    "Token of temporary credentials, when the setting `session_token` is on",
                ),
            ],
            receipts: events::STATUSES.to_vec(),
            attributes: vec![],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        send::send(settings, message, context)
    }

    fn receive(settings: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        receive::receive(settings, &webhook)
    }
}

fn secret(name: &str, required: bool, description: &str) -> SecretNeed {
    SecretNeed { name: name.into(), required, description: description.into() }
}

export_provider!(Ses);
