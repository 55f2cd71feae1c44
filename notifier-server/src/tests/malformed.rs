//! Malformed input over all routes: a 4xx problem that names the field, and nothing stored.

use super::*;

/// What the answer must be: a status, and the field that it names (none where the body as a whole is at fault).
type Expected = (u16, Option<&'static str>);

fn valid() -> Value {
    json!({
        "recipient": {"id": "1", "email": "ana@example.com", "phone": "+14155550101"},
        "content": {"email": {"subject": "Hi", "text": "Hi"}, "sms": {"text": "Hi"}},
        "options": {"attachments": [{"filename": "a.txt", "content_type": "text/plain", "data": "aGk="}]},
    })
}

/// `valid` with one field replaced; `None` removes it. The path is a JSON pointer.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut body = valid();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match value {
        Some(value) => parent[name] = value,
        None => drop(parent.as_object_mut().unwrap().remove(name)),
    }
    body
}

// Long because it is one table.
fn fields() -> Vec<(&'static str, Value, &'static str)> {
    let long = "x".repeat(200);
    vec![
        ("/recipient", json!(1), "recipient"),
        ("/recipient", json!(null), "recipient"),
        ("/recipient/id", json!(1), "recipient.id"),
        ("/recipient/id", json!(""), "recipient.id"),
        ("/recipient/id", json!("a\r\nb"), "recipient.id"),
        ("/recipient/id", json!("a\u{0}b"), "recipient.id"),
        ("/recipient/id", json!(long), "recipient.id"),
        ("/recipient/emial", json!("a@example.com"), "recipient.emial"),
        ("/recipient/email", json!("ana"), "recipient.email"),
        ("/recipient/email", json!("ana@example.com\r\nBcc: b@example.com"), "recipient.email"),
        ("/recipient/email", json!(format!("{long}{long}@example.com")), "recipient.email"),
        ("/recipient/email", json!(["a@example.com"]), "recipient.email"),
        ("/recipient/phone", json!("4155550101"), "recipient.phone"),
        ("/recipient/phone", json!("+1 415 555 0101"), "recipient.phone"),
        ("/recipient/phone", json!("+14155550101999999"), "recipient.phone"),
        ("/recipient/phone", json!(14_155_550_101_i64), "recipient.phone"),
        ("/recipient/push_token", json!(""), "recipient.push_token"),
        ("/recipient/push_token", json!("a\nb"), "recipient.push_token"),
        ("/recipient/push_token", json!("x".repeat(4_097)), "recipient.push_token"),
        ("/recipient/push_token", json!({"endpoint": "https://push.example.com/7"}), "recipient.push_token"),
        ("/recipient/chat_id", json!("a\u{0}b"), "recipient.chat_id"),
        ("/recipient/chat_id", json!("x".repeat(257)), "recipient.chat_id"),
        ("/recipient/chat_id", json!(7), "recipient.chat_id"),
        ("/recipient/webhook_url", json!("http://example.com/"), "recipient.webhook_url"),
        ("/recipient/webhook_url", json!("https://user:pass@example.com/"), "recipient.webhook_url"),
        ("/recipient/webhook_url", json!("https://example.com/#x"), "recipient.webhook_url"),
        ("/recipient/locale", json!("english"), "recipient.locale"),
        ("/recipient/time_zone", json!("Mars/Olympus"), "recipient.time_zone"),
        ("/recipient/time_zone", json!("+02:00"), "recipient.time_zone"),
        ("/category", json!("nope"), "category"),
        ("/category", json!("Bad Name"), "category"),
        ("/channels", json!([]), "channels"),
        ("/channels", json!("email"), "channels"),
        ("/channels", json!(["email", "fax"]), "channels[1]"),
        ("/channels", json!(["email", "email"]), "channels"),
        ("/template", json!({"name": "nope"}), "content"),
        ("/content", json!({}), "content"),
        ("/content", json!({"fax": {"text": "x"}}), "content.fax"),
        ("/content", json!({"push": {"text": "x"}}), "content.push.text"),
        ("/content", json!({"push": {"title": "x"}}), "content.push.body"),
        ("/content/push", json!({"title": "", "body": "x"}), "content.push.title"),
        ("/content/push", json!({"title": "x", "body": "{{"}), "content.push.body"),
        ("/content/push", json!({"title": "x", "body": "x", "data": []}), "content.push.data"),
        ("/content/push", json!({"title": "x", "body": "x", "data": {"n": 1}}), "content.push.data.n"),
        ("/content/push", json!({"title": "x", "body": "x", "data": {"n": "{{#if}"}}), "content.push.data.n"),
        ("/content/push", json!({"title": "x", "body": "x", "data": {"n": "y".repeat(20_000)}}), "content.push.data"),
        ("/content/chat", json!({"text": " "}), "content.chat.text"),
        ("/content/chat", json!({"text": "x", "layout": []}), "content.chat.layout"),
        ("/content/chat", json!({"text": "x", "layout": "no JSON"}), "content.chat.layout"),
        ("/content/chat", json!({"text": "x", "layout": "[\"{{{x}}}\"]"}), "content.chat.layout"),
        ("/content/webhook", json!({"kind": "Rent Due", "payload": "{}"}), "content.webhook.kind"),
        ("/content/webhook", json!({"kind": "rent.due", "payload": {}}), "content.webhook.payload"),
        ("/content/webhook", json!({"kind": "rent.due", "payload": "7"}), "content.webhook.payload"),
        ("/content/email", json!({"text": "x"}), "content.email.subject"),
        ("/content/email/subject", json!(""), "content.email.subject"),
        ("/content/email/subject", json!("a\r\nBcc: b@example.com"), "content.email.subject"),
        ("/content/email/text", json!("{{#if}"), "content.email.text"),
        ("/content/email/text", json!("{{> partial}}"), "content.email.text"),
        ("/content/sms/text", json!(""), "content.sms.text"),
        ("/content/sms/text", json!("x".repeat(200_000)), "content.sms.text"),
        ("/content/sms/body", json!("x"), "content.sms.body"),
        ("/variables", json!([]), "variables"),
        ("/variables", json!({"recipient": 1}), "variables.recipient"),
        ("/variables", json!({"x": "y".repeat(70_000)}), "variables"),
        ("/variables", json!({"x": vec![0; 1_001]}), "variables"),
        ("/subject", json!(""), "subject"),
        ("/subject", json!({"id": "1"}), "subject"),
        ("/options/reply_to", json!("nobody"), "options.reply_to"),
        ("/options/reply_to", json!("A\r\nBcc: b@example.com <a@example.com>"), "options.reply_to"),
        ("/options/headers", json!([]), "options.headers"),
        ("/options/headers", json!({"Bcc": "b@example.com"}), "options.headers.Bcc"),
        ("/options/headers", json!({"X-A": "a\r\nBcc: b@example.com"}), "options.headers.X-A"),
        ("/options/headers", json!({"X A": "a"}), "options.headers.X A"),
        ("/options/attachments/0/data", json!("***"), "options.attachments[0].data"),
        ("/options/attachments/0/data", json!(""), "options.attachments[0].data"),
        ("/options/attachments/0/data", json!("A".repeat(720_000)), "options.attachments"),
        ("/options/attachments/0/filename", json!("../a"), "options.attachments[0].filename"),
        ("/options/attachments/0/content_type", json!("text"), "options.attachments[0].content_type"),
        ("/options/media_urls", json!(["ftp://example.com/a"]), "options.media_urls[0]"),
        ("/options/media", json!([]), "options.media"),
        ("/schedule", json!({}), "schedule.at"),
        ("/schedule", json!({"at": "2026-06-01T11:59:00Z"}), "schedule.at"),
        ("/schedule", json!({"at": "2026-06-02T12:00:00"}), "schedule.at"),
        ("/schedule", json!({"at": "2126-06-02T12:00:00Z"}), "schedule.at"),
        ("/schedule", json!({"at": 1}), "schedule.at"),
        ("/schedule", json!({"local_time": "2026-06-02T12:00"}), "schedule.time_zone"),
        ("/schedule", json!({"local_time": "2026-06-02T12:00", "time_zone": "Nowhere"}), "schedule.time_zone"),
        ("/schedule", json!({"local_time": "2026-06-02T12:00Z", "time_zone": "UTC"}), "schedule.local_time"),
        ("/schedule", json!({"at": "2026-06-02T12:00:00Z", "in": "1h"}), "schedule.in"),
        ("/expires_at", json!("2026-06-01T11:00:00Z"), "expires_at"),
        ("/expires_at", json!("soon"), "expires_at"),
        ("/idempotency_key", json!(""), "idempotency_key"),
        ("/idempotency_key", json!("a\u{7f}"), "idempotency_key"),
        ("/collapse_key", json!(""), "collapse_key"),
        ("/collapse_key", json!("x".repeat(129)), "collapse_key"),
        ("/collapse_key", json!(1), "collapse_key"),
        ("/tenant", json!("other"), "tenant"),
        ("/extra", json!(true), "extra"),
    ]
}

