//! Every built-in plugin as a provider of the sandbox: its settings lead to the fake of its vendor, its secrets are the
//! sandbox's public credentials.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use notifier_core::{Channel, ProviderPolicy};
use serde_json::{Value, json};

use crate::config::{Component, ProviderSettings, SecretSource};
use crate::sandbox::{PostmarkWebhook, Sandbox, Service};

/// A provider of the sandbox.
struct Vendor {
    /// As routes name it.
    provider: &'static str,
    plugin: &'static str,
    channel: Channel,
    /// The fake that it calls.
    service: Service,
}

const fn vendor(provider: &'static str, plugin: &'static str, channel: Channel, service: Service) -> Vendor {
    Vendor { provider, plugin, channel, service }
}

/// The first of each channel is its default route.
const VENDORS: [Vendor; 13] = [
    vendor("sendgrid", "sendgrid", Channel::Email, Service::SendGrid),
    vendor("ses", "ses", Channel::Email, Service::Ses),
    vendor("resend", "resend", Channel::Email, Service::Resend),
    vendor("mailgun", "mailgun", Channel::Email, Service::Mailgun),
    vendor("postmark", "postmark", Channel::Email, Service::Postmark),
    vendor("twilio", "twilio", Channel::Sms, Service::Twilio),
    vendor("vonage", "vonage", Channel::Sms, Service::Vonage),
    vendor("sns", "sns", Channel::Sms, Service::Sns),
    vendor("fcm", "fcm", Channel::Push, Service::Fcm),
    vendor("webpush", "webpush", Channel::Push, Service::WebPush),
    vendor("slack", "slack", Channel::Chat, Service::Slack),
    vendor("slack-webhook", "slack", Channel::Chat, Service::Slack),
    vendor("webhook", "webhook", Channel::Webhook, Service::Webhook),
];

/// Who posts all events to one address; the others are told where with each message, or report nothing.
const POSTING: [(Service, &str); 4] = [
    (Service::SendGrid, "sendgrid"),
    (Service::Resend, "resend"),
    (Service::Mailgun, "mailgun"),
    (Service::Postmark, "postmark"),
];

/// A provider for each built-in plugin, as `notifier sandbox` has them: they call that sandbox's fakes, with its
/// credentials.
#[must_use]
pub fn sandbox_providers(sandbox: &Sandbox) -> BTreeMap<String, ProviderSettings> {
    let provider = |vendor: &Vendor| {
        let secrets = secrets(vendor, sandbox).into_iter();
        let settings = ProviderSettings {
            component: Component::BuiltIn(vendor.plugin.to_owned()),
            settings: settings(vendor, sandbox),
            secrets: secrets.map(|(name, value)| (name.to_owned(), SecretSource::Value(value.into()))).collect(),
            hosts: vec![sandbox.url(vendor.service).trim_start_matches("http://").to_owned()],
            allow_private_network: false,
            policy: ProviderPolicy::default(),
        };
        (vendor.provider.to_owned(), settings)
    };
    VENDORS.iter().map(provider).collect()
}

/// Whether the sandbox has a provider of that name.
pub(super) fn is_provider(name: &str) -> bool {
    VENDORS.iter().any(|vendor| vendor.provider == name)
}

/// The provider of each channel, unless something else is configured.
pub(super) fn default_routes() -> impl Iterator<Item = (Channel, &'static str)> {
    let first = |channel| VENDORS.iter().find(|vendor| vendor.channel == channel);
    Channel::ALL.into_iter().filter_map(move |channel| Some((channel, first(channel)?.provider)))
}

/// Has the vendors report to the server at that address.
pub(super) async fn report_to(sandbox: &Sandbox, address: SocketAddr) {
    let receipts = |provider: &str| format!("http://{address}/v1/receipts/{provider}");
    for (service, provider) in POSTING {
        sandbox.receipts().post_events_to(service, &receipts(provider));
    }
    if !sandbox.receipts().subscribe(&receipts("ses")).await {
        tracing::warn!("the sandbox's SNS was not allowed to post: what becomes of messages through SES is not told");
    }
}

fn settings(vendor: &Vendor, sandbox: &Sandbox) -> Value {
    let credentials = sandbox.credentials();
    let url = sandbox.url(vendor.service);
    match vendor.provider {
        "sendgrid" => json!({"base_url": url, "webhook_public_key": sandbox.receipts().sendgrid_public_key()}),
        "ses" => json!({
            "base_url": url,
            "region": credentials.ses_region,
            "topic_arn": sandbox.receipts().ses_topic_arn(),
            "sns_base_url": url,
        }),
        "mailgun" => json!({"base_url": url, "domain": credentials.mailgun_domain}),
        "postmark" => match &credentials.postmark_webhook {
            PostmarkWebhook::Basic { .. } => json!({"base_url": url}),
            PostmarkWebhook::Header { name, .. } => json!({"base_url": url, "webhook_header": name}),
        },
        "twilio" => json!({"base_url": url, "account_sid": credentials.twilio_account_sid}),
        "vonage" => json!({"base_url": url, "api_key": credentials.vonage_api_key}),
        "sns" => json!({"base_url": url, "region": credentials.sns_region}),
        "fcm" => json!({
            "base_url": url,
            "token_url": format!("{url}/token"),
            "project_id": credentials.fcm_project_id,
        }),
        "webpush" => json!({"subject": "mailto:office@example.com"}),
        "slack" => json!({"base_url": url, "mode": "api"}),
        "slack-webhook" => json!({"base_url": url, "mode": "webhook", "channel": SLACK_CHANNEL}),
        // Each message says itself where it goes.
        "webhook" => json!({}),
        _ => json!({"base_url": url}),
    }
}

/// The channel of Slack's incoming webhook.
const SLACK_CHANNEL: &str = "C0000000001";

fn secrets(vendor: &Vendor, sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    let credentials = sandbox.credentials().clone();
    match vendor.provider {
        "sendgrid" => vec![("api_key", credentials.sendgrid_api_key)],
        "ses" => vec![
            ("access_key_id", credentials.ses_access_key_id),
            ("secret_access_key", credentials.ses_secret_access_key),
        ],
        "resend" => {
            vec![("api_key", credentials.resend_api_key), ("webhook_secret", credentials.resend_webhook_secret)]
        }
        "mailgun" => vec![
            ("api_key", credentials.mailgun_api_key),
            ("webhook_signing_key", credentials.mailgun_webhook_signing_key),
        ],
        "postmark" => {
            let password = match credentials.postmark_webhook {
                PostmarkWebhook::Basic { password, .. } => password,
                PostmarkWebhook::Header { value, .. } => value,
            };
            vec![("server_token", credentials.postmark_server_token), ("webhook_password", password)]
        }
        "twilio" => vec![("auth_token", credentials.twilio_auth_token)],
        "vonage" => vec![
            ("api_secret", credentials.vonage_api_secret),
            ("signature_secret", credentials.vonage_signature_secret),
        ],
        "sns" => vec![
            ("access_key_id", credentials.sns_access_key_id),
            ("secret_access_key", credentials.sns_secret_access_key),
        ],
        "fcm" => vec![("service_account", sandbox.fcm_service_account())],
        "webpush" => vec![("vapid_private_key", credentials.webpush_vapid_key)],
        "slack" => vec![("bot_token", credentials.slack_bot_token)],
        "slack-webhook" => vec![("webhook_path", credentials.slack_webhook)],
        "webhook" => vec![("signing_secret", credentials.webhook_secret)],
        _ => Vec::new(),
    }
}
