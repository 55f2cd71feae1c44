//! Cancel, reschedule, replace, acknowledge and collapse.

use notifier_core::{Category, Goal, Strategy};

use super::*;

fn later() -> Value {
    json!({"schedule": {"at": "2026-06-02T12:00:00Z"}})
}

fn later_with(name: &str, value: &str) -> Value {
    json!({"schedule": {"at": "2026-06-02T12:00:00Z"}, name: value})
}

/// What is submitted later has a later id.
async fn sent(server: &TestServer) -> String {
    let id = server.sms(json!({})).await;
    server.settled(&id).await;
    server.clock.advance(jiff::SignedDuration::from_secs(1));
    id
}

#[tokio::test]
async fn what_is_meant_can_be_named_by_id_or_by_key() {
    let server = TestServer::start().await;
    let id = server.sms(later()).await;
    let answer = server.post("/v1/notifications/cancel", &json!({"id": id})).await.ok();
    assert_eq!((&answer["id"], &answer["stopped"]), (&json!(id), &json!(true)));

    let id = server.sms(later_with("idempotency_key", "k 1")).await;
    let at = json!({"idempotency_key": "k 1", "schedule": {"at": "2026-06-03T12:00:00Z"}});
    let moved = server.post("/v1/notifications/reschedule", &at).await.ok();
    assert_eq!((&moved["id"], &moved["due_at"]), (&json!(id), &json!("2026-06-03T12:00:00Z")));
    assert_eq!(moved["changed"], json!([format!("{id}.sms")]));
    let by_id = json!({"id": id, "schedule": {"at": "2026-06-04T12:00:00Z"}});
    assert_eq!(server.post("/v1/notifications/reschedule", &by_id).await.ok()["due_at"], "2026-06-04T12:00:00Z");
    let answer = server.post("/v1/notifications/cancel", &json!({"idempotency_key": "k 1"})).await.ok();
    assert_eq!((&answer["id"], &answer["stopped"]), (&json!(id), &json!(true)));

    for path in ["/v1/notifications/cancel", "/v1/notifications/reschedule"] {
        let mut nobody = json!({"idempotency_key": "k 2"});
        if path.ends_with("reschedule") {
            nobody["schedule"] = at["schedule"].clone();
        }
        server.post(path, &nobody).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn everything_that_fits_a_filter_gets_another_time() {
    let server = TestServer::start().await;
    let sent = sent(&server).await;
    let (about, other) = (server.sms(later_with("subject", "1")).await, server.sms(later()).await);
    let moved = json!({"filter": {"subject": "1", "state": "pending"}, "schedule": {"at": "2026-06-09T12:00:00Z"}});
    let answer = server.post("/v1/notifications/reschedule", &moved).await.ok();
    assert_eq!(answer, json!({"matched": 1, "rescheduled": 1, "still_being_sent": 0}));
    let due = server.get(&format!("/v1/notifications/{about}")).await.ok()["due_at"].clone();
    assert_eq!(due, json!("2026-06-09T12:00:00Z"));
    let due = server.get(&format!("/v1/notifications/{other}")).await.ok()["due_at"].clone();
    assert_ne!(due, json!("2026-06-09T12:00:00Z"));
    assert_eq!(server.state(&sent).await, "sent");
    let past = json!({"filter": {"state": "pending"}, "schedule": {"at": "2020-01-01T00:00:00Z"}});
    let refused = server.post("/v1/notifications/reschedule", &past).await;
    assert_eq!(refused.problem(422, "invalid-request")["field"], "schedule.at");
    let nothing = json!({"filter": {}, "schedule": {"at": "2026-06-09T12:00:00Z"}});
    let refused = server.post("/v1/notifications/reschedule", &nothing).await;
    assert_eq!(refused.problem(422, "invalid-request")["field"], "filter");
}

#[tokio::test]
async fn what_is_replaced_can_be_named_by_its_key() {
    let server = TestServer::start().await;
    let old = server.sms(later_with("idempotency_key", "k 1")).await;
    let with = json!({"recipient": {"id": "1"}, "content": {"sms": {"text": "y"}}, "idempotency_key": "k 2"});
    let body = json!({"idempotency_key": "k 1", "with": with});
    let answer = server.post("/v1/notifications/replace", &body).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["replaced"]), (202, &json!(old)), "{}", answer.json());
    assert_eq!(server.state(&old).await, "cancelled");
    let nobody = json!({"idempotency_key": "k 3", "with": with});
    server.post("/v1/notifications/replace", &nobody).await.problem(404, "not-found");
    let both = json!({"id": old, "idempotency_key": "k 1", "with": with});
    server.post("/v1/notifications/replace", &both).await.problem(422, "invalid-request");
}

