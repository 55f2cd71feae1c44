//! Amazon SNS: text messages to phone numbers.

mod answer;
mod endpoint;
mod errors;
mod publish;
mod sender;
mod settings;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The provider. It has no receipts: SNS writes what became of a text message to CloudWatch Logs, and posts it nowhere
/// (<https://docs.aws.amazon.com/sns/latest/dg/sms_stats_cloudwatch.html>).
#[derive(Debug)]
pub struct Sns;

impl Provider for Sns {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "sns".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "SMS through Amazon SNS".into(),
            channels: vec![Channel::Sms],
            settings_schema: settings::SCHEMA.into(),
            hosts: endpoint::hosts(),
            secrets: vec![
                secret("access_key_id", true, "Id of an access key that may `sns:Publish`"),
                secret("secret_access_key", true, "Secret of that access key"),
                secret(
                    "session_token",
                    false,
                    "Token of temporary credentials, when the setting `session_token` is on",
                ),
            ],
            receipts: vec![],
            attributes: vec![],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        publish::send(settings, message, &context)
    }
}

fn secret(name: &str, required: bool, description: &str) -> SecretNeed {
    SecretNeed { name: name.into(), required, description: description.into() }
}

export_provider!(Sns);
