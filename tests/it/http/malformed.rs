//! Malformed input on every route: a 4xx problem that names the field, nothing stored, no 5xx, no panic.

use bytes::Bytes;
use http::Method;
use notifier_tests::client::Client;
use notifier_tests::process::Server;
use serde_json::{Value, json};

/// One malformed request: where it goes, what is in it, the status, and the field that has to be named (empty: none).
struct Case {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    status: u16,
    field: &'static str,
}

fn raw(method: Method, path: &str, body: impl Into<Bytes>, status: u16, field: &'static str) -> Case {
    let headers = vec![("content-type", "application/json".to_owned())];
    Case { method, path: path.into(), headers, body: body.into(), status, field }
}

/// A request that would be accepted.
fn good() -> Value {
    json!({
        "recipient": {"id": "1", "email": "ada@example.com", "phone": "+14155550101"},
        "content": {"email": {"subject": "Hi", "text": "Hello"}, "sms": {"text": "Hello"}},
    })
}

/// The good request with one value replaced; the path is a JSON pointer, whose missing objects are made.
fn with(pointer: &str, value: Value) -> Value {
    let mut request = good();
    let mut place = &mut request;
    for part in pointer.split('/').skip(1) {
        place = &mut place[part];
    }
    *place = value;
    request
}

fn submit(pointer: &str, value: Value, field: &'static str) -> Case {
    raw(Method::POST, "/v1/notifications", with(pointer, value).to_string(), 422, field)
}

fn without(name: &str, field: &'static str) -> Case {
    let mut request = good();
    request.as_object_mut().unwrap().remove(name);
    raw(Method::POST, "/v1/notifications", request.to_string(), 422, field)
}

/// Values of the wrong kind, and fields that are not there or not known.
fn shapes() -> Vec<Case> {
    vec![
        submit("/recipient", json!("1"), "recipient"),
        submit("/recipient/id", json!(1), "recipient.id"),
        submit("/recipient/email", json!(["a@example.com"]), "recipient.email"),
        submit("/channels", json!("email"), "channels"),
        submit("/channels", json!(["fax"]), "channels[0]"),
        submit("/content/email/subject", json!(null), "content.email.subject"),
        submit("/content/sms/text", json!({}), "content.sms.text"),
        submit("/variables", json!([1]), "variables"),
        submit("/template", json!("rent-reminder"), "template"),
        submit("/schedule", json!("2027-01-01T00:00:00Z"), "schedule"),
        submit("/options/headers", json!(["X-A: b"]), "options.headers"),
        submit("/options/attachments", json!({}), "options.attachments"),
        submit("/subject", json!(17), "subject"),
        submit("/expires_at", json!(0), "expires_at"),
        submit("/recipient", json!({}), "recipient.id"),
        submit("/recipient/emial", json!("ada@example.com"), "recipient.emial"),
        submit("/urgent", json!(true), "urgent"),
        submit("/content/fax", json!({"text": "x"}), "content.fax"),
        submit("/schedule/when", json!("now"), "schedule.when"),
        without("recipient", "recipient"),
        without("content", "template"),
        raw(Method::POST, "/v1/notifications", "[]", 422, ""),
        raw(Method::POST, "/v1/notifications", "null", 422, ""),
        raw(Method::POST, "/v1/notifications", "\"x\"", 422, ""),
    ]
}

