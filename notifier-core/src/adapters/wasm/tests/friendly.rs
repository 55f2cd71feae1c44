//! The providers that ship with notifier, through the real host, to a vendor on loopback.

use serde_json::json;

use super::vendor::{Vendor, response};
use super::{config, context, email, load, secret, sms};
use crate::adapters::wasm::WasmProviderConfig;
use crate::domain::channel::Channel;
use crate::domain::limits::Limits;
use crate::domain::message::{Attachment, MessageContent};
use crate::domain::outcome::{Outcome, RejectionKind};
use crate::ports::provider::Provider;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

pub(super) fn twilio(vendor: &Vendor) -> WasmProviderConfig {
    let settings = json!({ "account_sid": ACCOUNT, "from": "+14155550199", "base_url": vendor.url("") });
    let mut config = config("twilio", notifier_plugins::TWILIO.component, settings);
    config.secrets.insert("auth_token".into(), secret("twilio-token-value"));
    config.hosts = Some(vec![vendor.host()]);
    config
}

#[tokio::test]
async fn twilio_sends_a_text_message() {
    let vendor = Vendor::start(|_| response("201 Created", "", r#"{"sid":"SM77","status":"queued"}"#)).await;
    let provider = load(twilio(&vendor));
    assert_eq!(provider.describe().kind, "twilio");
    assert_eq!(provider.describe().channels, [Channel::Sms]);
    assert_eq!(provider.hosts_not_granted(), ["api.twilio.com", "api.dublin.ie1.twilio.com"]);
    let outcome = provider.send(&sms(), &context(5_000)).await;
    assert_eq!(outcome, Outcome::Accepted { provider_message_id: Some("SM77".into()) });
    let [request] = vendor.arrived().try_into().unwrap();
    assert!(request.head.starts_with(&format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1")));
    // base64 of `AC…:twilio-token-value`: the host filled it in, the plugin only named it.
    let expected = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0d2lsaW8tdG9rZW4tdmFsdWU=";
    assert_eq!(request.header("authorization"), Some(expected));
    let body = String::from_utf8(request.body).unwrap();
    assert!(body.contains("To=%2B14155550100"), "{body}");
}

/// What the plugin says about a message before it asked anybody is about its own vendor; what the vendor says is about the
/// message.
#[tokio::test]
async fn only_a_vendor_that_was_asked_says_that_nobody_will_take_a_message() {
    let vendor = Vendor::start(|_| response("400 Bad Request", "", r#"{"code":21617,"message":"too long"}"#)).await;
    let settings = json!({ "region": "eu-west-1", "base_url": vendor.url("") });
    let mut sns = config("sns", notifier_plugins::SNS.component, settings);
    sns.secrets.insert("access_key_id".into(), secret("AKIDEXAMPLE"));
    sns.secrets.insert("secret_access_key".into(), secret("secret-of-the-key"));
    sns.hosts = Some(vec![vendor.host()]);
    let mut picture = sms();
    let MessageContent::Sms(content) = &mut picture.content else { panic!("a text message") };
    content.media_urls = vec!["https://example.com/plan.png".into()];
    let kind = |outcome: Outcome| match outcome {
        Outcome::Rejected { kind, problem } => (kind, problem.message),
        other => panic!("{other:?}"),
    };
    let (unfit, why) = kind(load(sns).send(&picture, &context(5_000)).await);
    assert_eq!((unfit, why.as_str()), (RejectionKind::Unfit, "the message has media, and SNS sends text only"));
    assert!(vendor.arrived().is_empty());
    let (refused, _) = kind(load(twilio(&vendor)).send(&picture, &context(5_000)).await);
    assert_eq!((refused, vendor.arrived().len()), (RejectionKind::Message, 1));
}

pub(super) fn sendgrid(vendor: &Vendor) -> WasmProviderConfig {
    let settings = json!({ "base_url": vendor.url("") });
    let mut config = config("sendgrid", notifier_plugins::SENDGRID.component, settings);
    config.secrets.insert("api_key".into(), secret("SG.canary-key"));
    config.hosts = Some(vec![vendor.host()]);
    config
}

/// What intake accepts can be sent: the largest attachments beside the longest words, at the default limits of calls.
#[tokio::test]
async fn sendgrid_sends_the_largest_email_that_is_accepted() {
    let vendor = Vendor::start(|_| response("202 Accepted", "X-Message-Id: sg-1\r\n", "")).await;
    let limits = Limits::default();
    let mut message = email();
    let MessageContent::Email(email) = &mut message.content else { panic!("an email") };
    let words = "\"<é🏠\n".repeat(limits.rendered_bytes_max / 9);
    (email.text, email.html) = (Some(words.clone()), Some(words));
    let bytes = Limits::ATTACHMENTS_BYTES_MAX / limits.attachments_max;
    email.attachments = (0..limits.attachments_max)
        .map(|number| Attachment {
            filename: format!("plan-{number}.pdf"),
            content_type: "application/pdf".into(),
            content_id: None,
            data: vec![0xA5; bytes],
        })
        .collect();
    let outcome = load(sendgrid(&vendor)).send(&message, &context(20_000)).await;
    assert_eq!(outcome, Outcome::Accepted { provider_message_id: Some("sg-1".into()) });
    let [request] = vendor.arrived().try_into().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let contents = body["attachments"].as_array().unwrap().iter().map(|one| one["content"].as_str().unwrap().len());
    assert_eq!(contents.sum::<usize>(), limits.attachments_max * bytes.div_ceil(3) * 4);
}

#[tokio::test]
async fn sendgrid_sends_an_email() {
    let vendor = Vendor::start(|_| response("202 Accepted", "X-Message-Id: sg-1\r\n", "")).await;
    let outcome = load(sendgrid(&vendor)).send(&email(), &context(5_000)).await;
    assert_eq!(outcome, Outcome::Accepted { provider_message_id: Some("sg-1".into()) });
    let [request] = vendor.arrived().try_into().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer SG.canary-key"));
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["personalizations"][0]["to"][0]["email"], "ada@example.com");
}