#[tokio::test]
async fn each_field_of_a_notification_is_checked() {
    let server = TestServer::start().await;
    assert_eq!(server.post("/v1/notifications", &with("/recipient/locale", None)).await.status, 202);
    let before = server.get("/v1/notifications").await.ok();
    for (pointer, value, field) in fields() {
        let body = with(pointer, Some(value));
        let problem = server.post("/v1/notifications", &body).await.problem(422, "invalid-request");
        assert_eq!(problem["field"], field, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    for (pointer, field) in [
        ("/recipient", "recipient"),
        ("/recipient/id", "recipient.id"),
        ("/content", "template"),
        ("/content/email/subject", "content.email.subject"),
        ("/options/attachments/0/data", "options.attachments[0].data"),
    ] {
        let problem = server.post("/v1/notifications", &with(pointer, None)).await.problem(422, "invalid-request");
        assert_eq!(problem["field"], field, "{problem}");
    }
    assert_eq!(server.get("/v1/notifications").await.ok(), before, "nothing of it was stored");
}

#[tokio::test]
async fn several_mistakes_are_told_together() {
    let server = TestServer::start().await;
    let mut body = valid();
    body["recipient"] = json!({"id": "", "email": "x", "phone": "y"});
    body["expires_at"] = "soon".into();
    let problem = server.post("/v1/notifications", &body).await.problem(422, "invalid-request");
    let named: Vec<&str> = problem["errors"].as_array().unwrap().iter().filter_map(|e| e["field"].as_str()).collect();
    assert_eq!(named, ["recipient.id", "recipient.email", "recipient.phone", "expires_at"]);
}

#[tokio::test]
async fn an_answer_does_not_outgrow_the_request_that_caused_it() {
    let server = TestServer::start().await;
    let many = |key: &dyn Fn(usize) -> String, value: Value| -> Value {
        Value::Object((0..20_000).map(|n| (key(n), value.clone())).collect())
    };
    let variable = json!({"type": "any"});
    let cases = [
        (Method::POST, "/v1/notifications", with("/options/media_urls", Some(json!(vec![""; 100_000])))),
        (Method::POST, "/v1/notifications", with("/options/headers", Some(many(&|n| format!("X {n}"), json!(""))))),
        (
            Method::POST,
            "/v1/notifications",
            with(
                "/options/attachments",
                Some(json!(vec![json!({"filename": "", "content_type": "", "data": "*"}); 10_000])),
            ),
        ),
        (Method::POST, "/v1/notifications", with(&format!("/{}", "x".repeat(1_000_000)), Some(json!(1)))),
        (Method::PUT, "/v1/preferences/1", json!({"channels": many(&|n| n.to_string(), json!(true))})),
        (
            Method::PUT,
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "variables": many(&|n| n.to_string(), variable)}),
        ),
        (Method::PUT, "/v1/templates/t", json!({"sms": {"text": "x"}, "locales": many(&|n| n.to_string(), json!({}))})),
    ];
    for (method, path, body) in cases {
        let answer = server.send(method, path, &body).await;
        let problem = answer.problem(422, "invalid-request");
        assert!(answer.body.len() < 16_384, "{path}: {} bytes", answer.body.len());
        assert!(problem["detail"].as_str().unwrap().len() < 4_096, "{problem}");
    }
}

