//! Twilio: SMS and MMS, and the status callbacks that say what became of them.
//!
//! There is no look-up of an attempt whose answer was lost. A message carries nothing of ours that Twilio gives back: its
//! resource has neither the status callback nor any field that the sender may fill, and the list of messages can be filtered by
//! number, sender and day only (<https://www.twilio.com/docs/messaging/api/message-resource>). Two notifications may go to one
//! number within a second, so a message that is found there may be the other one; and Twilio does not say how soon a message is
//! listed, so that one which is missing may have been taken. The callback of a message that was taken after all arrives
//! nevertheless, and settles it.

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
            // The second is of the region Ireland, the only other one that has SMS
            // (<https://www.twilio.com/docs/global-infrastructure/messaging-api-with-twilio-regions>).
            hosts: vec!["api.twilio.com".into(), "api.dublin.ie1.twilio.com".into()],
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
