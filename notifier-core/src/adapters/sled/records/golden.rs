//! The bytes of every released version: they can be read for ever, and those of the newest are what is written.
//!
//! `NOTIFIER_WRITE_GOLDEN=1 cargo test golden` writes the files that are not there yet, for a new version. What was
//! released once is never written again.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::adapters::sled::envelope::{self, Record};
use crate::domain::channel::Channel;
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::health::{Breaker, HealthState, Override};
use crate::domain::id::{
    CategoryName, CollapseKey, DeliveryId, IdempotencyKey, NotificationId, ProviderName, RecipientId, SubjectId,
    TemplateName, TenantId,
};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::message::{Attachment, Mailbox};
use crate::domain::notification::{ContentSource, MessageOptions, Notification};
use crate::domain::outcome::Problem;
use crate::domain::preference::Preferences;
use crate::domain::receipt::{Receipt, ReceiptEvent, ReceiptStatus};
use crate::domain::recipient::{ChatId, EmailAddress, Locale, PhoneNumber, PushToken, Recipient, WebhookUrl, ZoneName};
use crate::domain::strategy::{Goal, Strategy};
use crate::domain::suppression::{Suppression, SuppressionCause};
use crate::domain::template::{
    ChatSource, Content, EmailSource, PushSource, SmsSource, Template, Variable, VariableKind, WebhookSource,
};
use crate::domain::timeline::{Fact, FactKind, Reason};
use crate::ports::store::{Acceptance, ProviderState};

/// Reads the file, compares with the record, and the other way round.
fn check<R: Record + PartialEq + std::fmt::Debug>(version: u8, name: &str, record: &R) {
    let file = format!("{}/testdata/records/v{version}/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    let path = Path::new(&file);
    if std::env::var_os("NOTIFIER_WRITE_GOLDEN").is_some() && !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, envelope::seal(record)).unwrap();
    }
    let golden = fs::read(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(envelope::open::<R>(&golden).as_ref(), Ok(record), "{file} is read as something else");
    if version == R::VERSION {
        assert_eq!(envelope::seal(record), golden, "{name} is written in another way than in {file}");
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_760_000_000_000 + ms).unwrap()
}

/// As the first version of records could say it.
fn content_v1(text: &str) -> Content {
    Content {
        email: Some(EmailSource { subject: text.into(), text: Some("plain".into()), html: Some("<p>html</p>".into()) }),
        sms: Some(SmsSource { text: text.into() }),
        ..Content::default()
    }
}