const UNKNOWN_ACKNOWLEDGE: &str = "/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/acknowledge";
const UNKNOWN_RESCHEDULE: &str = "/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/reschedule";

// Long because it is a table.
#[tokio::test]
async fn each_body_of_another_route_is_checked() {
    let server = TestServer::start().await;
    let cases: Vec<(Method, &str, Value, Expected)> = vec![
        (Method::PUT, "/v1/preferences/1", json!({"channels": {"fax": true}}), (422, Some("channels.fax"))),
        (Method::PUT, "/v1/preferences/1", json!({"channels": {"sms": "no"}}), (422, Some("channels.sms"))),
        (Method::PUT, "/v1/preferences/1", json!({"channels": []}), (422, Some("channels"))),
        (Method::PUT, "/v1/preferences/1", json!({"chanels": {}}), (422, Some("chanels"))),
        (Method::PUT, "/v1/preferences/1", json!({"interests": {"x": "y".repeat(20_000)}}), (422, Some("interests"))),
        (Method::PUT, "/v1/preferences/1", json!([]), (422, None)),
        (Method::PUT, "/v1/preferences/%0a", json!({}), (400, Some("recipient_id"))),
        (Method::PUT, "/v1/preferences/%ff", json!({}), (400, Some("recipient_id"))),
        (Method::PUT, "/v1/templates/Bad%20Name", json!({"sms": {"text": "x"}}), (400, Some("name"))),
        (Method::PUT, "/v1/templates/t", json!({}), (422, None)),
        (Method::PUT, "/v1/templates/t", json!({"sms": {}}), (422, Some("sms.text"))),
        (Method::PUT, "/v1/templates/t", json!({"sms": {"text": "{{"}}), (422, Some("sms.text"))),
        (Method::PUT, "/v1/templates/t", json!({"email": {"subject": "x"}}), (422, Some("email"))),
        (Method::PUT, "/v1/templates/t", json!({"push": {"title": "x", "body": ""}}), (422, Some("push.body"))),
        (Method::PUT, "/v1/templates/t", json!({"chat": {"text": "x", "layout": "{"}}), (422, Some("chat.layout"))),
        (Method::PUT, "/v1/templates/t", json!({"webhook": {"kind": "x"}}), (422, Some("webhook.payload"))),
        (Method::PUT, "/v1/templates/t", json!({"content": {}}), (422, Some("content"))),
        (
            Method::PUT,
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "locales": {"english": {}}}),
            (422, Some("locales.english")),
        ),
        (
            Method::PUT,
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "locales": {"es": {"sms": {"text": ""}}}}),
            (422, Some("locales.es.sms.text")),
        ),
        (
            Method::PUT,
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "variables": {"a": {"type": "date"}}}),
            (422, Some("variables.a.type")),
        ),
        (
            Method::PUT,
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "variables": {"a-b": {"type": "any"}}}),
            (422, Some("variables.a-b")),
        ),
        (Method::POST, "/v1/notifications/x/cancel", json!({}), (400, Some("id"))),
        (Method::POST, "/v1/notifications/x/acknowledge", json!({}), (400, Some("id"))),
        (Method::POST, UNKNOWN_ACKNOWLEDGE, json!({"by": ""}), (422, Some("by"))),
        (Method::POST, UNKNOWN_ACKNOWLEDGE, json!({"by": "a\nb"}), (422, Some("by"))),
        (Method::POST, UNKNOWN_ACKNOWLEDGE, json!({"by": "x".repeat(201)}), (422, Some("by"))),
        (Method::POST, UNKNOWN_ACKNOWLEDGE, json!({"by": 1}), (422, Some("by"))),
        (Method::POST, UNKNOWN_ACKNOWLEDGE, json!({"who": "x"}), (422, Some("who"))),
        (Method::POST, "/v1/notifications/x/reschedule", json!({"schedule": {}}), (400, Some("id"))),
        (Method::POST, UNKNOWN_RESCHEDULE, json!({}), (422, Some("schedule"))),
        (Method::POST, UNKNOWN_RESCHEDULE, json!({"schedule": "now"}), (422, Some("schedule"))),
        (Method::POST, UNKNOWN_RESCHEDULE, json!({"schedule": {"when": "x"}}), (422, Some("schedule.when"))),
        (Method::POST, "/v1/notifications/reschedule", json!({"schedule": {}}), (422, None)),
        (Method::POST, "/v1/notifications/reschedule", json!({"id": "1", "schedule": {}}), (422, Some("id"))),
        (
            Method::POST,
            "/v1/notifications/reschedule",
            json!({"id": "1", "idempotency_key": "k", "schedule": {}}),
            (422, Some("idempotency_key")),
        ),
        (Method::POST, "/v1/notifications/x/replace", json!({}), (422, Some("recipient"))),
        (Method::POST, "/v1/notifications/x/replace", valid(), (400, Some("id"))),
        (Method::POST, "/v1/notifications/cancel", json!({}), (422, None)),
        (Method::POST, "/v1/notifications/cancel", json!({"id": "x"}), (422, Some("id"))),
        (Method::POST, "/v1/notifications/cancel", json!({"idempotency_key": ""}), (422, Some("idempotency_key"))),
        (Method::POST, "/v1/notifications/cancel", json!({"filter": {}}), (422, Some("filter"))),
        (Method::POST, "/v1/notifications/cancel", json!({"filter": []}), (422, Some("filter"))),
        (Method::POST, "/v1/notifications/cancel", json!({"filter": {"state": "x"}}), (422, Some("filter.state"))),
        (
            Method::POST,
            "/v1/notifications/cancel",
            json!({"filter": {"channel": "fax"}}),
            (422, Some("filter.channel")),
        ),
        (
            Method::POST,
            "/v1/notifications/cancel",
            json!({"filter": {"due_from": "x"}}),
            (422, Some("filter.due_from")),
        ),
        (Method::POST, "/v1/notifications/cancel", json!({"filter": {"tenant": "x"}}), (422, Some("filter.tenant"))),
        (Method::POST, "/v1/notifications/cancel", json!({"cursor": "x"}), (422, Some("cursor"))),
        (
            Method::POST,
            "/v1/notifications/cancel",
            json!({"filter": {"state": "pending"}, "cursor": "x"}),
            (422, Some("cursor")),
        ),
        (
            Method::POST,
            "/v1/notifications/cancel",
            json!({"filter": {"state": "pending"}, "id": "x"}),
            (422, Some("filter")),
        ),
        (Method::POST, "/v1/explain", json!({}), (422, Some("recipient"))),
        (Method::POST, "/v1/explain", with("/category", Some(json!("nope"))), (422, Some("category"))),
        (Method::POST, "/v1/notifications/batch", json!([]), (422, None)),
        (Method::POST, "/v1/notifications/batch", json!({}), (422, None)),
        (Method::POST, "/v1/dead-letters/x/replay", json!({}), (400, Some("delivery_id"))),
        (Method::POST, "/v1/replays", json!({}), (422, Some("filter"))),
        (Method::POST, "/v1/replays", json!({"filter": {}, "per_second": 0}), (422, Some("per_second"))),
        (Method::POST, "/v1/replays", json!({"filter": {}, "per_second": 1_001}), (422, Some("per_second"))),
        (Method::POST, "/v1/replays", json!({"filter": {}, "per_second": 0.5}), (422, Some("per_second"))),
        (Method::POST, "/v1/replays", json!({"filter": {"recipient_id": ""}}), (422, Some("filter.recipient_id"))),
        (Method::PUT, "/v1/suppressions/fax/1", json!({}), (400, Some("channel"))),
        (Method::PUT, "/v1/suppressions/sms/+1415555", json!({}), (400, Some("address"))),
        (Method::PUT, "/v1/suppressions/email/ana", json!({}), (400, Some("address"))),
        (Method::PUT, "/v1/suppressions/email/a@example.com", json!({"note": "a\nb"}), (422, Some("note"))),
        (Method::PUT, "/v1/suppressions/email/a@example.com", json!({"note": "x".repeat(501)}), (422, Some("note"))),
        (Method::PUT, "/v1/suppressions/email/a@example.com", json!({"reason": "x"}), (422, Some("reason"))),
        (Method::DELETE, "/v1/suppressions/email/ana", json!({}), (400, Some("address"))),
        (Method::PUT, "/v1/providers/A/breaker", json!({"state": "open"}), (400, Some("name"))),
        (Method::PUT, "/v1/providers/scripted/breaker", json!({}), (422, Some("state"))),
        (Method::PUT, "/v1/providers/scripted/breaker", json!({"state": "ajar"}), (422, Some("state"))),
        (Method::PUT, "/v1/providers/scripted/breaker", json!({"state": "open", "for": 1}), (422, Some("for"))),
        (Method::POST, "/notifications/schedule", json!({}), (422, Some("user_id"))),
        (Method::PUT, "/preferences/1", json!({"sms_enabled": 1}), (422, Some("sms_enabled"))),
        (Method::PUT, "/preferences/1", json!({"property_types": ["a", 2]}), (422, Some("property_types[1]"))),
        (Method::PUT, "/preferences/1", json!({"locaton": "x"}), (422, Some("locaton"))),
    ];
    for (method, path, body, (status, field)) in cases {
        let kind = if status == 400 { "invalid-parameter" } else { "invalid-request" };
        let problem = server.send(method, path, &body).await.problem(status, kind);
        assert_eq!(problem["field"].as_str(), field, "{path} {body}: {problem}");
    }
    server.get("/v1/preferences/1").await.problem(404, "not-found");
    for path in ["/v1/templates", "/v1/notifications", "/v1/suppressions", "/v1/replays"] {
        assert_eq!(server.get(path).await.ok()["items"], json!([]), "nothing of it was stored");
    }
    assert_eq!(server.get("/v1/providers").await.ok()["items"][0]["breaker"]["state"], "closed");
}

