//! Acme: SMS, and receipts of what became of them.

mod receive;
mod send;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;
use serde::Deserialize;

/// The provider.
#[derive(Debug)]
pub struct Acme;

/// The operator's settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Root of the API. Plain HTTP for loopback only.
    pub base_url: String,
    /// Sender of messages that name none.
    pub from: Option<String>,
}

impl Provider for Acme {
    type Settings = Settings;

    fn describe() -> Description {
        let secret = |name: &str, required, description: &str| SecretNeed {
            name: name.into(),
            required,
            description: description.into(),
        };
        Description {
            name: "acme".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "SMS through Acme".into(),
            channels: vec![Channel::Sms],
            settings_schema: include_str!("settings.schema.json").into(),
            hosts: vec!["api.acme.example".into()],
            secrets: vec![
                secret("token", true, "API token"),
                secret("webhook_secret", false, "Signs receipts: without it, none is believed"),
            ],
            receipts: receive::STATUSES.to_vec(),
            attributes: vec![],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: &str, problem: String| {
            problems.push(SettingProblem { setting: setting.into(), problem });
        };
        if let Err(problem) = check_base_url(&settings.base_url) {
            report("base_url", problem);
        }
        if settings.from.as_deref() == Some("") {
            report("from", "is empty: leave it out, or name a sender".into());
        }
        problems
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        send::send(settings, message, context)
    }

    fn receive(_: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        receive::receive(&webhook)
    }
}

export_provider!(Acme);
