//! Wrong credentials are the provider's fault: an operator is told, and no message is blamed.

use std::sync::Arc;

use notifier_core::{Clock as _, SystemClock};
use notifier_server::config::SecretSource;
use notifier_server::sandbox::{Sandbox, SandboxOptions};
use notifier_server::{Running, sandbox_providers};
use notifier_tests::client::Client;
use serde_json::Value;

use super::world::*;

/// Another key of RSA than the service account's.
const OTHER_RSA_KEY: &str = include_str!("../../../notifier-core/testdata/certificates/rsa.key.pem");

struct Misconfigured {
    sandbox: Sandbox,
    server: Running,
    client: Client,
}

impl Misconfigured {
    /// A server whose providers have these secrets in place of their own.
    async fn start(secrets: &[(Vendor, &str, String)]) -> Self {
        let sandbox = Sandbox::start(SandboxOptions::new(Arc::new(|| SystemClock.now()))).await.unwrap();
        let mut providers = sandbox_providers(&sandbox);
        for (vendor, name, value) in secrets {
            let provider = providers.get_mut(vendor.provider).unwrap();
            let replaced = provider.secrets.insert((*name).to_owned(), SecretSource::Value(value.clone().into()));
            assert!(replaced.is_some(), "{vendor:?} has no secret `{name}`");
        }
        let server = notifier_server::start(&config(providers)).await.unwrap();
        let client = Client::new(format!("http://{}", server.address()));
        Self { sandbox, server, client }
    }

    /// Why the first attempt to send a plain message failed.
    async fn reason(&self, vendor: Vendor) -> Value {
        let request = plain(&self.sandbox, vendor, 1);
        let id = submit(&self.client, &request).await;
        let told = async {
            loop {
                let answer = self.client.get(&format!("/v1/notifications/{id}/timeline")).await.unwrap();
                let facts = answer.json["facts"].as_array().unwrap();
                if let Some(fact) = facts.iter().find(|fact| is_outcome(fact)) {
                    return fact["reason"].clone();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("an attempt")
    }
}

/// Whom the wrong credentials of a vendor are put down to. An endpoint and a push service judge our key for one recipient
/// only: what another one was subscribed or set up with may be this very key. An endpoint may learn a new key, so that it is
/// asked again.
fn blamed(vendor: Vendor) -> &'static str {
    match vendor.provider {
        "webpush" => "attempt.rejected.recipient",
        "webhook" => "attempt.unavailable",
        _ => "attempt.rejected.provider",
    }
}

#[tokio::test]
async fn wrong_credentials_are_the_providers_fault() {
    let sandbox = Sandbox::start(SandboxOptions::new(Arc::new(|| SystemClock.now()))).await.unwrap();
    let mut account: Value = serde_json::from_str(&sandbox.fcm_service_account()).unwrap();
    account["private_key"] = OTHER_RSA_KEY.into();
    sandbox.shutdown().await;
    let wrong = [
        (SENDGRID, "api_key", "SG.wrong-api-key".to_owned()),
        (SES, "secret_access_key", "wrong/ses+secret-access-key".to_owned()),
        (RESEND, "api_key", "re_wrong_api_key".to_owned()),
        (MAILGUN, "api_key", "key-wrong-mailgun".to_owned()),
        (POSTMARK, "server_token", "5a4d0b0c-0000-4000-8000-000000000002".to_owned()),
        (TWILIO, "auth_token", "wrong-twilio-auth-token".to_owned()),
        (VONAGE, "api_secret", "Wrong12345678901".to_owned()),
        (SNS, "access_key_id", "AKIASANDBOX000000002".to_owned()),
        (FCM, "service_account", account.to_string()),
        (WEBPUSH, "vapid_private_key", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE".to_owned()),
        (SLACK, "bot_token", "xoxb-wrong-bot-token".to_owned()),
        (SLACK_WEBHOOK, "webhook_path", "T00000001/B00000001/wrongWebhookSecret0001".to_owned()),
        (WEBHOOK, "signing_secret", "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned()),
    ];
    let world = Misconfigured::start(&wrong).await;
    for vendor in ALL {
        let reason = world.reason(vendor).await;
        assert_eq!(reason["code"], blamed(vendor), "{vendor:?} {reason}");
        assert_eq!(world.sandbox.inbox().counters(vendor.service).accepted, 0, "{vendor:?}");
        for (_, _, value) in &wrong {
            assert!(!reason.to_string().contains(value.as_str()), "{reason}");
        }
    }
    world.server.shutdown().await.unwrap();
}

/// Nothing is sent with a key that is none, and the words name the secret and what it should be.
#[tokio::test]
async fn a_malformed_secret_is_the_providers_fault() {
    for (vendor, name, value, wanted) in [
        (WEBHOOK, "signing_secret", "whsec_not base64", "after `whsec_` stands the base64 of a key"),
        (WEBHOOK, "signing_secret", "whsk_AQEB", "after `whsk_` stands the base64 of an Ed25519 key"),
        (WEBHOOK, "signing_secret", "whpk_AQEBAQEB", "begins with neither `whsec_` nor `whsk_`"),
        (WEBPUSH, "vapid_private_key", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ", "not a private key on P-256"),
        (WEBPUSH, "vapid_private_key", "no key at all", "not a private key on P-256"),
        (FCM, "service_account", "{\"type\": \"service_account\"}", "service_account"),
    ] {
        let world = Misconfigured::start(&[(vendor, name, value.to_owned())]).await;
        let reason = world.reason(vendor).await;
        assert_eq!(reason["code"], "attempt.rejected.provider", "{vendor:?} {value} {reason}");
        let text = reason["text"].as_str().unwrap();
        assert!(text.contains(wanted) && text.contains(name), "{vendor:?} {value}: {text}");
        let counters = world.sandbox.inbox().counters(vendor.service);
        assert_eq!((counters.accepted, counters.refused), (0, 0), "{vendor:?}");
        world.server.shutdown().await.unwrap();
    }
}
