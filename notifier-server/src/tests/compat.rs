//! The routes of the replaced service.

use super::*;

fn schedule() -> Value {
    json!({"user_id": "1", "property_id": "1", "message": "Hi {{name}} <b>", "scheduled_time_utc": "2026-06-01T13:00:00"})
}

async fn with_preferences(email: bool, sms: bool) -> TestServer {
    let server = TestServer::start().await;
    let wanted = json!({"email_enabled": email, "sms_enabled": sms, "property_types": ["house"], "location": "Miami"});
    let stored = server.put("/preferences/1", &wanted).await.ok();
    assert_eq!(stored["user_id"], "1");
    server
}

#[tokio::test]
async fn a_message_is_scheduled_and_read_on_each_enabled_channel() {
    let server = with_preferences(true, true).await;
    let answer = server.post("/notifications/schedule", &schedule()).await.ok();
    let ids = answer["notification_ids"].as_array().unwrap().clone();
    assert_eq!(ids.len(), 2);

    let email = server.get(&format!("/notifications/{}", ids[0].as_str().unwrap())).await.ok();
    let expected = json!({
        "id": ids[0], "user_id": "1", "property_id": "1", "notification_type": "email",
        "scheduled_time_utc": "2026-06-01T13:00:00Z", "sent": false, "service_response": null,
        "details": {
            "to_email": "ana@example.com", "subject": "About 12 Bleecker Street", "from_email": "office@example.com",
            "text_body": "Hi {{name}} <b>",
            "html_body": "<p style=\"white-space: pre-line\">Hi {{name}} &lt;b&gt;</p>",
        },
    });
    assert_eq!(email, expected);
    let sms = server.get(&format!("/notifications/{}", ids[1].as_str().unwrap())).await.ok();
    assert_eq!(sms["notification_type"], "sms");
    let details = json!({
        "to_phone_number": "+14155550101", "from_phone_number": "+15005550006", "message": "Hi {{name}} <b>",
    });
    assert_eq!(sms["details"], details);

    server.clock.set("2026-06-01T13:00:00Z".parse().unwrap());
    server.settled(ids[0].as_str().unwrap().trim_end_matches(".email")).await;
    let email = server.get(&format!("/notifications/{}", ids[0].as_str().unwrap())).await.ok();
    assert_eq!(email["sent"], true);
    assert!(email["service_response"].as_str().unwrap().starts_with("scripted-"), "{email}");
}

#[tokio::test]
async fn only_enabled_channels_are_used() {
    for (email, sms, expected) in [(true, false, ".email"), (false, true, ".sms")] {
        let server = with_preferences(email, sms).await;
        let answer = server.post("/notifications/schedule", &schedule()).await.ok();
        let ids = answer["notification_ids"].as_array().unwrap();
        assert!(ids.len() == 1 && ids[0].as_str().unwrap().ends_with(expected), "{answer}");
    }
    let server = with_preferences(false, false).await;
    let answer = server.post("/notifications/schedule", &schedule()).await.ok();
    assert_eq!(answer, json!({"notification_ids": []}));
    assert_eq!(server.get("/v1/notifications").await.ok()["items"], json!([]));
}

