//! SendGrid: email, and the event webhook that says what became of it.

mod look_up;
mod mail;
mod receive;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod tracking;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The provider.
#[derive(Debug)]
pub struct SendGrid;

impl Provider for SendGrid {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "sendgrid".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Email through SendGrid's v3 API".into(),
            channels: vec![Channel::Email],
            settings_schema: settings::SCHEMA.into(),
            hosts: vec!["api.sendgrid.com".into(), "api.eu.sendgrid.com".into()],
            secrets: vec![SecretNeed {
                name: settings::API_KEY.into(),
                required: true,
                description: "API key with the permission \"Mail Send\", and \"Email Activity\" for `email_activity`"
                    .into(),
            }],
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

export_provider!(SendGrid);