/// Values of the right kind that cannot be used.
fn values() -> Vec<Case> {
    let long = "x".repeat(200_000);
    vec![
        submit("/recipient/id", json!(""), "recipient.id"),
        submit("/recipient/id", json!("x".repeat(129)), "recipient.id"),
        submit("/recipient/id", json!("a\u{0}b"), "recipient.id"),
        submit("/recipient/email", json!("ada"), "recipient.email"),
        submit("/recipient/email", json!("ada@example.com\r\nBcc: b@example.com"), "recipient.email"),
        submit("/recipient/email", json!("Ada <ada@example.com>"), "recipient.email"),
        submit("/recipient/phone", json!("555-0101"), "recipient.phone"),
        submit("/recipient/phone", json!("+1415555010199999"), "recipient.phone"),
        submit("/recipient/phone", json!("+999123456789"), "recipient.phone"),
        submit("/recipient/locale", json!("english please"), "recipient.locale"),
        submit("/recipient/time_zone", json!("Mars/Olympus"), "recipient.time_zone"),
        submit("/category", json!("No Such"), "category"),
        submit("/category", json!("unheard-of"), "category"),
        submit("/channels", json!([]), "channels"),
        submit("/channels", json!(["sms", "sms"]), "channels"),
        submit("/content/email/subject", json!("a\r\nBcc: b@example.com"), "content.email.subject"),
        submit("/content/email/subject", json!(""), "content.email.subject"),
        submit("/content/sms/text", json!("{{#if x}}"), "content.sms.text"),
        submit("/content/sms/text", json!("{{> partial}}"), "content.sms.text"),
        submit("/content/sms/text", json!(long), "content.sms.text"),
        submit("/content", json!({}), "content"),
        submit("/template", json!({"name": "rent-reminder"}), "content"),
        submit("/variables/recipient", json!(1), "variables.recipient"),
        submit("/variables/list", json!(vec![0; 1_001]), "variables"),
        submit("/subject", json!(""), "subject"),
        submit("/schedule/at", json!("tomorrow"), "schedule.at"),
        submit("/schedule/at", json!("2020-01-01T00:00:00Z"), "schedule.at"),
        submit("/schedule/at", json!("2999-01-01T00:00:00Z"), "schedule.at"),
        submit("/schedule/at", json!("2027-01-01T00:00:00"), "schedule.at"),
        submit("/schedule", json!({}), "schedule.at"),
        submit("/schedule", json!({"local_time": "2027-01-01T09:00", "time_zone": "Nowhere"}), "schedule.time_zone"),
        submit("/schedule", json!({"local_time": "2027-01-01T09:00"}), "schedule.time_zone"),
        submit("/schedule", json!({"local_time": "9 o'clock", "time_zone": "UTC"}), "schedule.local_time"),
        submit("/expires_at", json!("never"), "expires_at"),
        submit("/expires_at", json!("2020-01-01T00:00:00Z"), "expires_at"),
        submit("/options/reply_to", json!("nobody"), "options.reply_to"),
        submit("/options/headers", json!({"X-A": "b\r\nBcc: c@example.com"}), "options.headers.X-A"),
        submit("/options/headers", json!({"Subject": "b"}), "options.headers.Subject"),
        submit("/options/headers", json!({"X A": "b"}), "options.headers.X A"),
        submit("/options/media_urls", json!(["ftp://example.com/a"]), "options.media_urls[0]"),
        submit(
            "/options/attachments",
            json!([{"filename": "a", "content_type": "a/b", "data": "%"}]),
            "options.attachments[0].data",
        ),
        submit(
            "/options/attachments",
            json!([{"filename": "../a", "content_type": "a/b", "data": "aGk="}]),
            "options.attachments[0].filename",
        ),
        submit(
            "/options/attachments",
            json!([{"filename": "a", "content_type": "a", "data": "aGk="}]),
            "options.attachments[0].content_type",
        ),
        submit("/idempotency_key", json!(""), "idempotency_key"),
        submit("/idempotency_key", json!("x".repeat(256)), "idempotency_key"),
        submit("/collapse_key", json!(""), "collapse_key"),
        submit("/collapse_key", json!("x".repeat(129)), "collapse_key"),
    ]
}