#[tokio::test]
async fn parameters_are_checked() {
    let server = TestServer::start().await;
    for (path, field) in [
        ("/v1/notifications?limit=0", "limit"),
        ("/v1/notifications?limit=201", "limit"),
        ("/v1/notifications?limit=-1", "limit"),
        ("/v1/notifications?limit=x", "limit"),
        ("/v1/notifications?limit=1&limit=1", "limit"),
        ("/v1/notifications?cursor=x", "cursor"),
        ("/v1/notifications?recipient_id=", "recipient_id"),
        ("/v1/notifications?recipient_id=%ff", "recipient_id"),
        ("/v1/notifications?page=2", "page"),
        ("/v1/notifications?category=A", "category"),
        ("/v1/notifications?state=lost", "state"),
        ("/v1/notifications?channel=fax", "channel"),
        ("/v1/notifications?subject=", "subject"),
        ("/v1/notifications?provider=A", "provider"),
        ("/v1/notifications?due_from=today", "due_from"),
        ("/v1/notifications?due_until=2026-06-01", "due_until"),
        ("/v1/notifications/1/explain", "id"),
        ("/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/explain?deep", "deep"),
        ("/v1/dead-letters?limit=0", "limit"),
        ("/v1/dead-letters?cursor=x", "cursor"),
        ("/v1/dead-letters?cursor=c21zICsx", "cursor"),
        ("/v1/dead-letters?state=dead", "state"),
        ("/v1/suppressions?limit=x", "limit"),
        ("/v1/suppressions?cursor=%ff", "cursor"),
        ("/v1/suppressions?cursor=ZmF4IDE", "cursor"),
        ("/v1/suppressions?channel=sms", "channel"),
        ("/v1/suppressions/fax/1", "channel"),
        ("/v1/suppressions/sms/555", "address"),
        ("/v1/suppressions/email/%ff", "address"),
        ("/v1/suppressions/email/a%0d%0a@example.com", "address"),
        ("/v1/replays/0x1", "number"),
        ("/v1/replays?running", "running"),
        ("/v1/routes?x=1", "x"),
        ("/v1/stats?x=1", "x"),
        ("/metrics?x=1", "x"),
        ("/v1/notifications/1", "id"),
        ("/v1/notifications/%ff/timeline", "id"),
        ("/v1/templates/A", "name"),
        ("/v1/templates/a/versions/0", "version"),
        ("/v1/templates/a/versions/latest", "version"),
        ("/v1/templates/a/versions/4294967296", "version"),
        ("/v1/preferences/%20", "recipient_id"),
        ("/preferences/%0d", "user_id"),
        ("/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11?wait_ms=20001", "wait_ms"),
        ("/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11/timeline?verbose", "verbose"),
        ("/v1/templates?limit=0", "limit"),
        ("/v1/templates?limit=201", "limit"),
        ("/v1/templates?cursor=A", "cursor"),
        ("/v1/templates?name=a", "name"),
        ("/v1/providers?x=1", "x"),
    ] {
        let problem = server.get(path).await.problem(400, "invalid-parameter");
        assert_eq!(problem["field"], field, "{path}: {problem}");
    }
}