fn content(text: &str) -> Content {
    let data = [("unit".to_owned(), "4b".to_owned()), ("unit_é".to_owned(), "{{unit}}".to_owned())];
    Content {
        push: Some(PushSource { title: text.into(), body: "body".into(), data: data.into() }),
        chat: Some(ChatSource { text: text.into(), layout: Some(r#"[{"text": "{{unit}}"}]"#.into()) }),
        webhook: Some(WebhookSource { kind: "rent.due".into(), payload: r#"{"unit": "{{unit}}"}"#.into() }),
        ..content_v1(text)
    }
}

/// As version 1 could say it.
fn acceptance_v1() -> Acceptance {
    let recipient = Recipient {
        email: Some(EmailAddress::parse("ada@example.com").unwrap()),
        phone: Some(PhoneNumber::parse("+14155550101").unwrap()),
        locale: Some(Locale::parse("pt-BR").unwrap()),
        time_zone: Some(ZoneName::parse("America/Sao_Paulo").unwrap()),
        attributes: [("floor".to_owned(), json!(3))].into_iter().collect(),
        ..Recipient::with_id(RecipientId::new("zoë 🏠").unwrap())
    };
    let attachment = Attachment {
        filename: "plan.png".into(),
        content_type: "image/png".into(),
        content_id: Some("plan".into()),
        data: vec![0, 1, 255],
    };
    let notification = Notification {
        id: NotificationId::from_bytes([7; 16]),
        tenant: TenantId::new("north").unwrap(),
        recipient,
        category: CategoryName::new("rent-reminder").unwrap(),
        channels: vec![Channel::Email, Channel::Sms],
        strategy: Strategy::All,
        lane: Lane::Normal,
        content: ContentSource::Inline(Box::new(content_v1("Hello"))),
        variables: [("lines".to_owned(), json!([1, -2, 3.5, true, null, {"text": "é"}]))].into_iter().collect(),
        subject: Some(SubjectId::new("unit 4b").unwrap()),
        options: MessageOptions {
            reply_to: Some(Mailbox::parse("Office <office@example.com>").unwrap()),
            headers: vec![("X-Building".into(), "7".into())],
            attachments: vec![attachment],
            media_urls: vec!["https://example.com/plan.png".into()],
        },
        due_at: at(60_000),
        expires_at: at(3_600_000),
        created_at: at(0),
        first_due_at: at(60_000),
        first_expires_at: at(3_600_000),
        acknowledged_at: None,
        idempotency_key: Some(IdempotencyKey::new("order-17").unwrap()),
        collapse_key: None,
    };
    Acceptance { notification, request_hash: [9; 32], key_expires_at: at(86_400_000), replaces: None }
}

/// As version 2 could say it.
fn acceptance_v2() -> Acceptance {
    let acceptance = acceptance_v1();
    let notification = Notification {
        channels: vec![Channel::Sms, Channel::Email],
        strategy: Strategy::Sequence { until: Goal::Delivered, wait_ms: 90_000 },
        lane: Lane::Urgent,
        due_at: at(61_000),
        expires_at: at(3_700_000),
        acknowledged_at: Some(at(62_000)),
        collapse_key: Some(CollapseKey::new("balance").unwrap()),
        ..acceptance.notification
    };
    Acceptance { notification, ..acceptance }
}

fn acceptance() -> Acceptance {
    let acceptance = acceptance_v2();
    let recipient = Recipient {
        push_token: Some(PushToken::parse(r#"{"endpoint":"https://push.example.com/7"}"#).unwrap()),
        chat_id: Some(ChatId::parse("C0123ADA").unwrap()),
        webhook_url: Some(WebhookUrl::parse("https://example.com/hooks/7").unwrap()),
        ..acceptance.notification.recipient
    };
    let notification = Notification {
        recipient,
        channels: vec![Channel::Webhook, Channel::Push, Channel::Sms, Channel::Chat, Channel::Email],
        content: ContentSource::Inline(Box::new(content("Hello"))),
        ..acceptance.notification
    };
    Acceptance { notification, ..acceptance }
}

/// With a template instead of content, and nothing that can be left out.
fn plain(acceptance: Acceptance) -> Acceptance {
    let content = ContentSource::Template { name: TemplateName::new("rent-reminder").unwrap(), version: Some(3) };
    let options = MessageOptions::default();
    let notification = Notification { content, options, idempotency_key: None, ..acceptance.notification };
    Acceptance { notification, ..acceptance }
}

/// As version 1 could say it.
fn delivery_v1() -> Delivery {
    Delivery {
        id: DeliveryId { notification: NotificationId::from_bytes([7; 16]), channel: Channel::Sms },
        tenant: TenantId::new("north").unwrap(),
        lane: Lane::Normal,
        state: DeliveryState::Pending,
        reason: Reason::new("attempt.unavailable", "the provider was unavailable: down (503)"),
        due_at: at(5_000),
        attempts: 2,
        attempts_forgiven: 0,
        doubtful_attempts: 1,
        rounds: 2,
        tried: Vec::new(),
        deferrals: 1,
        turn_since: Some(at(1_000)),
        cancel_asked: None,
        last_attempt: Some(Attempt {
            number: 2,
            provider: ProviderName::new("twilio").unwrap(),
            started_at: at(1_000),
            send_at: at(1_000),
            address: "+14155550101".into(),
            sender: Some("+14155550199".into()),
            content: "rent-reminder v3 (es)".into(),
            content_sha256: "ab".repeat(32),
            provider_message_id: Some("SM123".into()),
            problem: Some(Problem::coded("503", "down")),
        }),
        updated_at: Timestamp::from_microsecond(1_760_000_001_234_567).unwrap(),
    }
}

/// As version 2 could say it.
fn delivery_v2() -> Delivery {
    let before = delivery_v1();
    let attempt = before.last_attempt.clone().map(|attempt| Attempt { send_at: at(1_250), ..attempt });
    Delivery {
        lane: Lane::Bulk,
        attempts_forgiven: 1,
        rounds: 1,
        tried: vec![ProviderName::new("sns").unwrap(), ProviderName::new("twilio").unwrap()],
        turn_since: Some(at(1_250)),
        last_attempt: attempt,
        ..before
    }
}

fn delivery() -> Delivery {
    let cancel_asked = Some(Reason::new("cancel.requested", "cancelled"));
    Delivery { turn_since: Some(at(250)), cancel_asked, ..delivery_v2() }
}

/// Parsers may become stricter; what was accepted before stays readable.
#[test]
fn addresses_are_not_judged_again() {
    let mut acceptance = acceptance();
    let odd = EmailAddress::checked_before("no longer an address".into());
    acceptance.notification.recipient.email = Some(odd.clone());
    acceptance.notification.options.reply_to = Some(Mailbox { address: odd, name: None });
    let record = NotificationRecord::from(&acceptance);
    assert_eq!(Notification::try_from(record).as_ref(), Ok(&acceptance.notification));
}

fn facts() -> Vec<Fact> {
    let fact = |kind, state| Fact {
        at: at(1_000),
        channel: Some(Channel::Sms),
        kind,
        reason: Reason::new("code", "text"),
        state,
        details: vec![("attempt".into(), "2".into()), ("vendor_code".into(), "503".into())],
    };
    let whole = Fact { channel: None, details: Vec::new(), ..fact(FactKind::Accepted, DeliveryState::Pending) };
    vec![whole, fact(FactKind::Attempting, DeliveryState::Sending), fact(FactKind::Retrying, DeliveryState::Pending)]
}

#[test]
fn notifications() {
    let before = [acceptance_v1(), plain(acceptance_v1())];
    check(1, "notification_inline", &NotificationRecord::from(&before[0]));
    check(1, "notification_template", &NotificationRecord::from(&before[1]));
    let later = [acceptance_v2(), plain(acceptance_v2())];
    check(2, "notification_inline", &NotificationRecord::from(&later[0]));
    check(2, "notification_template", &NotificationRecord::from(&later[1]));
    let now = [acceptance(), plain(acceptance())];
    check(3, "notification_inline", &NotificationRecord::from(&now[0]));
    check(3, "notification_template", &NotificationRecord::from(&now[1]));
    for acceptance in before.into_iter().chain(later).chain(now) {
        let record = NotificationRecord::from(&acceptance);
        assert_eq!(Notification::try_from(record), Ok(acceptance.notification));
    }
}

#[test]
fn what_a_revision_changes_is_in_the_record() {
    let (before, after) = (acceptance_v1(), acceptance().notification);
    let revised = Notification {
        due_at: after.due_at,
        expires_at: after.expires_at,
        acknowledged_at: after.acknowledged_at,
        ..before.notification.clone()
    };
    let record = NotificationRecord::from(&before).revised(&revised);
    assert!(record.idempotency().is_some(), "the rest stays");
    assert_eq!(Notification::try_from(record), Ok(revised));
}

#[test]
fn deliveries() {
    for (version, delivery) in [(1, delivery_v1()), (2, delivery_v2()), (3, delivery())] {
        let rounds = if version == 1 { 2 } else { 0 };
        let untouched = Delivery { rounds, turn_since: None, last_attempt: None, ..delivery.clone() };
        let first = DeliveryRecord::from(&untouched);
        check(version, "delivery_new", &first);
        let later = first.changed(&delivery, &facts()[..1], 41).changed(&delivery, &facts()[1..], 42);
        check(version, "delivery_with_facts", &later);
        assert_eq!(Delivery::try_from(later.clone()), Ok(delivery));
        let numbered: Vec<_> = [41, 42, 42].into_iter().zip(facts()).collect();
        assert_eq!(later.facts(), Ok(numbered));
    }
}

#[test]
fn receipts() {
    let event = ReceiptEvent {
        event_id: Some("EV1".into()),
        provider_message_id: "SM123".into(),
        status: ReceiptStatus::Bounced,
        recipient: Some("ada@example.com".into()),
        occurred_at_ms: Some(1_760_000_000_123),
        problem: Some(Problem::coded("550", "no such mailbox")),
        attributes: vec![("smtp".into(), "5.1.1".into())],
    };
    let provider = ProviderName::new("ses").unwrap();
    let full = Receipt { provider, delivery: Some(delivery().id), event, received_at: at(7_000) };
    check(1, "receipt", &ReceiptRecord::from(&full));
    let empty = ReceiptEvent {
        event_id: None,
        recipient: None,
        occurred_at_ms: None,
        problem: None,
        attributes: Vec::new(),
        ..full.event.clone()
    };
    for receipt in [full.clone(), Receipt { delivery: None, event: empty, ..full }] {
        assert_eq!(Receipt::try_from(ReceiptRecord::from(&receipt)), Ok(receipt));
    }
}

#[test]
fn suppressions() {
    let full = Suppression {
        tenant: TenantId::new("north").unwrap(),
        channel: Channel::Email,
        address: "ada@example.com".into(),
        cause: SuppressionCause::Complained,
        note: "called it spam".into(),
        provider: Some(ProviderName::new("ses").unwrap()),
        delivery: Some(delivery().id),
        created_at: at(8_000),
    };
    check(1, "suppression", &SuppressionRecord::from(&full));
    for suppression in [full.clone(), Suppression { provider: None, delivery: None, ..full }] {
        assert_eq!(Suppression::try_from(SuppressionRecord::from(&suppression)), Ok(suppression));
    }
}

#[test]
fn provider_states() {
    let breakers = [Breaker::Open { until: at(9_000) }, Breaker::HalfOpen { passed: 2 }, Breaker::Closed];
    let by_hand = [Some(Override::Closed), Some(Override::Open), None];
    for (index, (breaker, set_by_hand)) in breakers.into_iter().zip(by_hand).enumerate() {
        let health = HealthState { breaker, set_by_hand, openings: 3, percent: 60, changed_at: at(8_500) };
        let state = ProviderState {
            provider: ProviderName::new("twilio").unwrap(),
            health,
            reason: "15 failures in a row".into(),
            day: 20_370,
            reserved_calls: 1_000,
        };
        if index == 0 {
            check(1, "provider_state", &ProviderStateRecord::from(&state));
        }
        assert_eq!(ProviderState::try_from(ProviderStateRecord::from(&state)), Ok(state));
    }
}

#[test]
fn preferences() {
    let preferences = Preferences {
        channels: [(Channel::Email, true), (Channel::Sms, false)].into(),
        interests: [("districts".to_owned(), json!(["north", 7]))].into_iter().collect(),
    };
    check(1, "preferences", &PreferencesRecord::from(&preferences));
    let channels = Channel::ALL.into_iter().map(|channel| (channel, channel == Channel::Chat)).collect();
    for preferences in [preferences.clone(), Preferences { channels, ..preferences }] {
        assert_eq!(Preferences::try_from(PreferencesRecord::from(&preferences)), Ok(preferences));
    }
}

#[test]
fn templates() {
    for (version, content) in [(1, content_v1 as fn(&str) -> Content), (2, content)] {
        let template = Template {
            name: TemplateName::new("rent-reminder").unwrap(),
            version: 3,
            content: content("Hello {{name}}"),
            locales: [(Locale::parse("es").unwrap(), content("Hola {{name}}"))].into(),
            variables: [("name".to_owned(), Variable { kind: VariableKind::String, required: true })].into(),
        };
        check(version, "template", &TemplateRecord::from(&template));
        assert_eq!(Template::try_from(TemplateRecord::from(&template)), Ok(template));
    }
}

#[test]
fn idempotency_keys() {
    let acceptance = acceptance();
    let record = NotificationRecord::from(&acceptance);
    let entry = IdempotencyRecord::new(acceptance.notification.id, record.idempotency().unwrap());
    check(1, "idempotency", &entry);
    assert!(entry.is_of(&acceptance.request_hash) && !entry.is_of(&[0; 32]));
    assert_eq!(entry.expires_at(), Ok(acceptance.key_expires_at));
}

#[test]
fn bookkeeping() {
    check(1, "format", &FormatRecord { number: 1 });
    let before = ProgressRecord { operations: 300, live_bytes: 70_000, opens: 2, ..ProgressRecord::default() };
    check(1, "progress", &before);
    let counts = Counts { pending: [1, 200, 30_000], sending: 4, dead: 5, unmatched: 6 };
    check(2, "progress", &ProgressRecord { counts, ..before });
}
