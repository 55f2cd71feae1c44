//! Vonage: SMS through what used to be Nexmo's SMS API, and the delivery receipts that say what became of them.

mod errors;
mod gsm;
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
pub struct Vonage;

impl Provider for Vonage {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "vonage".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "SMS through Vonage's SMS API".into(),
            channels: vec![Channel::Sms],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["rest.nexmo.com".into()],
            secrets: vec![
                SecretNeed {
                    name: settings::API_SECRET.into(),
                    required: true,
                    description: "The secret of the account `api_key`".into(),
                },
                SecretNeed {
                    name: settings::SIGNATURE_SECRET.into(),
                    required: false,
                    description:
                        "The account's signature secret, with SHA-256 HMAC chosen as its method: verifies delivery \
                                  receipts, which Vonage signs on request. Without it none is believed"
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
        send::send(settings, message, &context)
    }

    fn receive(settings: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        receive::receive(settings, &webhook)
    }
}

export_provider!(Vonage);