#[tokio::test]
async fn what_is_not_json_in_utf_8_is_refused() {
    let server = TestServer::start().await;
    let call = |content_type: Option<&'static str>, body: Vec<u8>| {
        let mut request = Request::post("/v1/notifications");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        server.call(request.body(Body::from(body)).unwrap())
    };
    let json = Some("application/json");
    call(json, b"{\"recipient\": ".to_vec()).await.problem(400, "malformed-body");
    call(json, b"".to_vec()).await.problem(400, "malformed-body");
    call(json, b"{\"recipient\": {\"id\": \"\xc3\x28\"}}".to_vec()).await.problem(400, "malformed-body");
    let deep = format!("{{\"variables\": {{\"x\": {}", "[".repeat(100_000));
    call(json, deep.into_bytes()).await.problem(400, "malformed-body");
    call(json, b"\"text\"".to_vec()).await.problem(422, "invalid-request");
    call(None, valid().to_string().into_bytes()).await.problem(415, "unsupported-media-type");
    call(Some("text/plain"), valid().to_string().into_bytes()).await.problem(415, "unsupported-media-type");
    let latin = Some("application/json; charset=iso-8859-1");
    call(latin, valid().to_string().into_bytes()).await.problem(415, "unsupported-media-type");
    let problem = call(json, b"{\n \"recipient\": }".to_vec()).await.problem(400, "malformed-body");
    assert!(problem["detail"].as_str().unwrap().contains("line 2, column 15"), "{problem}");
    assert_eq!(server.get("/v1/notifications").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let server = TestServer::start().await;
    let request = || Request::post("/v1/notifications").header("content-type", "application/json");
    // Asked before it is sent, or beyond all measure: not read at all.
    let never = || Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let asked = request().header("expect", "100-continue").header("content-length", 1_048_577).body(never()).unwrap();
    let answer = server.call(asked).await;
    answer.problem(413, "body-too-large");
    assert_eq!(answer.headers["connection"], "close");
    let beyond = request().header("content-length", 1_u64 << 40).body(never()).unwrap();
    server.call(beyond).await.problem(413, "body-too-large");
    // Of a length that is not declared: read up to a limit, and no further.
    let part = || Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]);
    let endless = Body::from_stream(futures_util::stream::repeat_with(part));
    server.call(request().body(endless).unwrap()).await.problem(413, "body-too-large");
    let parts = futures_util::stream::iter(std::iter::repeat_with(part).take(17));
    server.call(request().body(Body::from_stream(parts)).unwrap()).await.problem(413, "body-too-large");
    // Just not too large: read and understood.
    let mut body = valid().to_string().into_bytes();
    body.resize(1_048_576, b' ');
    let halves = [body.split_off(500_000), body];
    let parts = futures_util::stream::iter(halves.into_iter().rev().map(Ok::<_, std::io::Error>));
    assert_eq!(server.call(request().body(Body::from_stream(parts)).unwrap()).await.status, 202);
}

#[tokio::test]
async fn other_paths_and_methods_are_told_apart() {
    let server = TestServer::start().await;
    for path in ["/", "/v2/notifications", "/v1/notifications/", "/v1//notifications"] {
        server.get(path).await.problem(404, "not-found");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/v1/notifications", ["GET", "POST"]),
        (Method::PATCH, "/v1/preferences/1", ["GET", "PUT"]),
        (Method::OPTIONS, "/v1/templates/a", ["GET", "PUT"]),
        (Method::DELETE, "/preferences/1", ["PUT", "POST"]),
    ] {
        let answer = server.send(method, path, &json!({})).await;
        answer.problem(405, "method-not-allowed");
        let allowed = answer.headers["allow"].to_str().unwrap().to_owned();
        assert!(allow.iter().all(|method| allowed.contains(method)), "{path}: {allowed}");
    }
}
