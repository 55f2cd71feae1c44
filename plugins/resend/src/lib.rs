//! Resend: email, and the webhooks that say what became of it.

mod errors;
mod mail;
mod receive;
mod send;
mod settings;
mod signature;
mod tags;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The provider.
#[derive(Debug)]
pub struct Resend;

impl Provider for Resend {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "resend".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Email through Resend".into(),
            channels: vec![Channel::Email],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["api.resend.com".into()],
            secrets: vec![
                SecretNeed {
                    name: settings::API_KEY.into(),
                    required: true,
                    description: "API key with the permission \"Sending access\"".into(),
                },
                SecretNeed {
                    name: settings::WEBHOOK_SECRET.into(),
                    required: false,
                    description: "Signing secret of the webhook, `whsec_…`: without it no event is believed".into(),
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

    fn receive(settings: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        receive::receive(settings, &webhook)
    }
}

export_provider!(Resend);
