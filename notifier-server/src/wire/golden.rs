//! What callers send and read, byte for byte of meaning: a change here is a change of the API.

use jiff::Timestamp;
use notifier_core::{
    Attempt, Chain, DeadLetter, Delivery, DeliveryState, Fact, FactKind, Goal, Lane, Limits, Notification,
    NotificationId, Page, Problem, Prospect, ProviderName, Reason, RecipientId, RevisedStatus, Route, Selection,
    Status, Strategy, Suppression, SuppressionCause, Template, TemplateName,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::batch::BatchAcceptedBody;
use super::explanation::Ahead;
use super::filter::FilterBody;
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
        first_due_at: draft.due_at.unwrap(),
        first_expires_at: draft.expires_at.unwrap(),
        acknowledged_at: Some("2026-12-24T09:00:00Z".parse().unwrap()),
        strategy: Strategy::Sequence { until: Goal::Delivered, wait_ms: 300_000 },
        lane: Lane::Urgent,
        idempotency_key: draft.idempotency_key,
        collapse_key: draft.collapse_key,
    }
}

fn sent(delivery: &Delivery) -> Delivery {
    let at = "2026-12-24T08:00:02Z".parse().unwrap();
    let attempt = Attempt {
        number: 2,
        provider: ProviderName::new("twilio").unwrap(),
        started_at: "2026-12-24T08:00:01Z".parse().unwrap(),
        send_at: "2026-12-24T08:00:01.5Z".parse().unwrap(),
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
        doubtful_attempts: 1,
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
        replaced: None,
    };
    is_golden(&body, include_str!("golden/submitted.json"));
}

#[test]
fn batches() {
    let accepted = BatchAcceptedBody {
        status: 202,
        id: id().to_string(),
        due_at: notification().due_at.to_string(),
        repeated: false,
        replaced: Some(id().to_string()),
    };
    let refused = crate::problem::Problem::invalid_field("recipient.email", "not an email address");
    let results = [BatchResultBody::Accepted(accepted), refused.into()];
    is_golden(&results, include_str!("golden/batch.json"));
}

#[test]
fn revisions() {
    let revised = RevisedStatus { changed: vec![status().deliveries[0].id], status: status() };
    let mut body = serde_json::to_value(RevisedBody::from(&revised)).unwrap();
    // As in a notification.
    let deliveries = body.as_object_mut().unwrap().remove("deliveries").unwrap();
    assert_eq!(deliveries, serde_json::to_value(NotificationBody::from(&status())).unwrap()["deliveries"]);
    is_golden(&body, include_str!("golden/revised.json"));

    let many: CancelledManyBody = reads_back(include_str!("golden/cancelled_many.json"));
    assert_eq!((many.matched, many.still_being_sent), (12, 1));
    let by: AcknowledgementBody = reads_back(include_str!("golden/acknowledgement.json"));
    assert_eq!(by.into_by().unwrap().as_deref(), Some("Ana, on call"));
    let (selection, _) =
        reads_back::<SelectedReschedulingBody>(include_str!("golden/rescheduling.json")).read().unwrap();
    assert_eq!(selection, Revisable::One(Selection::Key("rent-2026-12-user-1".parse().unwrap())));
    let many: RescheduledManyBody = reads_back(include_str!("golden/rescheduled_many.json"));
    assert_eq!((many.matched, many.rescheduled), (12, 20));
    let (selection, with) = reads_back::<ReplacementBody>(include_str!("golden/replacement.json")).read().unwrap();
    assert_eq!(selection, Selection::Key("rent-2026-12-user-1".parse().unwrap()));
    assert_eq!(with.idempotency_key.as_deref(), Some("rent-2026-12-user-1b"));
}

#[test]
fn filters() {
    let body: CancellationRequestBody = reads_back(include_str!("golden/cancellation_request.json"));
    let written = body.filter.clone().unwrap();
    let Revisable::Many(filter, before) = body.read().unwrap() else { panic!("it has a filter") };
    assert_eq!((FilterBody::from(&filter), before), (written, Some(id())));
}