/// Bodies that are no JSON, too long, or of another kind.
fn bodies() -> Vec<Case> {
    let post = |body: Bytes, status| raw(Method::POST, "/v1/notifications", body, status, "");
    let mut other_type = post(good().to_string().into(), 415);
    other_type.headers = vec![("content-type", "text/plain".into())];
    let mut no_type = post(good().to_string().into(), 415);
    no_type.headers = Vec::new();
    let mut two_keys = post(with("/idempotency_key", json!("a")).to_string().into(), 422);
    two_keys.headers.push(("idempotency-key", "b".into()));
    two_keys.field = "idempotency_key";
    let mut bad_key = post(good().to_string().into(), 422);
    bad_key.headers.push(("idempotency-key", "x".repeat(256)));
    bad_key.field = "idempotency_key";
    vec![
        post(Bytes::new(), 400),
        post(Bytes::from_static(b"{"), 400),
        post(Bytes::from_static(b"{\"recipient\": {\"id\": \"1\"},}"), 400),
        post(Bytes::from_static(b"\xff\xfe\xfd"), 400),
        post(Bytes::from_static(b"{\"recipient\": {\"id\": \"\xff\"}}"), 400),
        post(
            Bytes::from(format!("{{\"variables\": {{\"x\": {}1{}}}}}", "[".repeat(100_000), "]".repeat(100_000))),
            400,
        ),
        post(Bytes::from(vec![b' '; 10 * 1024 * 1024]), 413),
        other_type,
        no_type,
        two_keys,
        bad_key,
    ]
}

/// Every other route.
fn routes() -> Vec<Case> {
    let get = |path: &str, status, field| raw(Method::GET, path, "", status, field);
    let put = |path: &str, body: Value, field| raw(Method::PUT, path, body.to_string(), 422, field);
    let unknown_id = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11";
    let schedule = |body: Value, field| raw(Method::POST, "/notifications/schedule", body.to_string(), 422, field);
    vec![
        get("/v1/notifications/nonsense", 400, "id"),
        get(&format!("/v1/notifications/{unknown_id}"), 404, ""),
        get(&format!("/v1/notifications/{unknown_id}/timeline"), 404, ""),
        get("/v1/notifications/%00", 400, "id"),
        raw(Method::POST, &format!("/v1/notifications/{unknown_id}/cancel"), "", 404, ""),
        raw(Method::POST, "/v1/notifications/nonsense/cancel", "", 400, "id"),
        get("/v1/notifications?limit=0", 400, "limit"),
        get("/v1/notifications?limit=many", 400, "limit"),
        get("/v1/notifications?limit=1000", 400, "limit"),
        get("/v1/notifications?cursor=nonsense", 400, "cursor"),
        get("/v1/notifications?page=2", 400, "page"),
        get(&format!("/v1/notifications/{unknown_id}?wait_ms=forever"), 400, "wait_ms"),
        get("/v1/nothing", 404, ""),
        raw(Method::DELETE, "/v1/notifications", "", 405, ""),
        put("/v1/preferences/1", json!({"channels": {"fax": true}}), "channels.fax"),
        put("/v1/preferences/1", json!({"channels": {"email": "yes"}}), "channels.email"),
        put("/v1/preferences/1", json!({"channels": {}, "interests": {"x": "x".repeat(20_000)}}), "interests"),
        put("/v1/preferences/1", json!({"colour": "red"}), "colour"),
        raw(Method::PUT, "/v1/templates/Not%20A%20Name", r#"{"sms": {"text": "x"}}"#, 400, "name"),
        put("/v1/templates/t", json!({}), ""),
        put("/v1/templates/t", json!({"sms": {"text": "{{"}}), "sms.text"),
        put(
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "locales": {"es": {"sms": {"text": "{{/if}}"}}}}),
            "locales.es.sms.text",
        ),
        put(
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "locales": {"not a locale": {"sms": {"text": "x"}}}}),
            "locales.not a locale",
        ),
        put(
            "/v1/templates/t",
            json!({"sms": {"text": "x"}, "variables": {"recipient": {"type": "string"}}}),
            "variables.recipient",
        ),
        put("/v1/templates/t", json!({"sms": {"text": "x"}, "variables": {"a": {"type": "date"}}}), "variables.a.type"),
        get("/v1/templates/none", 404, ""),
        get("/v1/templates/rent-reminder/versions/0", 400, "version"),
        get("/v1/templates/rent-reminder/versions/latest", 400, "version"),
        schedule(json!({}), "user_id"),
        schedule(
            json!({"user_id": "1", "property_id": "1", "message": "x", "scheduled_time_utc": "2020-01-01T00:00:00Z"}),
            "scheduled_time_utc",
        ),
        schedule(
            json!({"user_id": "1", "property_id": "1", "message": "x", "scheduled_time_utc": "soon"}),
            "scheduled_time_utc",
        ),
        schedule(
            json!({"user_id": "1", "property_id": "1", "message": 5, "scheduled_time_utc": "2027-01-01T00:00:00Z"}),
            "message",
        ),
        put("/preferences/1", json!({"email_enabled": "perhaps"}), "email_enabled"),
        get("/notifications/nonsense", 404, ""),
        get("/preferences/99", 404, ""),
    ]
}

