//! The main job, end to end: the real binary, the real plugins, on real sockets, against fakes that check what the
//! vendors check.

use std::time::Duration;

use http::StatusCode;
use notifier_server::sandbox::CURL_EXAMPLE;
use notifier_tests::client::Client;
use notifier_tests::process::Server;
use serde_json::{Value, json};

struct Sandbox {
    server: Server,
    _data: tempfile::TempDir,
}

impl Sandbox {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self { server: Server::sandbox(data.path()), _data: data }
    }

    fn client(&self) -> &Client {
        &self.server.client
    }

    /// One whose inbox has the requests as they came as well.
    fn start_keeping_raw() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self { server: Server::sandbox_keeping_raw(data.path()), _data: data }
    }

    /// Submits a rent reminder for that user and returns it once all is settled.
    async fn remind(&self, user: &str) -> Value {
        let submitted = self.submit(&reminder(user)).await;
        self.settled(submitted["id"].as_str().unwrap()).await
    }

    async fn submit(&self, request: &Value) -> Value {
        let answer = self.client().post("/v1/notifications", request).await.unwrap();
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
        answer.json
    }

    /// The notification once all is settled, and what the vendors took has arrived.
    async fn settled(&self, id: &str) -> Value {
        let settled = async {
            loop {
                let notification = self.accepted(id).await;
                if states(&notification).iter().all(|(_, state)| *state != "sent") {
                    return notification;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), settled).await.expect("a receipt comes")
    }

    /// The notification once all is settled, whether the vendors have reported or not.
    async fn accepted(&self, id: &str) -> Value {
        let answer = self.client().get(&format!("/v1/notifications/{id}?wait_ms=20000")).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        answer.json
    }

    /// Chooses what the vendor reports about messages from now on.
    async fn receipts(&self, provider: &str, receipt: &str) {
        let path = format!("/sandbox/receipts/{provider}");
        let answer = self.client().put(&path, &json!({"receipt": receipt})).await.unwrap();
        assert!(answer.status.is_success(), "{}", answer.json);
    }

    async fn timeline(&self, id: &str) -> Vec<Value> {
        let answer = self.client().get(&format!("/v1/notifications/{id}/timeline")).await.unwrap();
        answer.json["facts"].as_array().unwrap().clone()
    }

    async fn arrived(&self) -> Vec<Value> {
        self.client().get("/sandbox/messages").await.unwrap().json["messages"].as_array().unwrap().clone()
    }

    async fn fault(&self, provider: &str, fault: Value) {
        let answer = self.client().put(&format!("/sandbox/faults/{provider}"), &fault).await.unwrap();
        assert!(answer.status.is_success(), "{}", answer.json);
    }
}

fn reminder(user: &str) -> Value {
    json!({
        "recipient": {"id": user},
        "template": {"name": "rent-reminder"},
        "subject": "1",
        "variables": {"amount": "1,200.00 USD", "due_date": "2027-01-01"},
    })
}

fn one_sms() -> Value {
    json!({"recipient": {"id": "3"}, "channels": ["sms"], "content": {"sms": {"text": "The lift is out of order."}}})
}

fn states(notification: &Value) -> Vec<(&str, &str)> {
    let deliveries = notification["deliveries"].as_array().unwrap();
    deliveries.iter().map(|d| (d["channel"].as_str().unwrap(), d["state"].as_str().unwrap())).collect()
}

