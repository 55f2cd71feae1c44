//! Plugins whose vendors hang: who has room, and what can be done meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::*;
use crate::domain::category::Category;
use crate::domain::health::HealthPolicy;
use crate::domain::lane::Lane;
use crate::domain::request::NotificationRequest;
use crate::domain::template::{Content, EmailSource, SmsSource};
use crate::error::StartError;
use crate::flow::FlowOptions;
use crate::flow::connected::ProviderPolicy;

const PATIENCE: Duration = Duration::from_secs(60);

/// A vendor that takes requests and never answers. Says where, and how many it has.
async fn hanging() -> (String, watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (count, counted) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let count = count.clone();
            tokio::spawn(async move {
                if stream.read_u8().await.is_ok() {
                    count.send_modify(|count| *count += 1);
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            });
        }
    });
    (address, counted)
}

fn caller(address: &str) -> Plugin {
    Plugin::new(notifier_plugins::HOSTILE.component)
        .settings(json!({ "attack": "get", "url": format!("http://{address}/") }))
        .host(address)
}

/// That nothing comes back is no reason to call less.
fn policy(calls: Option<usize>) -> ProviderPolicy {
    let health = HealthPolicy { slow_ms: 600_000, ..HealthPolicy::default() };
    ProviderPolicy { concurrent_calls_max: calls, health, ..ProviderPolicy::default() }
}

/// Calls may take longer than any of these tests.
fn options() -> FlowOptions {
    FlowOptions { in_flight_max: 400, attempt_timeout: Duration::from_secs(300), ..FlowOptions::default() }
}

async fn submit(notifier: &Notifier, channel: Channel, count: usize) {
    for number in 0..count {
        let mut request = NotificationRequest::to(number.to_string());
        request.channels = Some(vec![channel]);
        request.recipient.phone = Some("+14155550101".into());
        request.recipient.email = Some("ada@example.com".into());
        let email = EmailSource { subject: "Hi".into(), text: Some("Hello".into()), html: None };
        let sms = SmsSource { text: "Hello".into() };
        request.content = Some(Content { email: Some(email), sms: Some(sms), ..Content::default() });
        notifier.submit(request).await.unwrap();
    }
}

async fn reaches(counted: &mut watch::Receiver<usize>, calls: usize) {
    let reached = timeout(PATIENCE, counted.wait_for(|count| *count >= calls)).await.map(|count| *count.unwrap());
    assert_eq!(reached.ok(), Some(calls), "{} calls at the same time", *counted.borrow());
}

#[tokio::test]
async fn as_many_calls_run_as_the_policy_says_and_another_vendor_has_its_own_places() {
    let ((texts, mut sent_texts), (mails, mut sent_mails)) = (hanging().await, hanging().await);
    let notifier = Notifier::builder()
        .plugin("texts", caller(&texts))
        .provider_policy("texts", policy(Some(200)))
        .plugin("mails", caller(&mails))
        .provider_policy("mails", policy(None))
        .route(Channel::Sms, "texts")
        .route(Channel::Email, "mails")
        .sender_email("office@example.com")
        .plugin_memory_bytes_max(1024 * 1024 * 1024)
        .category(Category { lane: Lane::Urgent, ..Category::default() })
        .options(options())
        .start()
        .await
        .unwrap();
    let places: Vec<_> = notifier.providers().iter().map(|provider| provider.concurrent_calls_max).collect();
    assert_eq!(places, [64, 200], "mails, and texts");
    submit(&notifier, Channel::Sms, 210).await;
    reaches(&mut sent_texts, 200).await;
    submit(&notifier, Channel::Email, 70).await;
    reaches(&mut sent_mails, 64).await;
    assert_eq!((*sent_texts.borrow(), *sent_mails.borrow()), (200, 64));
}

/// A plugin runs to say what it is: for that there is room while every call of every plugin hangs.
#[tokio::test]
async fn a_plugin_is_replaced_while_all_places_are_in_use() {
    let ((old, mut called), (new, mut called_anew)) = (hanging().await, hanging().await);
    let notifier = Notifier::builder()
        .plugin("texts", caller(&old))
        .provider_policy("texts", policy(Some(3)))
        .route(Channel::Sms, "texts")
        .category(Category { lane: Lane::Urgent, ..Category::default() })
        .options(options())
        .start()
        .await
        .unwrap();
    submit(&notifier, Channel::Sms, 5).await;
    reaches(&mut called, 3).await;
    let name = ProviderName::new("texts").unwrap();
    for _ in 0..3 {
        let replacing = notifier.replace_plugin(&name, Ok(caller(&new)));
        assert_eq!(timeout(Duration::from_secs(20), replacing).await, Ok(Ok(())));
    }
    assert_eq!(notifier.providers()[0].concurrent_calls_max, 3);
    assert_eq!((*called.borrow(), *called_anew.borrow_and_update()), (3, 0), "those that run end where they began");
}

#[tokio::test]
async fn more_places_than_there_is_room_for_are_refused() {
    let starting = |calls: usize| {
        let builder = Notifier::builder().plugin("a", caller("127.0.0.1:9")).provider_policy("a", policy(Some(calls)));
        builder.plugin("b", caller("127.0.0.1:9")).start()
    };
    assert!(starting(999).await.is_ok());
    let error = starting(1_000).await.map(drop).unwrap_err();
    assert!(matches!(&error, StartError::Setting { setting, .. } if setting.starts_with("providers.*")), "{error}");
}
