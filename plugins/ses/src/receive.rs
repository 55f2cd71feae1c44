//! What SNS posts: events of SES in an envelope, and the question whether we want them.

use notifier_plugin_sdk::webhook::{check_age, is_signed};
use notifier_plugin_sdk::{Algorithm, Key, ReceiptEvent, ReceiveError, Request, Webhook, log};
use serde_json::{Map, Value};

use crate::endpoint;
use crate::events;
use crate::settings::Settings;

/// The fields of a notification that are signed, in the order of the signature
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>). `Subject` counts where it is there.
const SIGNED_IN_NOTIFICATION: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];

/// Those of the confirmations.
const SIGNED_IN_CONFIRMATION: &[&str] =
    &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

pub(crate) fn receive(settings: &Settings, webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    let envelope = Envelope::read(webhook)?;
    let sns = verify(settings, &envelope)?;
    match envelope.text("Type")? {
        "Notification" => events::read(envelope.text("Message")?, envelope.text("MessageId")?),
        "SubscriptionConfirmation" => confirm(&sns, envelope.text("SubscribeURL")?),
        // Somebody ended the subscription. To take it up again is his decision, and this message's URL would do just that.
        _ => {
            log::warn("the subscription of the topic was ended: no further event will arrive");
            Ok(vec![])
        }
    }
}

/// What SNS puts around a message (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>).
struct Envelope(Map<String, Value>);

impl Envelope {
    fn read(webhook: &Webhook) -> Result<Self, ReceiveError> {
        let fields: Map<String, Value> = serde_json::from_slice(&webhook.body)
            .map_err(|error| ReceiveError::Malformed(format!("not a JSON object: {error}")))?;
        if webhook.header("x-amz-sns-rawdelivery") == Some("true") || !fields.contains_key("Signature") {
            let reason = "nothing signs this: turn raw message delivery off for the subscription, so that SNS signs";
            return Err(ReceiveError::Unverified(reason.into()));
        }
        Ok(Self(fields))
    }

    fn text(&self, field: &str) -> Result<&str, ReceiveError> {
        let text = self.0.get(field).and_then(Value::as_str);
        text.ok_or_else(|| ReceiveError::Unverified(format!("the field `{field}` is missing, or not a text")))
    }

    /// Names and values, each followed by a line break.
    fn signed_text(&self) -> Result<String, ReceiveError> {
        let fields = match self.text("Type")? {
            "Notification" => SIGNED_IN_NOTIFICATION,
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => SIGNED_IN_CONFIRMATION,
            other => return Err(ReceiveError::Unverified(format!("`{}` is no type of SNS", other.escape_debug()))),
        };
        let is_there =
            |field: &&&str| **field != "Subject" || self.0.get("Subject").is_some_and(|value| !value.is_null());
        fields.iter().filter(is_there).map(|field| Ok(format!("{field}\n{}\n", self.text(field)?))).collect()
    }
}

/// The root of the SNS that signed it.
fn verify(settings: &Settings, envelope: &Envelope) -> Result<String, ReceiveError> {
    let unverified = |reason: String| ReceiveError::Unverified(reason);
    let topic = settings.topic_arn.as_deref();
    let Some((topic, region)) = topic.and_then(|arn| Some((arn, endpoint::region_of_topic(arn)?))) else {
        return Err(unverified("`topic_arn` is not set: any account of AWS could have published this".into()));
    };
    // Anybody may have SNS sign what he publishes to a topic of his own.
    let published = envelope.text("TopicArn")?;
    if published != topic {
        return Err(unverified(format!("published to `{}`, not to `topic_arn`", published.escape_debug())));
    }
    let sns = settings.sns_base_url(region);
    let certificate = envelope.text("SigningCertURL")?;
    if !is_certificate_of(&sns, certificate) {
        let certificate = certificate.escape_debug();
        return Err(unverified(format!("the certificate `{certificate}` is not one of SNS at {sns}")));
    }
    let algorithm = match envelope.text("SignatureVersion")? {
        "1" => Algorithm::RsaPkcs1Sha1,
        "2" => Algorithm::RsaPkcs1Sha256,
        other => return Err(unverified(format!("signature version `{}` is neither 1 nor 2", other.escape_debug()))),
    };
    let signed = envelope.signed_text()?;
    let key = Key::Certificate(certificate.to_owned());
    if !is_signed(algorithm, &key, signed.as_bytes(), envelope.text("Signature")?)? {
        return Err(unverified("the signature does not fit the message or the certificate".into()));
    }
    let published_ms = events::instant_ms(envelope.text("Timestamp")?);
    let published_ms = published_ms.ok_or_else(|| unverified("the timestamp is not one of ISO 8601".into()))?;
    check_age(published_ms / 1000, settings.webhook_max_age_s)?;
    Ok(sns)
}

/// Certificates are `SimpleNotificationService-<digits>.pem` at the root of the region's SNS.
fn is_certificate_of(sns: &str, url: &str) -> bool {
    let name = url.strip_prefix(sns).and_then(|path| path.strip_prefix("/SimpleNotificationService-"));
    let digits = name.and_then(|name| name.strip_suffix(".pem"));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Tells SNS that we want the topic's messages.
fn confirm(sns: &str, url: &str) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    if !url.strip_prefix(sns).is_some_and(|path| path.starts_with("/?Action=ConfirmSubscription&")) {
        let url = url.escape_debug();
        return Err(ReceiveError::Unverified(format!("`{url}` does not confirm a subscription at {sns}")));
    }
    let failed = |reason: String| ReceiveError::Unavailable(format!("the subscription is not confirmed: {reason}"));
    match Request::get(url).send() {
        Ok(response) if response.is_success() => {
            log::info("the subscription of the topic is confirmed: events will arrive");
            Ok(vec![])
        }
        Ok(response) => Err(failed(format!("SNS answered HTTP {}: {}", response.status, response.excerpt()))),
        Err(error) => Err(failed(error.to_string())),
    }
}