const UNKNOWN: &str = "/v1/notifications/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11";

/// What changes, explains or repeats notifications.
fn changes() -> Vec<Case> {
    let post = |path: &str, body: Value, status, field| raw(Method::POST, path, body.to_string(), status, field);
    let below = |name: &str| format!("{UNKNOWN}/{name}");
    let later = json!({"schedule": {"at": "2027-01-01T00:00:00Z"}});
    let mut lines = raw(Method::POST, "/v1/notifications/batch", "", 422, "");
    lines.headers = vec![("content-type", "application/x-ndjson".into())];
    let mut text = raw(Method::POST, "/v1/notifications/batch", "[{}]", 415, "");
    text.headers = vec![("content-type", "text/plain".into())];
    vec![
        lines,
        text,
        raw(Method::POST, "/v1/notifications/batch", "[{},", 400, ""),
        raw(Method::POST, "/v1/notifications/batch", &b"[\"\xff\"]"[..], 400, ""),
        post("/v1/notifications/batch", json!([]), 422, ""),
        post("/v1/notifications/batch", json!({"items": []}), 422, ""),
        post("/v1/notifications/batch", json!(vec![json!({}); 10_001]), 413, ""),
        raw(Method::POST, "/v1/notifications/batch", vec![b' '; 17 * 1024 * 1024], 413, ""),
        post(&below("acknowledge"), json!({}), 404, ""),
        post(&below("acknowledge"), json!({"by": "x".repeat(201)}), 422, "by"),
        post(&below("acknowledge"), json!({"by": "a\u{7}"}), 422, "by"),
        post("/v1/notifications/nonsense/acknowledge", json!({}), 400, "id"),
        post(&below("reschedule"), later.clone(), 404, ""),
        post(&below("reschedule"), json!({}), 422, "schedule"),
        post("/v1/notifications/nonsense/reschedule", later.clone(), 400, "id"),
        post("/v1/notifications/reschedule", later, 422, ""),
        post(&below("replace"), good(), 404, ""),
        post("/v1/notifications/nonsense/replace", good(), 400, "id"),
        post("/v1/notifications/cancel", json!({}), 422, ""),
        post("/v1/notifications/cancel", json!({"id": 1}), 422, "id"),
        post("/v1/notifications/cancel", json!({"idempotency_key": "never used"}), 404, ""),
        post("/v1/notifications/cancel", json!({"filter": {}}), 422, "filter"),
        post("/v1/notifications/cancel", json!({"filter": {"state": "gone"}}), 422, "filter.state"),
        post("/v1/notifications/cancel", json!({"filter": {"due_until": "soon"}}), 422, "filter.due_until"),
        post("/v1/explain", with("/channels", json!(["fax"])), 422, "channels[0]"),
        raw(Method::GET, &below("explain"), "", 404, ""),
        raw(Method::GET, "/v1/notifications?state=gone", "", 400, "state"),
        raw(Method::GET, "/v1/notifications?due_from=soon", "", 400, "due_from"),
    ]
}

