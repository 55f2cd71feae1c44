//! Push, chat and webhooks from the outside.

use super::*;

const TOKEN: &str = r#"{"endpoint":"https://push.example.com/7","keys":{"auth":"a/b+c"}}"#;
const HOOK: &str = "https://example.com/hooks/7?key=a%20b";

fn content() -> Value {
    json!({
        "push": {"title": "Rent", "body": "Dear {{name}}", "data": {"name": "{{name}}"}},
        "chat": {"text": "Dear {{name}}", "layout": "[\"{{name}}\"]"},
        "webhook": {"kind": "rent.due", "payload": "{\"name\": \"{{name}}\"}"},
    })
}

fn request() -> Value {
    json!({
        "recipient": {"id": "1", "push_token": TOKEN, "chat_id": "C1", "webhook_url": HOOK},
        "variables": {"name": "\"Ana\""}, "content": content(),
    })
}

#[tokio::test]
async fn they_are_accepted_shown_listed_and_sent() {
    let server = TestServer::start().await;
    let submitted = server.post("/v1/notifications", &request()).await.json();
    let id = submitted["id"].as_str().unwrap();
    let channels: Vec<&Value> = submitted["deliveries"].as_array().unwrap().iter().map(|d| &d["channel"]).collect();
    assert_eq!(channels, ["push", "chat", "webhook"]);
    server.settled(id).await;
    let notification = server.get(&format!("/v1/notifications/{id}")).await.ok();
    assert_eq!((&notification["recipient"], &notification["content"]), (&request()["recipient"], &content()));
    for (place, address) in [TOKEN, "C1", HOOK].into_iter().enumerate() {
        let delivery = &notification["deliveries"][place];
        assert_eq!((&delivery["state"], &delivery["last_attempt"]["address"]), (&json!("sent"), &json!(address)));
    }
    assert_eq!(server.provider.calls().len(), 3);
    for (channel, count) in [("push", 1), ("chat", 1), ("webhook", 1), ("sms", 0)] {
        let list = server.get(&format!("/v1/notifications?channel={channel}")).await.ok();
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{channel}");
    }
}

#[tokio::test]
async fn templates_and_preferences_know_them() {
    let server = TestServer::start().await;
    let mut template = content();
    template["locales"] = json!({"es": {"chat": {"text": "Hola {{name}}"}}});
    server.put("/v1/templates/t", &template).await.ok();
    let stored = server.get("/v1/templates/t").await.ok();
    for part in ["push", "chat", "webhook", "locales"] {
        assert_eq!(stored[part], template[part], "{part}");
    }
    let wanted = json!({"push": false, "chat": true, "webhook": false});
    server.put("/v1/preferences/1", &json!({"channels": wanted})).await.ok();
    assert_eq!(server.get("/v1/preferences/1").await.ok()["channels"], wanted);
    let mut by_template = request();
    by_template.as_object_mut().unwrap().remove("content");
    by_template["template"] = json!({"name": "t"});
    by_template["recipient"]["locale"] = "es".into();
    let submitted = server.post("/v1/notifications", &by_template).await.json();
    server.settled(submitted["id"].as_str().unwrap()).await;
    let calls = server.provider.calls();
    let [(message, _)] = calls.as_slice() else { panic!("{} calls", calls.len()) };
    let notifier_core::MessageContent::Chat(chat) = &message.content else { panic!("a chat message") };
    assert_eq!((chat.text.as_str(), &chat.layout), ("Hola \"Ana\"", &None));
}

#[tokio::test]
async fn their_addresses_are_suppressed_as_any_other() {
    let server = TestServer::start().await;
    let encoded = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let long = "x".repeat(4_096);
    for (channel, address) in [("push", TOKEN), ("push", &long), ("chat", "C1"), ("webhook", HOOK)] {
        let path = format!("/v1/suppressions/{channel}/{}", encoded(address));
        server.get(&path).await.problem(404, "not-found");
        server.put(&path, &json!({"note": "no"})).await.ok();
        let listed = server.get(&path).await.ok();
        assert_eq!((&listed["channel"], &listed["address"]), (&json!(channel), &json!(address)));
    }
    let submitted = server.post("/v1/notifications", &request()).await.json();
    let id = submitted["id"].as_str().unwrap();
    server.settled(id).await;
    let notification = server.get(&format!("/v1/notifications/{id}")).await.ok();
    for delivery in notification["deliveries"].as_array().unwrap() {
        assert_eq!(delivery["reason"]["code"], "suppression.listed", "{delivery}");
    }
    let mut seen = Vec::new();
    let mut path = "/v1/suppressions?limit=1".to_owned();
    loop {
        let page = server.get(&path).await.ok();
        seen.push(page["items"][0]["address"].as_str().unwrap().to_owned());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/suppressions?limit=1&cursor={next}");
    }
    assert_eq!(seen, [TOKEN, &long, "C1", HOOK]);
    assert_eq!(server.delete(&format!("/v1/suppressions/webhook/{}", encoded(HOOK))).await.status, 204);
    server.put("/v1/suppressions/webhook/x", &json!({})).await.problem(400, "invalid-parameter");
}