/// They were written when there were two: what came later is not theirs to change, and not for them to see.
#[tokio::test]
async fn other_channels_are_left_alone() {
    let server = TestServer::start().await;
    server.put("/v1/preferences/1", &json!({"channels": {"sms": false, "push": false, "chat": true}})).await.ok();
    server.put("/preferences/1", &json!({"email_enabled": false, "sms_enabled": true})).await.ok();
    let stored = server.get("/v1/preferences/1").await.ok();
    assert_eq!(stored["channels"], json!({"email": false, "sms": true, "push": false, "chat": true}));
    let answer = server.post("/notifications/schedule", &schedule()).await.ok();
    let ids = answer["notification_ids"].as_array().unwrap();
    assert!(ids.len() == 1 && ids[0].as_str().unwrap().ends_with(".sms"), "{answer}");
    let request = json!({
        "recipient": {"id": "1", "chat_id": "C1"}, "channels": ["chat"], "content": {"chat": {"text": "x"}},
    });
    let submitted = server.post("/v1/notifications", &request).await.json();
    let id = submitted["deliveries"][0]["id"].as_str().unwrap();
    server.get(&format!("/notifications/{id}")).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let server = TestServer::start().await;
    let detail = |answer: &Answer| answer.problem(404, "not-found")["detail"].as_str().unwrap().to_owned();
    let answer = server.post("/notifications/schedule", &schedule()).await;
    assert_eq!(detail(&answer), "User preferences not found");
    assert_eq!(detail(&server.get("/preferences/1").await), "User preferences not found");
    assert_eq!(detail(&server.get("/preferences/9").await), "User not found");
    assert_eq!(detail(&server.put("/preferences/9", &json!({})).await), "User not found");
    server.put("/preferences/1", &json!({})).await.ok();
    let other = |field: &str| {
        let mut body = schedule();
        body[field] = "9".into();
        body
    };
    assert_eq!(detail(&server.post("/notifications/schedule", &other("user_id")).await), "User not found");
    assert_eq!(detail(&server.post("/notifications/schedule", &other("property_id")).await), "Property not found");
    let never = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11";
    for id in ["x", never, &format!("{never}.email"), "%ff"] {
        let answer = server.get(&format!("/notifications/{id}")).await;
        assert!(answer.status == 404 || id == "%ff", "{id}");
    }
    assert_eq!(server.get("/v1/notifications").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_its_field() {
    let server = with_preferences(true, true).await;
    for (field, value) in [
        ("scheduled_time_utc", json!("2026-06-01T12:00:00Z")),
        ("scheduled_time_utc", json!("2026-06-01T11:59:59")),
        ("scheduled_time_utc", json!("tomorrow")),
        ("scheduled_time_utc", json!(null)),
        ("message", json!("")),
        ("message", json!("x".repeat(1_601))),
        ("message", json!(1)),
        ("user_id", json!("")),
        ("property_id", json!(1.5)),
        ("property_id", json!([1])),
        ("property", json!("1")),
    ] {
        let mut body = schedule();
        body[field] = value;
        let problem = server.post("/notifications/schedule", &body).await.problem(422, "invalid-request");
        assert_eq!(problem["field"], field, "{problem}");
    }
    let problem = server.put("/preferences/1", &json!({"email_enabled": "yes"})).await.problem(422, "invalid-request");
    assert_eq!(problem["field"], "email_enabled");
    assert_eq!(server.get("/v1/notifications").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn preferences_have_their_defaults() {
    let server = TestServer::start().await;
    let defaults =
        json!({"user_id": "1", "email_enabled": true, "sms_enabled": false, "property_types": [], "location": ""});
    assert_eq!(server.post("/preferences/1", &json!({})).await.ok(), defaults);
    assert_eq!(server.get("/preferences/1").await.ok(), defaults);
    server.put("/v1/preferences/1", &json!({"interests": {"property_types": "house", "location": 1}})).await.ok();
    let read = server.get("/preferences/1").await.ok();
    assert_eq!(
        (&read["sms_enabled"], &read["property_types"], &read["location"]),
        (&json!(true), &json!([]), &json!(""))
    );
}

#[tokio::test]
async fn what_was_sent_is_shown_as_it_was_sent() {
    let server = with_preferences(true, true).await;
    let ids = server.post("/notifications/schedule", &schedule()).await.ok()["notification_ids"].clone();
    let read = async |index: usize| server.get(&format!("/notifications/{}", ids[index].as_str().unwrap())).await.ok();
    server.lookup.set_down(true);
    for index in [0, 1] {
        let unknown = read(index).await;
        assert_eq!(
            (&unknown["details"], &unknown["sent"], &unknown["user_id"]),
            (&Value::Null, &json!(false), &json!("1"))
        );
    }
    server.lookup.set_down(false);
    server.clock.set("2026-06-01T13:00:00Z".parse().unwrap());
    server.settled(ids[0].as_str().unwrap().trim_end_matches(".email")).await;

    let mut moved = Recipient::with_id(RecipientId::new("1").unwrap());
    moved.email = Some(EmailAddress::parse("moved@example.com").unwrap());
    moved.phone = Some(PhoneNumber::parse("+14155550199").unwrap());
    server.lookup.put_recipient(moved);
    let (email, sms) = (read(0).await, read(1).await);
    let words = json!({
        "to_email": "ana@example.com", "subject": "About 12 Bleecker Street", "from_email": "office@example.com",
        "text_body": "Hi {{name}} <b>",
        "html_body": "<p style=\"white-space: pre-line\">Hi {{name}} &lt;b&gt;</p>",
    });
    assert_eq!((&email["details"], &email["sent"]), (&words, &json!(true)));
    let words =
        json!({"to_phone_number": "+14155550101", "from_phone_number": "+15005550006", "message": "Hi {{name}} <b>"});
    assert_eq!(sms["details"], words);

    server.lookup.set_down(true);
    let (email, sms) = (read(0).await, read(1).await);
    let known = json!({
        "to_email": "ana@example.com", "subject": null, "from_email": "office@example.com", "text_body": null, "html_body": null,
    });
    assert_eq!((&email["details"], &email["sent"]), (&known, &json!(true)));
    let known = json!({"to_phone_number": "+14155550101", "from_phone_number": "+15005550006", "message": null});
    assert_eq!(sms["details"], known);
}

#[tokio::test]
async fn words_that_have_changed_since_are_not_shown_as_those_sent() {
    let server = TestServer::start().await;
    let template = |text: &str| json!({"sms": {"text": text}});
    server.put("/v1/templates/t", &template("first")).await.ok();
    let request = json!({"recipient": {"id": "1"}, "channels": ["sms"], "template": {"name": "t"}});
    let id = server.post("/v1/notifications", &request).await.json()["id"].as_str().unwrap().to_owned();
    server.settled(&id).await;
    let path = format!("/notifications/{id}.sms");
    assert_eq!(server.get(&path).await.ok()["details"]["message"], "first");
    server.put("/v1/templates/t", &template("second")).await.ok();
    let details = server.get(&path).await.ok()["details"].clone();
    assert_eq!((&details["message"], &details["to_phone_number"]), (&Value::Null, &json!("+14155550101")));
}

#[tokio::test]
async fn what_the_engine_refuses_is_told_in_fields_of_the_body() {
    let server = with_preferences(true, true).await;
    let mut body = schedule();
    body["scheduled_time_utc"] = "2126-06-01T12:00:00Z".into();
    let problem = server.post("/notifications/schedule", &body).await.problem(422, "invalid-request");
    assert_eq!(problem["field"], "scheduled_time_utc", "{problem}");
    assert!(!problem.to_string().contains("schedule.at"), "{problem}");
    let email_only = with_preferences(true, false).await;
    let mut body = schedule();
    body["message"] = "x".repeat(70_000).into();
    let problem = email_only.post("/notifications/schedule", &body).await.problem(422, "invalid-request");
    assert_eq!(problem["field"], "message", "{problem}");
    for (field, value) in [("location", json!("x".repeat(20_000))), ("property_types", json!(vec!["house"; 5_000]))] {
        let problem = server.put("/preferences/1", &json!({field: value})).await.problem(422, "invalid-request");
        assert_eq!(problem["field"], field, "{problem}");
    }
}

#[tokio::test]
async fn a_channel_without_a_provider_is_left_out() {
    let server = TestServer::start_routed(&[Channel::Email], settings(), Router::new()).await;
    server.put("/preferences/1", &json!({"email_enabled": true, "sms_enabled": true})).await.ok();
    // Longer than a text message may be, which does not matter without one.
    let mut body = schedule();
    body["message"] = "x".repeat(1_601).into();
    let answer = server.post("/notifications/schedule", &body).await.ok();
    let ids = answer["notification_ids"].as_array().unwrap();
    assert!(ids.len() == 1 && ids[0].as_str().unwrap().ends_with(".email"), "{answer}");
    server.put("/preferences/1", &json!({"email_enabled": false, "sms_enabled": true})).await.ok();
    let answer = server.post("/notifications/schedule", &schedule()).await.ok();
    assert_eq!(answer, json!({"notification_ids": []}));
}

#[tokio::test]
async fn an_outage_of_the_user_database_is_not_an_unknown_user() {
    let server = with_preferences(true, true).await;
    server.lookup.set_down(true);
    let answer = server.post("/notifications/schedule", &schedule()).await;
    answer.problem(503, "unavailable");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn the_routes_can_be_switched_off() {
    let server = TestServer::start_with(ServerSettings { compat: false, ..settings() }, Router::new()).await;
    for path in ["/preferences/1", "/health", "/notifications/x"] {
        server.get(path).await.problem(404, "not-found");
    }
    server.get("/v1/health").await.ok();
}
