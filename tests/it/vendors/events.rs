//! Push, chat and events arrive whole, as the JSON that an application, a channel or an endpoint reads.

use notifier_server::sandbox::Message;
use serde_json::{Value, json};

use super::world::*;

/// One message of those words: titles, texts and values are as given, whatever is in them.
async fn send(world: &World, vendor: Vendor, content: &Value) -> String {
    let more = json!({"content": content, "variables": {"words": WORDS}});
    let id = world.submit(&world.request(vendor, 1, &more)).await;
    let delivery = world.sent(&id).await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("sent"), &json!(1)), "{delivery}");
    id
}

fn document(message: &Message) -> Value {
    message.document.clone().unwrap()
}

fn push() -> Value {
    json!({"push": {
        "title": "Rent: {{{words}}}", "body": "{{{words}}}\n{{{words}}}",
        "data": {"unit": "4B", "words": "{{{words}}}", "größe 🏠": "1", "empty": ""},
    }})
}

#[tokio::test]
async fn fcm() {
    let world = World::start().await;
    send(&world, FCM, &push()).await;
    let message = world.only(FCM);
    let data = json!({"unit": "4B", "words": WORDS, "größe 🏠": "1", "empty": ""});
    let expected = json!({
        "token": "device:1",
        "notification": {"title": format!("Rent: {WORDS}"), "body": format!("{WORDS}\n{WORDS}")},
        "data": data,
        "fcm_options": {"analytics_label": "fcm"},
    });
    assert_eq!(document(&message), expected);
}

#[tokio::test]
async fn webpush() {
    let world = World::start().await;
    let id = send(&world, WEBPUSH, &push()).await;
    let message = world.only(WEBPUSH);
    let expected = json!({
        "title": format!("Rent: {WORDS}"),
        "body": format!("{WORDS}\n{WORDS}"),
        "tag": format!("{id}.push"),
        "data": {"unit": "4B", "words": WORDS, "größe 🏠": "1", "empty": ""},
    });
    assert_eq!(document(&message), expected);
    assert!(message.to[0].ends_with("/browser-1"), "{:?}", message.to);
    assert_eq!((message.headers["ttl"].as_str(), message.headers["urgency"].as_str()), ("2419200", "normal"));
}

fn chat() -> Value {
    let layout = r#"[{"type": "section", "text": {"type": "plain_text", "text": "{{words}}"}}, {"type": "divider"}]"#;
    json!({"chat": {"text": "*Rent* <!channel> {{{words}}}", "layout": layout}})
}

fn blocks() -> Value {
    json!([{"type": "section", "text": {"type": "plain_text", "text": WORDS}}, {"type": "divider"}])
}

/// Slack reads three characters as its own; escaped they are shown as they are.
fn shown_by_slack() -> String {
    format!("*Rent* <!channel> {WORDS}").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[tokio::test]
async fn slack() {
    let world = World::start().await;
    let id = send(&world, SLACK, &chat()).await;
    let message = world.only(SLACK);
    let expected = json!({"channel": "C0000000001", "text": shown_by_slack(), "blocks": blocks()});
    assert_eq!(document(&message), expected);
    let told = world.delivery(&id).await;
    let known = format!("C0000000001:{}", message.provider_message_id);
    assert!(
        told.to_string().contains(&known)
            || world.timeline(&id).await.iter().any(|fact| fact.to_string().contains(&known))
    );
}

#[tokio::test]
async fn slack_through_an_incoming_webhook() {
    let world = World::start().await;
    send(&world, SLACK_WEBHOOK, &chat()).await;
    let message = world.only(SLACK_WEBHOOK);
    assert_eq!(document(&message), json!({"text": shown_by_slack(), "blocks": blocks()}));
    assert_eq!(message.to, ["T00000001/B00000001"]);
    // It has one channel: what is for another is not shown there.
    let mut request = world.plain(SLACK_WEBHOOK, 2);
    request["recipient"]["chat_id"] = json!("C9999999999");
    let id = world.submit(&request).await;
    let delivery = world.reaches(&id, "failed").await;
    assert_eq!(delivery["reason"]["code"], "attempt.rejected.unfit", "{delivery}");
    assert_eq!(world.counters(SLACK_WEBHOOK).accepted, 1);
}

#[tokio::test]
async fn webhook() {
    let world = World::start().await;
    let payload = r#"{"words": "{{words}}", "list": [1, 2.50, true, null, "🏠"], "größe": {"שלום": "{{words}}"}}"#;
    let id = send(&world, WEBHOOK, &json!({"webhook": {"kind": "rent.due", "payload": payload}})).await;
    let message = world.only(WEBHOOK);
    let arrived = document(&message);
    assert_eq!(arrived["type"], "rent.due");
    let expected = json!({"words": WORDS, "list": [1, 2.50, true, null, "🏠"], "größe": {"שלום": WORDS}});
    assert_eq!(arrived["data"], expected);
    let fields: Vec<_> = arrived.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["data", "timestamp", "type"]);
    let timestamp: jiff::Timestamp = arrived["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(timestamp <= message.received_at, "{timestamp} {}", message.received_at);
    // The number as it was written, which JSON readers do not tell.
    assert!(message.text.as_deref().unwrap().contains("2.50"), "{:?}", message.text);
    assert_eq!(message.to, ["/hooks/1"]);
    assert_eq!(message.idempotency_key, Some(format!("{id}_webhook")));
    assert_eq!(message.custom_args["verified"], "v1");
}
