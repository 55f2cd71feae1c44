//! Why, and what is next.

use super::*;

#[tokio::test]
async fn what_happened_and_what_is_next_is_explained() {
    let server = TestServer::start().await;
    let id = server.sms(json!({"schedule": {"at": "2026-06-02T12:00:00Z"}})).await;
    let path = format!("/v1/notifications/{id}/explain");
    let ahead = server.get(&path).await.ok();
    let delivery = &ahead["deliveries"][0];
    assert_eq!((&ahead["notification_id"], &delivery["state"]), (&json!(id), &json!("pending")));
    assert_eq!((&delivery["prospect"], &delivery["next_at"]), (&json!("send"), &json!("2026-06-02T12:00:00Z")));
    assert_eq!(delivery["provider"], "scripted");
    let summary = delivery["summary"].as_str().unwrap();
    assert!(summary.starts_with("The sms will be sent at 2026-06-02T12:00:00Z through `scripted`: "), "{summary}");
    assert!(!delivery["passed"].as_array().unwrap().is_empty(), "{delivery}");
    assert_eq!(delivery["past"][0]["kind"], "accepted");
    assert_eq!(server.provider.calls().len(), 0);

    server.put("/v1/preferences/1", &json!({"channels": {"sms": false}})).await.ok();
    let delivery = server.get(&path).await.ok()["deliveries"][0].clone();
    assert_eq!(
        (&delivery["prospect"], &delivery["reason"]["code"]),
        (&json!("suppress"), &json!("preference.channel_off"))
    );
    assert_eq!(server.state(&id).await, "pending", "an explanation changes nothing");
    server.get("/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/explain").await.problem(404, "not-found");
}

#[tokio::test]
async fn what_was_sent_has_nothing_ahead() {
    let server = TestServer::start().await;
    let id = server.sms(json!({})).await;
    server.settled(&id).await;
    let delivery = server.get(&format!("/v1/notifications/{id}/explain")).await.ok()["deliveries"][0].clone();
    assert_eq!((&delivery["prospect"], &delivery["state"]), (&json!("ended"), &json!("sent")));
    assert!(delivery["summary"].as_str().unwrap().starts_with("The sms is sent: "), "{delivery}");
    assert!(delivery["past"].as_array().unwrap().iter().any(|fact| fact["kind"] == "sent"));
}

#[tokio::test]
async fn what_is_only_supposed_is_neither_stored_nor_sent() {
    let server = TestServer::start().await;
    let request = json!({
        "recipient": {"id": "1"},
        "content": {"sms": {"text": "x"}, "email": {"subject": "x", "text": "x"}},
    });
    server.put("/v1/suppressions/email/ana@example.com", &json!({})).await.ok();
    let explained = server.post("/v1/explain", &request).await.ok();
    assert!(explained.get("notification_id").is_none(), "{explained}");
    let [email, sms] = explained["deliveries"].as_array().unwrap().as_slice() else { panic!("{explained}") };
    assert_eq!((&email["prospect"], &email["reason"]["code"]), (&json!("suppress"), &json!("suppression.listed")));
    assert_eq!((&sms["prospect"], &sms["next_at"]), (&json!("send"), &json!("2026-06-01T12:00:00Z")));
    assert_eq!(sms["past"], json!([]));
    assert_eq!(server.get("/v1/notifications").await.ok()["items"], json!([]));
    assert_eq!(server.provider.calls().len(), 0);
    let version = &explained["rules_version"];
    assert_eq!(version.as_str().unwrap().len(), 12, "{version}");
}