fn codes(timeline: &[Value]) -> Vec<&str> {
    timeline.iter().map(|fact| fact["reason"]["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn one_request_becomes_one_real_email_and_one_real_text_message() {
    let sandbox = Sandbox::start();
    let notification = sandbox.remind("1").await;
    assert_eq!(states(&notification), [("email", "delivered"), ("sms", "delivered")]);
    let arrived = sandbox.arrived().await;
    let mut channels: Vec<_> = arrived.iter().map(|message| message["channel"].as_str().unwrap()).collect();
    channels.sort_unstable();
    assert_eq!(channels, ["email", "sms"], "each once");
    for message in &arrived {
        let shown = message.to_string();
        assert!(shown.contains("1,200.00 USD"), "{shown}");
    }
    let timeline = sandbox.timeline(notification["id"].as_str().unwrap()).await;
    for code in
        ["preference.channel_on", "recipient.directory", "subject.catalog", "template.rendered", "receipt.delivered"]
    {
        assert_eq!(codes(&timeline).iter().filter(|told| **told == code).count(), 2, "{code}: {timeline:?}");
    }
}

#[tokio::test]
async fn the_line_that_it_suggests_works() {
    let sandbox = Sandbox::start();
    let body = CURL_EXAMPLE.split_once("-d '").unwrap().1.strip_suffix('\'').unwrap();
    let submitted = sandbox.submit(&serde_json::from_str(body).unwrap()).await;
    let notification = sandbox.settled(submitted["id"].as_str().unwrap()).await;
    assert_eq!(states(&notification), [("email", "delivered"), ("sms", "delivered")]);
}

#[tokio::test]
async fn preferences_of_the_four_users_are_kept() {
    let sandbox = Sandbox::start();
    let expected = [
        ("1", [("email", "delivered"), ("sms", "delivered")]),
        ("2", [("email", "delivered"), ("sms", "suppressed")]),
        ("3", [("email", "suppressed"), ("sms", "delivered")]),
        ("4", [("email", "suppressed"), ("sms", "suppressed")]),
    ];
    for (user, states_expected) in expected {
        let notification = sandbox.remind(user).await;
        assert_eq!(states(&notification), states_expected, "user {user}");
        if user == "4" {
            let timeline = sandbox.timeline(notification["id"].as_str().unwrap()).await;
            assert_eq!(codes(&timeline).iter().filter(|code| **code == "preference.channel_off").count(), 2);
        }
    }
    assert_eq!(sandbox.arrived().await.len(), 4);
}

#[tokio::test]
async fn unavailable_twice_is_delivered_on_the_third_attempt() {
    let sandbox = Sandbox::start();
    sandbox.fault("twilio", json!({"fault": "unavailable", "times": 2})).await;
    let id = sandbox.submit(&one_sms()).await["id"].as_str().unwrap().to_owned();
    let notification = sandbox.settled(&id).await;
    assert_eq!(states(&notification), [("sms", "delivered")]);
    assert_eq!(notification["deliveries"][0]["attempts"], 3);
    assert_eq!(sandbox.arrived().await.len(), 1);
}

#[tokio::test]
async fn a_vendors_wish_to_wait_is_obeyed_to_the_millisecond() {
    let sandbox = Sandbox::start();
    sandbox.fault("twilio", json!({"fault": "rate_limited", "retry_after_s": 2, "times": 1})).await;
    let id = sandbox.submit(&one_sms()).await["id"].as_str().unwrap().to_owned();
    assert_eq!(states(&sandbox.settled(&id).await), [("sms", "delivered")]);
    let timeline = sandbox.timeline(&id).await;
    let at = |kind: &str| -> Vec<jiff::Timestamp> {
        let facts = timeline.iter().filter(|fact| fact["kind"] == kind);
        facts.map(|fact| fact["at"].as_str().unwrap().parse().unwrap()).collect()
    };
    let (told, tried) = (at("retrying")[0], at("attempting")[1]);
    assert!(told.duration_until(tried).as_millis() >= 2_000, "told at {told}, tried at {tried}");
}

#[tokio::test]
async fn the_moment_at_which_a_vendors_limit_ends_is_waited_for() {
    let sandbox = Sandbox::start();
    sandbox.fault("sendgrid", json!({"fault": "rate_limited", "retry_after_s": 4, "times": 1})).await;
    let request = json!({"recipient": {"id": "2"}, "content": {"email": {"subject": "Water", "text": "Off."}}});
    let id = sandbox.submit(&request).await["id"].as_str().unwrap().to_owned();
    assert_eq!(states(&sandbox.settled(&id).await), [("email", "delivered")]);
    let timeline = sandbox.timeline(&id).await;
    let at = |kind: &str| -> Vec<jiff::Timestamp> {
        let facts = timeline.iter().filter(|fact| fact["kind"] == kind);
        facts.map(|fact| fact["at"].as_str().unwrap().parse().unwrap()).collect()
    };
    let (told, tried) = (at("retrying")[0], at("attempting")[1]);
    // The moment is told in whole seconds.
    assert!(told.duration_until(tried).as_millis() >= 2_900, "told at {told}, tried at {tried}");
}

/// Everything that a message can have, in scripts that go wrong easily.
#[tokio::test]
async fn everything_in_a_message_arrives_as_it_was_given() {
    let sandbox = Sandbox::start_keeping_raw();
    // `%PDF-1.7`, a line break, and two bytes that are no text; the signature of PNG.
    let (pdf, png) = ("JVBERi0xLjcKAP8=", "iVBORw0KGgo=");
    let (words, escaped) = ("Größe 5 m² \u{1f3e0}\u{1f468}\u{200d}\u{1f469} שלום مرحبا <b>&", "&lt;b&gt;&amp;");
    let request = json!({
        "recipient": {"id": "1", "email": "ana@example.com", "phone": "+14155550101"},
        "content": {
            "email": {
                "subject": "Über {{words}}", "text": "Text: {{words}}\n",
                "html": "<p dir=\"rtl\">{{words}} <img src=\"cid:logo@example\"></p>",
            },
            "sms": {"text": "SMS: {{words}}"},
        },
        "variables": {"words": words},
        "options": {
            "reply_to": "Büro <office@example.com>",
            "headers": {"X-Unit": "4B", "List-Unsubscribe": "<https://example.com/u?a=1>"},
            "attachments": [
                {"filename": "Rechnung für März 🏠.pdf", "content_type": "application/pdf", "data": pdf},
                {"filename": "logo.png", "content_type": "image/png", "content_id": "logo@example", "data": png},
            ],
            "media_urls": ["https://example.com/bild.png?größe=1&x=%20"],
        },
    });
    let id = sandbox.submit(&request).await["id"].as_str().unwrap().to_owned();
    assert_eq!(states(&sandbox.settled(&id).await), [("email", "delivered"), ("sms", "delivered")]);
    let mut arrived = sandbox.arrived().await;
    arrived.sort_by_key(|message| message["channel"].to_string());
    let [email, sms] = &arrived[..] else { panic!("{arrived:#?}") };

    let html = words.replace("<b>&", escaped);
    for (field, expected) in [
        ("to", json!(["ana@example.com"])),
        ("subject", json!(format!("Über {words}"))),
        ("text", json!(format!("Text: {words}\n"))),
        ("html", json!(format!("<p dir=\"rtl\">{html} <img src=\"cid:logo@example\"></p>"))),
        ("reply_to", json!(["office@example.com"])),
        ("headers", json!({"X-Unit": "4B", "List-Unsubscribe": "<https://example.com/u?a=1>"})),
        ("idempotency_key", json!(format!("{id}.email"))),
        (
            "attachments",
            json!([
                {"filename": "Rechnung für März 🏠.pdf", "content_type": "application/pdf", "size_bytes": 11,
                    "sha256": "08758a35199194100a9c1df0f0f58e6fa97a9401da96c5e81b3ff556c7771241",
                    "disposition": "attachment", "content_id": null},
                {"filename": "logo.png", "content_type": "image/png", "size_bytes": 8,
                    "sha256": "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6",
                    "disposition": "inline", "content_id": "logo@example"},
            ]),
        ),
    ] {
        assert_eq!(email[field], expected, "{field}: {email:#}");
    }
    let shown = sandbox.client().get(&format!("/sandbox/messages/{}", email["seq"])).await.unwrap().json;
    let raw = shown["raw"].as_str().unwrap();
    assert!(raw.contains(pdf) && raw.contains(png) && raw.contains("Büro"), "{raw}");
    for (field, expected) in [
        ("to", json!(["+14155550101"])),
        ("text", json!(format!("SMS: {words}"))),
        ("media_urls", json!(["https://example.com/bild.png?größe=1&x=%20"])),
        ("idempotency_key", Value::Null),
    ] {
        assert_eq!(sms[field], expected, "{field}: {sms:#}");
    }
}

#[tokio::test]
async fn a_rejection_fails_with_the_vendors_code() {
    let sandbox = Sandbox::start();
    sandbox.fault("twilio", json!({"fault": "rejected", "code": 21211, "times": 1})).await;
    let id = sandbox.submit(&one_sms()).await["id"].as_str().unwrap().to_owned();
    let notification = sandbox.settled(&id).await;
    assert_eq!(states(&notification), [("sms", "failed")]);
    let reason = &notification["deliveries"][0]["reason"];
    assert_eq!(reason["code"], "attempt.rejected.recipient");
    assert!(reason["text"].as_str().unwrap().contains("21211"), "{reason}");
    assert!(sandbox.arrived().await.is_empty());
}

#[tokio::test]
async fn an_answer_that_never_comes_is_unknown_and_settled_by_policy() {
    let sandbox = Sandbox::start();
    // With a receipt, somebody would know.
    sandbox.receipts("sendgrid", "none").await;
    sandbox.fault("sendgrid", json!({"fault": "accept_then_drop", "times": 1})).await;
    let request = json!({
        "recipient": {"id": "2"},
        "content": {"email": {"subject": "Water", "text": "The water is off from 9 to 11."}},
    });
    let id = sandbox.submit(&request).await["id"].as_str().unwrap().to_owned();
    assert_eq!(states(&sandbox.accepted(&id).await), [("email", "sent")]);
    let timeline = sandbox.timeline(&id).await;
    assert!(
        codes(&timeline).contains(&"attempt.unknown") && codes(&timeline).contains(&"unknown.resend"),
        "{timeline:?}"
    );
    let arrived = sandbox.arrived().await;
    let keys: Vec<_> = arrived.iter().map(|message| message["idempotency_key"].clone()).collect();
    assert_eq!(keys, [json!(format!("{id}.email")), json!(format!("{id}.email"))], "twice, under one key");
}

#[tokio::test]
async fn a_message_is_delivered_when_its_vendor_says_so() {
    let sandbox = Sandbox::start();
    for vendor in ["twilio", "sendgrid"] {
        let path = format!("/sandbox/receipts/{vendor}");
        let late = json!({"receipt": "late", "delay_ms": 600_000});
        assert!(sandbox.client().put(&path, &late).await.unwrap().status.is_success());
    }
    let id = sandbox.submit(&reminder("1")).await["id"].as_str().unwrap().to_owned();
    assert_eq!(states(&sandbox.accepted(&id).await), [("email", "sent"), ("sms", "sent")]);
    sandbox.receipts("twilio", "delivered").await;
    sandbox.receipts("sendgrid", "delivered").await;
    assert_eq!(states(&sandbox.settled(&id).await), [("email", "delivered"), ("sms", "delivered")]);
    let timeline = sandbox.timeline(&id).await;
    assert_eq!(timeline.iter().filter(|fact| fact["kind"] == "delivered").count(), 2, "{timeline:?}");
    let stats = sandbox.client().get("/v1/stats").await.unwrap().json;
    assert_eq!(stats["now"]["unmatched_receipts"], 0, "{stats}");
}

#[tokio::test]
async fn nothing_more_is_sent_to_an_address_that_bounced() {
    let sandbox = Sandbox::start();
    sandbox.receipts("twilio", "bounced").await;
    sandbox.receipts("sendgrid", "bounced").await;
    assert_eq!(states(&sandbox.remind("1").await), [("email", "bounced"), ("sms", "bounced")]);
    assert_eq!(states(&sandbox.remind("1").await), [("email", "suppressed"), ("sms", "suppressed")]);
    assert_eq!(sandbox.arrived().await.len(), 2);
    let listed = sandbox.client().get("/v1/suppressions").await.unwrap().json;
    let causes: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|item| &item["cause"]).collect();
    assert_eq!(causes, ["bounced", "bounced"], "{listed}");
    // Another try would do: the address stays.
    sandbox.receipts("twilio", "failed").await;
    let notification = sandbox.remind("3").await;
    assert_eq!(states(&notification), [("email", "suppressed"), ("sms", "failed")], "{notification}");
    let metrics = sandbox.client().get("/metrics").await.unwrap();
    assert!(String::from_utf8_lossy(&metrics.bytes).contains("notifier_stuck_deliveries_repaired_total 0\n"));
}

#[tokio::test]
async fn an_outage_of_the_user_database_is_waited_out() {
    let sandbox = Sandbox::start();
    sandbox.fault("directory", json!({"fault": "unavailable", "times": 2})).await;
    let id = sandbox.submit(&one_sms()).await["id"].as_str().unwrap().to_owned();
    let notification = sandbox.settled(&id).await;
    assert_eq!(states(&notification), [("sms", "delivered")]);
    assert_eq!(notification["deliveries"][0]["attempts"], 1);
    assert!(codes(&sandbox.timeline(&id).await).contains(&"directory.unavailable"));
}

#[tokio::test]
async fn what_is_scheduled_is_never_early() {
    let sandbox = Sandbox::start();
    let now = notifier_core::Clock::now(&notifier_core::SystemClock);
    let due_at = now + jiff::SignedDuration::from_millis(1_500);
    let mut request = one_sms();
    request["schedule"] = json!({"at": due_at.to_string()});
    let id = sandbox.submit(&request).await["id"].as_str().unwrap().to_owned();
    assert!(sandbox.arrived().await.is_empty());
    sandbox.settled(&id).await;
    let arrived = sandbox.arrived().await;
    let received_at: jiff::Timestamp = arrived[0]["received_at"].as_str().unwrap().parse().unwrap();
    assert!(received_at >= due_at, "due {due_at}, received {received_at}");
    println!("late by {} ms", due_at.duration_until(received_at).as_millis());
}

#[tokio::test]
async fn a_restart_keeps_everything_and_ends_cleanly() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::sandbox(data.path());
    let due_at = notifier_core::Clock::now(&notifier_core::SystemClock) + jiff::SignedDuration::from_hours(1);
    let mut request = one_sms();
    request["schedule"] = json!({"at": due_at.to_string()});
    let id = server.client.post("/v1/notifications", &request).await.unwrap().json["id"].as_str().unwrap().to_owned();
    assert!(server.terminate().unwrap().success());
    let server = Server::sandbox(data.path());
    let answer = server.client.get(&format!("/v1/notifications/{id}")).await.unwrap();
    assert_eq!(states(&answer.json), [("sms", "pending")]);
    let cancelled = server.client.post(&format!("/v1/notifications/{id}/cancel"), &json!({})).await.unwrap();
    assert_eq!(states(&cancelled.json), [("sms", "cancelled")]);
}

