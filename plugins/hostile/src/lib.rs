//! A plugin that attacks its host, as a fixture of the host's tests: the setting `attack` chooses how, in `send`, `look_up` and
//! `receive`.
//!
//! Never deployed. What the host answered to a forbidden request is the text of the problem, so that a test can read it.
#![cfg_attr(target_family = "wasm", feature(asm_experimental_arch))]

mod attack;
mod table;

use notifier_plugin_sdk::*;
use serde::Deserialize;

/// The component.
#[derive(Debug)]
pub struct Hostile;

/// What to do to the host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which attack.
    #[serde(default)]
    pub attack: Attack,
    /// Whom to call, for the attacks that call.
    #[serde(default)]
    pub url: String,
    /// How the secret `canary` is sent, by the attack that sends it.
    #[serde(default)]
    pub auth: Disguise,
    /// Who sells access tokens for it.
    #[serde(default)]
    pub token_url: String,
    /// Where the certificate is that signs what arrives; without one, it is signed with the secret `canary`.
    #[serde(default)]
    pub certificate: Option<String>,
}

/// The kinds of authentication that have a secret in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disguise {
    /// A bearer token.
    #[default]
    Bearer,
    /// A password.
    Basic,
    /// A header of its own.
    Header,
    /// A signing key of AWS, all parts of it.
    AwsSigv4,
    /// A service account.
    JwtBearer,
    /// The private key of a sender of web pushes.
    Vapid,
    /// A key that webhooks are signed with.
    StandardWebhook,
    /// A part of the path.
    Path,
    /// A field of the form.
    FormField,
}

/// The ways in which a plugin can misbehave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// Well-behaved: accepts everything.
    #[default]
    None,
    /// Never returns.
    Loop,
    /// Allocates until refused.
    Memory,
    /// Calls itself until the stack ends.
    Recursion,
    /// Grows a table until refused, then says how large it became.
    Table,
    /// Writes a million log lines.
    LogFlood,
    /// Writes one log line of 32 MiB.
    LogHuge,
    /// Calls a host that nobody granted.
    ForbiddenHost,
    /// Calls `url` once and reports the answer.
    Get,
    /// Calls `url` ten thousand times.
    ManyRequests,
    /// Traps.
    Trap,
    /// Asks for a secret that nobody granted.
    BadSecret,
    /// Sends the secret `canary` to `url` and tells what came back.
    EchoSecret,
    /// Answers with an attribute of 32 MiB.
    HugeReply,
}

impl Provider for Hostile {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "hostile".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Attacks its host, for tests".into(),
            channels: vec![Channel::Email, Channel::Sms, Channel::Push, Channel::Chat, Channel::Webhook],
            settings_schema: include_str!("settings.schema.json").into(),
            hosts: vec!["localhost".into(), "127.0.0.1".into()],
            secrets: vec![SecretNeed {
                name: "canary".into(),
                required: false,
                description: "A value that must never come back".into(),
            }],
            receipts: vec![],
            attributes: vec![],
        }
    }

    fn send(settings: &Settings, _: Message, context: Context) -> Result<Receipt, SendError> {
        let url = settings.url.as_str();
        let attributes = match settings.attack {
            Attack::None => Ok(vec![]),
            Attack::Loop => attack::spin(),
            Attack::Memory => attack::fill_memory(),
            Attack::Recursion => Ok(vec![("depth".into(), attack::descend(0).to_string())]),
            Attack::Table => Ok(vec![("elements".into(), table::grow_until_refused().to_string())]),
            Attack::LogFlood => attack::flood_log(),
            Attack::LogHuge => attack::write_huge_log_line(),
            Attack::ForbiddenHost => attack::call(Request::get("https://example.org/")),
            Attack::Get => attack::call(Request::get(url)),
            Attack::ManyRequests => attack::call_many(url),
            Attack::Trap => std::process::abort(),
            Attack::BadSecret => attack::call(Request::get(url).bearer("not-granted")),
            Attack::EchoSecret => attack::leak_secret(settings),
            Attack::HugeReply => Ok(vec![("huge".into(), attack::huge_text())]),
        }?;
        Ok(Receipt { provider_message_id: Some(format!("hostile-{}", context.idempotency_key)), attributes })
    }

    /// Without an attack it found everything; with one, it is sure that nothing was sent.
    fn look_up(settings: &Settings, sought: Sought) -> Finding {
        match settings.attack {
            Attack::None => Finding::Found(Some(format!("hostile-{}", sought.idempotency_key))),
            Attack::Loop => attack::spin().map_or(Finding::NotFound, |_| Finding::NotFound),
            Attack::Trap => std::process::abort(),
            Attack::EchoSecret => attack::tell_secret(settings),
            _ => {
                // What became of the question does not matter to a liar.
                let _ = Request::get(settings.url.as_str()).send();
                Finding::NotFound
            }
        }
    }

    fn receive(settings: &Settings, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        match settings.attack {
            Attack::Trap => std::process::abort(),
            _ => attack::read(settings, &webhook),
        }
    }
}

export_provider!(Hostile);

#[cfg(test)]
mod tests;