#[test]
fn explanations() {
    let sent = &status().deliveries[1];
    let past = vec![sent.fact(FactKind::Sent, sent.updated_at)];
    let passed = vec![Reason::new("preference.channel_on", "the recipient wants sms")];
    let explained = |prospect, reason| (prospect, Reason::new("route.only", reason));
    let at = notification().due_at;
    let provider = ProviderName::new("twilio").unwrap();
    for ((prospect, reason), summary) in [
        (explained(Prospect::Send { at, provider }, "sms goes to `twilio`."), None),
        (explained(Prospect::Ended, "`twilio` took it"), Some("The sms is sent: `twilio` took it.")),
        (explained(Prospect::BeingSent, "x"), Some("The sms is being sent: x.")),
        (explained(Prospect::Wait { until: at }, "x"), Some("The sms waits until 2026-12-24T08:00:00Z: x.")),
        (explained(Prospect::Suppress, "x"), Some("The sms will be suppressed: x.")),
    ] {
        let ahead = Ahead { prospect: &prospect, reason: &reason, passed: &passed };
        let delivery = ahead.told(sent.id.channel, Some((sent.id, sent.state)), &past);
        let body = ExplanationBody {
            notification_id: Some(id().to_string()),
            rules_version: "5d1f0c2ab7e9".into(),
            deliveries: vec![delivery],
        };
        match summary {
            Some(summary) => assert_eq!(body.deliveries[0].summary, summary),
            None => is_golden(&body, include_str!("golden/explanation.json")),
        }
    }
}

#[test]
fn suppressions() {
    let suppression = Suppression {
        tenant: notification().tenant,
        channel: notifier_core::Channel::Email,
        address: "ana@example.com".into(),
        cause: SuppressionCause::Bounced,
        note: "550 no such user".into(),
        provider: Some(ProviderName::new("sendgrid").unwrap()),
        delivery: Some(status().deliveries[0].id),
        created_at: now(),
    };
    let page = SuppressionPage { items: vec![(&suppression).into()], next: Some("ZW1haWwgYUBiLmM".into()) };
    is_golden(&page, include_str!("golden/suppressions.json"));
}

#[test]
fn dead_letters() {
    let letter = DeadLetter { delivery: sent(&status().deliveries[1]), notification: notification() };
    let mut body = serde_json::to_value(DeadLetterBody::from(&letter)).unwrap();
    let delivery = body.as_object_mut().unwrap().remove("delivery").unwrap();
    assert_eq!(delivery, serde_json::to_value(NotificationBody::from(&status())).unwrap()["deliveries"][1]);
    is_golden(&body, include_str!("golden/dead_letter.json"));

    let request: ReplayRequestBody = reads_back(include_str!("golden/replay_request.json"));
    assert_eq!(request.into_request().unwrap().per_second.get(), 25);
    let _: ReplayBody = reads_back(include_str!("golden/replay.json"));
}

#[test]
fn routes() {
    let name = |name: &str| ProviderName::new(name).unwrap();
    let weights = Chain::Weighted(vec![(name("a"), 51), (name("b"), 49)]);
    let mut special = Route::of(notifier_core::Channel::Sms, weights);
    special.prefix = Some("+44".into());
    special.category = Some("rent-reminder".parse().unwrap());
    special.tenant = Some(notification().tenant);
    let last = Route::of(notifier_core::Channel::Sms, Chain::Ordered(vec![name("a"), name("b")]));
    let list = RouteList { items: [special, last].iter().map(Into::into).collect() };
    is_golden(&list, include_str!("golden/routes.json"));
}

#[test]
fn stats() {
    let _: StatsBody = reads_back(include_str!("golden/stats.json"));
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
    let cancelled =
        email.cancel(Reason::new("cancel.requested", "cancelled before it was sent"), now()).unwrap().delivery;
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
