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
        let url = sandbox.url(vendor.service);
        let (settings, secrets) = settings(vendor.provider, url, sandbox);
        let secret = |(name, value): (&str, String)| (name.to_owned(), SecretSource::Value(value.into()));
        let settings = ProviderSettings {
            component: Component::BuiltIn(vendor.plugin.to_owned()),
            settings,
            secrets: secrets.into_iter().map(secret).collect(),
            hosts: Some(vec![url.trim_start_matches("http://").to_owned()]),
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

/// The channel of Slack's incoming webhook, as recipients call it.
const SLACK_CHANNEL: &str = "C0000000001";

/// The settings of a provider, and its secrets by their names.
fn settings(provider: &str, url: &str, sandbox: &Sandbox) -> (Value, Vec<(&'static str, String)>) {
    let credentials = sandbox.credentials().clone();
    match provider {
        "sendgrid" => {
            let settings = json!({"base_url": url, "webhook_public_key": sandbox.receipts().sendgrid_public_key()});
            (settings, vec![("api_key", credentials.sendgrid_api_key)])
        }
        "ses" => {
            let topic = sandbox.receipts().ses_topic_arn();
            let settings =
                json!({"base_url": url, "region": credentials.ses_region, "topic_arn": topic, "sns_base_url": url});
            (settings, aws(credentials.ses_access_key_id, credentials.ses_secret_access_key))
        }
        "resend" => {
            let secrets =
                vec![("api_key", credentials.resend_api_key), ("webhook_secret", credentials.resend_webhook_secret)];
            (json!({"base_url": url}), secrets)
        }
        "mailgun" => {
            let signing_key = credentials.mailgun_webhook_signing_key;
            let secrets = vec![("api_key", credentials.mailgun_api_key), ("webhook_signing_key", signing_key)];
            (json!({"base_url": url, "domain": credentials.mailgun_domain}), secrets)
        }
        "postmark" => {
            let (settings, password) = match credentials.postmark_webhook {
                PostmarkWebhook::Basic { password, .. } => (json!({"base_url": url}), password),
                PostmarkWebhook::Header { name, value } => (json!({"base_url": url, "webhook_header": name}), value),
            };
            (settings, vec![("server_token", credentials.postmark_server_token), ("webhook_password", password)])
        }
        "twilio" => {
            let settings = json!({"base_url": url, "account_sid": credentials.twilio_account_sid});
            (settings, vec![("auth_token", credentials.twilio_auth_token)])
        }
        "vonage" => {
            let signature_secret = credentials.vonage_signature_secret;
            let secrets = vec![("api_secret", credentials.vonage_api_secret), ("signature_secret", signature_secret)];
            (json!({"base_url": url, "api_key": credentials.vonage_api_key}), secrets)
        }
        "sns" => {
            let settings = json!({"base_url": url, "region": credentials.sns_region});
            (settings, aws(credentials.sns_access_key_id, credentials.sns_secret_access_key))
        }
        "fcm" => {
            let token_url = format!("{url}/token");
            let settings = json!({"base_url": url, "token_url": token_url, "project_id": credentials.fcm_project_id});
            (settings, vec![("service_account", sandbox.fcm_service_account())])
        }
        "slack" => (json!({"base_url": url, "mode": "api"}), vec![("bot_token", credentials.slack_bot_token)]),
        "slack-webhook" => {
            let settings = json!({"base_url": url, "mode": "webhook", "channel": SLACK_CHANNEL});
            (settings, vec![("webhook_path", credentials.slack_webhook)])
        }
        // Of these each message says itself where it goes.
        "webpush" => {
            let settings = json!({"subject": "mailto:office@example.com"});
            (settings, vec![("vapid_private_key", credentials.webpush_vapid_key)])
        }
        _ => (json!({}), vec![("signing_secret", credentials.webhook_secret)]),
    }
}

fn aws(access_key_id: String, secret_access_key: String) -> Vec<(&'static str, String)> {
    vec![("access_key_id", access_key_id), ("secret_access_key", secret_access_key)]
}