/// As from a terminal that is closed, or from somebody who takes it for a server whose plugins can be replaced.
#[tokio::test]
async fn a_hang_up_does_not_end_it() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::sandbox(data.path());
    let hang_up = std::process::Command::new("kill").args(["-HUP", &server.id().to_string()]).status().unwrap();
    assert!(hang_up.success());
    assert_eq!(server.client.get("/health").await.unwrap().json, json!({"status": "ok"}));
    assert!(server.terminate().unwrap().success(), "it ended in order, and not by the first signal");
}

#[tokio::test]
async fn the_routes_of_the_replaced_service_answer() {
    let sandbox = Sandbox::start();
    let client = sandbox.client();
    assert_eq!(client.get("/health").await.unwrap().json, json!({"status": "ok"}));
    let preferences = client.get("/preferences/1").await.unwrap().json;
    let expected = json!({
        "user_id": "1", "email_enabled": true, "sms_enabled": true,
        "property_types": ["apartment", "house"], "location": "New York",
    });
    assert_eq!(preferences, expected);
    let due_at = notifier_core::Clock::now(&notifier_core::SystemClock) + jiff::SignedDuration::from_millis(700);
    let request = json!({
        "user_id": 1, "property_id": 1, "message": "Hello {{not a variable}}", "scheduled_time_utc": due_at.to_string(),
    });
    let scheduled = client.post("/notifications/schedule", &request).await.unwrap();
    assert_eq!(scheduled.status, StatusCode::OK, "{}", scheduled.json);
    let ids = scheduled.json["notification_ids"].as_array().unwrap().clone();
    let kind = |id: &Value| {
        let path = format!("/notifications/{}", id.as_str().unwrap());
        async move { client.get(&path).await.unwrap().json }
    };
    let (email, sms) = (kind(&ids[0]).await, kind(&ids[1]).await);
    assert_eq!((&email["notification_type"], &sms["notification_type"]), (&json!("email"), &json!("sms")));
    assert_eq!((&email["sent"], &sms["sent"]), (&json!(false), &json!(false)));
    assert_eq!(sms["details"]["message"], "Hello {{not a variable}}");
    assert!(email["details"]["to_email"].is_string() && email["details"]["from_email"].is_string(), "{email}");
    sandbox.settled(ids[0].as_str().unwrap().split('.').next().unwrap()).await;
    assert_eq!(kind(&ids[1]).await["sent"], true);
    assert_eq!(sandbox.arrived().await.len(), 2);

    let schedule = async |user: u32, at: &str| {
        let request = json!({"user_id": user, "property_id": 1, "message": "x", "scheduled_time_utc": at});
        client.post("/notifications/schedule", &request).await.unwrap()
    };
    assert_eq!(schedule(99, "2099-01-01T00:00:00Z").await.status, StatusCode::NOT_FOUND);
    assert_eq!(schedule(1, "2020-01-01T00:00:00Z").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(schedule(4, "2027-01-01T00:00:00Z").await.json, json!({"notification_ids": []}));
}