/// What operators and vendors call.
fn operations() -> Vec<Case> {
    let get = |path: &str, status, field| raw(Method::GET, path, "", status, field);
    let post = |path: &str, body: Value, status, field| raw(Method::POST, path, body.to_string(), status, field);
    let put = |path: &str, body: Value, status, field| raw(Method::PUT, path, body.to_string(), status, field);
    vec![
        get("/v1/dead-letters?cursor=nonsense", 400, "cursor"),
        get("/v1/dead-letters?limit=0", 400, "limit"),
        post("/v1/dead-letters/nonsense/replay", json!({}), 400, "delivery_id"),
        post("/v1/dead-letters/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.sms/replay", json!({}), 404, ""),
        post("/v1/replays", json!({}), 422, "filter"),
        post("/v1/replays", json!({"filter": {"channel": "fax"}}), 422, "filter.channel"),
        post("/v1/replays", json!({"filter": {}, "per_second": -1}), 422, "per_second"),
        get("/v1/replays/nonsense", 400, "number"),
        get("/v1/replays/1", 404, ""),
        get("/v1/suppressions?cursor=nonsense", 400, "cursor"),
        get("/v1/suppressions/sms/nonsense", 400, "address"),
        put("/v1/suppressions/fax/1", json!({}), 400, "channel"),
        put("/v1/suppressions/email/nonsense", json!({}), 400, "address"),
        put("/v1/suppressions/sms/+14155550101", json!({"note": 1}), 422, "note"),
        raw(Method::DELETE, "/v1/suppressions/sms/+14155550101", "", 404, ""),
        put("/v1/providers/twilio/breaker", json!({"state": "shut"}), 422, "state"),
        put("/v1/providers/nobody/breaker", json!({"state": "open"}), 404, ""),
        get("/v1/routes?channel=sms", 400, "channel"),
        get("/v1/stats?since=1", 400, "since"),
        get("/metrics?name=x", 400, "name"),
        post("/v1/receipts/nobody", json!({}), 404, ""),
        post("/v1/receipts/twilio", json!({}), 401, ""),
        post("/v1/receipts/sendgrid", json!([]), 401, ""),
        raw(Method::POST, "/v1/receipts/twilio", vec![b' '; 1024 * 1024 + 1], 413, ""),
        get("/v1/receipts/twilio", 405, ""),
    ]
}

#[tokio::test]
async fn malformed_input_is_refused_with_a_problem_that_names_the_field() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::sandbox(data.path());
    let cases: Vec<Case> =
        [shapes(), values(), bodies(), routes(), changes(), operations()].into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let templates_before = server.client.get("/v1/templates").await.unwrap().json;
    let preferences_before = server.client.get("/v1/preferences/1").await.unwrap().json;
    let mut wrong = Vec::new();
    for case in &cases {
        wrong.extend(check(&server.client, case).await);
    }
    println!("{} cases", cases.len());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));

    let stored = server.client.get("/v1/notifications").await.unwrap().json;
    assert_eq!(stored["items"], json!([]), "nothing is stored");
    for path in ["/v1/suppressions", "/v1/replays"] {
        assert_eq!(server.client.get(path).await.unwrap().json["items"], json!([]), "{path}");
    }
    assert_eq!(server.client.get("/v1/templates").await.unwrap().json, templates_before);
    assert_eq!(server.client.get("/v1/preferences/1").await.unwrap().json, preferences_before);
    let accepted = server.client.post("/v1/notifications", &good()).await.unwrap();
    assert_eq!(accepted.status, 202, "the request that all cases vary is a good one: {}", accepted.json);
}

/// What is wrong with the answer.
async fn check(client: &Client, case: &Case) -> Option<String> {
    let headers: Vec<(&str, &str)> = case.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let shown: String = String::from_utf8_lossy(&case.body).chars().take(160).collect();
    let what = format!("{} {} {shown}", case.method, case.path);
    let answer = match client.send(case.method.clone(), &case.path, &headers, case.body.clone()).await {
        Ok(answer) => answer,
        Err(error) => return Some(format!("{what}: {error}")),
    };
    let content_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let problem = &answer.json;
    let fields: Vec<&str> =
        problem["errors"].as_array().into_iter().flatten().filter_map(|error| error["field"].as_str()).collect();
    let names_field = case.field.is_empty() || fields.contains(&case.field);
    let is_problem = content_type.starts_with("application/problem+json")
        && problem["status"] == answer.status.as_u16()
        && problem["title"].is_string()
        && problem["type"].is_string();
    let is_right = answer.status.as_u16() == case.status && names_field && is_problem;
    (!is_right).then(|| format!("{what}: expected {} `{}`, got {} {problem}", case.status, case.field, answer.status))
}