#[tokio::test]
async fn everything_that_fits_a_filter_is_cancelled() {
    let server = TestServer::start().await;
    let sent = sent(&server).await;
    let about = server.sms(later_with("subject", "1")).await;
    let other = server.sms(later()).await;
    let filter = json!({"filter": {"subject": "1", "channel": "sms", "due_from": "2026-06-02T00:00:00Z"}});
    let answer = server.post("/v1/notifications/cancel", &filter).await.ok();
    assert_eq!(answer, json!({"matched": 1, "cancelled": 1, "still_being_sent": 0}));
    let mut states = Vec::new();
    for id in [&sent, &about, &other] {
        states.push(server.state(id).await);
    }
    assert_eq!(states, ["sent", "cancelled", "pending"]);
    let none = json!({"filter": {"state": "pending"}, "cursor": sent});
    assert_eq!(
        server.post("/v1/notifications/cancel", &none).await.ok()["matched"],
        0,
        "nothing is older than the first"
    );
    let all = json!({"filter": {"state": "pending"}});
    assert_eq!(server.post("/v1/notifications/cancel", &all).await.ok()["cancelled"], 1);
    assert_eq!(server.state(&other).await, "cancelled");
}

#[tokio::test]
async fn a_list_shows_what_fits() {
    let server = TestServer::start().await;
    let sent = sent(&server).await;
    let about = server.sms(later_with("subject", "1")).await;
    for (query, expected) in [
        ("state=pending", vec![&about]),
        ("state=sent&provider=scripted", vec![&sent]),
        ("provider=other", vec![]),
        ("subject=1", vec![&about]),
        ("category=default&channel=sms", vec![&about, &sent]),
        ("channel=email", vec![]),
        ("due_until=2026-06-02T00:00:00Z", vec![&sent]),
        ("due_from=2026-06-02T00:00:00Z", vec![&about]),
    ] {
        let listed = server.get(&format!("/v1/notifications?{query}")).await.ok();
        let ids: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn what_waits_can_be_moved_and_what_is_gone_cannot() {
    let server = TestServer::start().await;
    let id = server.sms(later()).await;
    let path = format!("/v1/notifications/{id}/reschedule");
    let moved = server.post(&path, &json!({"schedule": {"at": "2026-06-01T12:00:30Z"}})).await.ok();
    assert_eq!(moved["deliveries"][0]["due_at"], "2026-06-01T12:00:30Z");
    let past = server.post(&path, &json!({"schedule": {"at": "2026-06-01T11:00:00Z"}})).await;
    assert_eq!(past.problem(422, "invalid-request")["field"], "schedule.at");
    server.clock.advance(jiff::SignedDuration::from_secs(30));
    server.settled(&id).await;
    assert_eq!(server.state(&id).await, "sent");
    let problem = server.post(&path, &later()).await.problem(409, "too-late");
    assert!(problem["detail"].as_str().unwrap().contains("the sms is sent"), "{problem}");
    let unknown = "/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/reschedule";
    server.post(unknown, &later()).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_replacement_takes_the_place_of_what_waits() {
    let server = TestServer::start().await;
    let words = json!({"recipient": {"id": "1"}, "channels": ["sms"], "content": {"sms": {"text": "new"}}});
    let id = server.sms(later()).await;
    let answer = server.post(&format!("/v1/notifications/{id}/replace"), &words).await;
    assert_eq!((answer.status, &answer.json()["replaced"]), (StatusCode::ACCEPTED, &json!(id)));
    let new = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["location"], format!("/v1/notifications/{new}"));
    server.settled(&new).await;
    assert_eq!((server.state(&id).await.as_str(), server.state(&new).await.as_str()), ("cancelled", "sent"));
    server.post(&format!("/v1/notifications/{new}/replace"), &words).await.problem(409, "too-late");
    assert_eq!(server.provider.calls().len(), 1, "what was refused is not sent");
    let unknown = "/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/replace";
    server.post(unknown, &words).await.problem(404, "not-found");
}

#[tokio::test]
async fn the_newest_under_a_collapse_key_takes_the_place_of_what_waits() {
    let server = TestServer::start().await;
    let first = server.sms(later_with("collapse_key", "news")).await;
    let mut body = json!({"recipient": {"id": "1"}, "channels": ["sms"], "content": {"sms": {"text": "newer"}}});
    body.as_object_mut().unwrap().extend(later_with("collapse_key", "news").as_object().unwrap().clone());
    let second = server.post("/v1/notifications", &body).await.json();
    assert_eq!(second["replaced"], json!(first));
    assert_eq!(server.state(&first).await, "cancelled");
    let shown = server.get(&format!("/v1/notifications/{}", second["id"].as_str().unwrap())).await.ok();
    assert_eq!(shown["collapse_key"], "news");
    let third = json!({"recipient": {"id": "1"}, "content": {"sms": {"text": "x"}}});
    assert_eq!(server.post("/v1/notifications", &third).await.json()["replaced"], Value::Null);
}

#[tokio::test]
async fn an_acknowledgement_ends_what_escalates() {
    let mut category = Category::named("emergency".parse().unwrap());
    category.strategy = Strategy::Sequence { until: Goal::Acknowledged, wait_ms: 60_000 };
    let build = |builder: NotifierBuilder| {
        builder.route(Channel::Sms, "scripted").route(Channel::Email, "scripted").category(category)
    };
    let server = TestServer::start_built(settings(), Router::new(), ScriptedProvider::accepting(), build).await;
    let request = json!({
        "recipient": {"id": "1"}, "category": "emergency", "channels": ["sms", "email"],
        "content": {"sms": {"text": "x"}, "email": {"subject": "x", "text": "x"}},
    });
    let id = server.post("/v1/notifications", &request).await.json()["id"].as_str().unwrap().to_owned();
    server.provider.called(1).await;
    let path = format!("/v1/notifications/{id}/acknowledge");
    let answer = server.post(&path, &json!({"by": "Ana, on call"})).await.ok();
    assert_eq!(
        (&answer["acknowledged_at"], &answer["changed"]),
        (&json!("2026-06-01T12:00:00Z"), &json!([format!("{id}.email")]))
    );
    let timeline = server.get(&format!("/v1/notifications/{id}/timeline")).await.ok().to_string();
    assert!(timeline.contains("acknowledged by Ana, on call"), "{timeline}");
    // Again, without a body: nothing more changes.
    let again = server.call(Request::post(&path).body(Body::empty()).unwrap()).await.ok();
    assert_eq!(again["changed"], json!([]));
    server.clock.advance(jiff::SignedDuration::from_secs(120));
    server.settled(&id).await;
    let shown = server.get(&format!("/v1/notifications/{id}")).await.ok();
    assert_eq!((&shown["strategy"], &shown["deliveries"][1]["state"]), (&json!("escalate"), &json!("suppressed")));
    assert_eq!(server.provider.calls().len(), 1);
    let unknown = "/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/acknowledge";
    server.post(unknown, &json!({})).await.problem(404, "not-found");
}
