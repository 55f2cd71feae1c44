//! What callers send and read, byte for byte of meaning: a change here is a change of the API.

use jiff::Timestamp;
use notifier_core::{
    Attempt, Delivery, DeliveryState, Fact, FactKind, Limits, Notification, NotificationId, Page, Problem,
    ProviderName, Reason, RecipientId, Status, Template, TemplateName,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::provider::ProviderBody;
use super::submission::{DeliveryReference, SubmittedBody};
use super::template::VariableBody;
use super::*;

const SUBMISSION: &str = include_str!("golden/submission.json");
const SUBMISSION_TEMPLATE: &str = include_str!("golden/submission_template.json");

fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

fn id() -> NotificationId {
    "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11".parse().unwrap()
}

#[track_caller]
fn is_golden(body: &impl Serialize, golden: &str) {
    let expected: Value = serde_json::from_str(golden).unwrap();
    let actual = serde_json::to_value(body).unwrap();
    assert_eq!(actual, expected, "\n{}", serde_json::to_string_pretty(&actual).unwrap());
}

#[track_caller]
fn reads_back<T: Serialize + DeserializeOwned>(golden: &str) -> T {
    let body: T = serde_json::from_str(golden).unwrap();
    is_golden(&body, golden);
    body
}

/// The notification that `submission.json` asks for: the engine accepts every field of it.
fn notification() -> Notification {
    let body: SubmissionBody = reads_back(SUBMISSION);
    let draft = body.into_request(&Limits::default()).unwrap().check(now(), &Limits::default()).unwrap();
    Notification {
        id: id(),
        tenant: draft.tenant,
        recipient: draft.recipient,
        category: draft.category,
        channels: draft.channels.unwrap(),
        content: draft.content,
        variables: draft.variables,
        subject: draft.subject,
        options: draft.options,
        due_at: draft.due_at.unwrap(),
        expires_at: draft.expires_at.unwrap(),
        created_at: now(),
        idempotency_key: draft.idempotency_key,
    }
}

fn sent(delivery: &Delivery) -> Delivery {
    let at = "2026-12-24T08:00:02Z".parse().unwrap();
    let attempt = Attempt {
        number: 2,
        provider: ProviderName::new("twilio").unwrap(),
        started_at: "2026-12-24T08:00:01Z".parse().unwrap(),
        address: "+14155550101".into(),
        sender: Some("+14155550199".into()),
        content: "inline".into(),
        content_sha256: "00ff".into(),
        provider_message_id: Some("SM1".into()),
        problem: Some(Problem::coded("20429", "slow down")),
    };
    Delivery {
        state: DeliveryState::Sent,
        reason: Reason::new("attempt.accepted", "`twilio` took it"),
        attempts: 2,
        last_attempt: Some(attempt),
        updated_at: at,
        ..delivery.clone()
    }
}

fn status() -> Status {
    let notification = notification();
    let [email, sms] = notification.first_deliveries().try_into().unwrap();
    Status { notification, deliveries: vec![email, sent(&sms)] }
}

#[test]
fn submissions() {
    assert_eq!(notification().channels.len(), 2);
    let body: SubmissionBody = reads_back(SUBMISSION_TEMPLATE);
    assert!(body.into_request(&Limits::default()).unwrap().check(now(), &Limits::default()).is_ok());
}

#[test]
fn submitted() {
    let reference = |channel: &str| DeliveryReference { id: format!("{}.{channel}", id()), channel: channel.into() };
    let body = SubmittedBody {
        id: id().to_string(),
        deliveries: vec![reference("email"), reference("sms")],
        due_at: notification().due_at.to_string(),
        repeated: false,
    };
    is_golden(&body, include_str!("golden/submitted.json"));
}

#[test]
fn notifications() {
    is_golden(&NotificationBody::from(&status()), include_str!("golden/notification.json"));
}

#[test]
fn pages() {
    let page = Page { items: vec![Status { deliveries: Vec::new(), ..status() }], next: Some(id()) };
    is_golden(&NotificationPage::from(&page), include_str!("golden/page.json"));
}

#[test]
fn cancellations() {
    let [email, sms] = status().deliveries.try_into().unwrap();
    let cancelled = email.cancel(now()).unwrap().delivery;
    is_golden(&CancellationBody::new(id(), &[cancelled, sms]), include_str!("golden/cancellation.json"));
}

#[test]
fn timelines() {
    let sent = &status().deliveries[1];
    let fact = Fact {
        at: sent.updated_at,
        channel: Some(sent.id.channel),
        kind: FactKind::Sent,
        reason: sent.reason.clone(),
        state: sent.state,
        details: Vec::new(),
    };
    let facts = [notification().acceptance(), fact.with("attempt", "2").with("provider_message_id", "SM1")];
    is_golden(&TimelineBody::new(id(), &facts), include_str!("golden/timeline.json"));
}

#[test]
fn preferences() {
    let golden = include_str!("golden/preferences.json");
    let mut body: Value = serde_json::from_str(golden).unwrap();
    body.as_object_mut().unwrap().remove("recipient_id");
    let body: PreferencesBody = serde_json::from_value(body).unwrap();
    let recipient = RecipientId::new("2").unwrap();
    is_golden(&PreferencesView::new(&recipient, body.into_preferences().unwrap()), golden);
}

#[test]
fn templates() {
    let golden = include_str!("golden/template.json");
    let mut body: Value = serde_json::from_str(golden).unwrap();
    body.as_object_mut().unwrap().retain(|key, _| key != "name" && key != "version");
    let body: TemplateBody = serde_json::from_value(body).unwrap();
    let template = body.into_template(TemplateName::new("rent-reminder").unwrap(), &Limits::default()).unwrap();
    is_golden(&TemplateView::from(Template { version: 3, ..template }), golden);
    let required: VariableBody = serde_json::from_str(r#"{"type": "any"}"#).unwrap();
    assert!(required.required);
}

#[test]
fn providers() {
    let _: ProviderBody = reads_back(include_str!("golden/provider.json"));
}

#[test]
fn locales_are_language_tags_and_unique() {
    let body: TemplateBody = serde_json::from_str(r#"{"locales": {"english": {}, "pt-BR": {}, "pt-br": {}}}"#).unwrap();
    let errors = body.into_template(TemplateName::new("a").unwrap(), &Limits::default()).unwrap_err();
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["locales.english", "locales.pt-br"]);
}

#[test]
fn attachments_are_base64() {
    let mut body: Value = serde_json::from_str(SUBMISSION).unwrap();
    body["options"]["attachments"][0]["data"] = "a===".into();
    let body: SubmissionBody = serde_json::from_value(body).unwrap();
    assert_eq!(body.into_request(&Limits::default()).unwrap_err()[0].field, "options.attachments[0].data");
}
