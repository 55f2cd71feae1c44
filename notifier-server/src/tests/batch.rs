//! Many submissions in one call.

use std::convert::Infallible;

use futures_util::Stream;
use notifier_core::FlowOptions;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;

fn item(recipient: &str) -> Value {
    json!({"recipient": {"id": recipient, "phone": "+14155550101"}, "content": {"sms": {"text": "x"}}})
}

async fn send(server: &TestServer, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/v1/notifications/batch").header("content-type", content_type);
    server.call(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn each_item_has_its_result_in_order() {
    let server = TestServer::start().await;
    let mut wrong = item("2");
    wrong["recipient"]["phone"] = "555".into();
    let mut keyed = item("3");
    keyed["idempotency_key"] = "k".into();
    let mut other = item("4");
    other["idempotency_key"] = "k".into();
    let mut attached = item("5");
    attached["options"] = json!({"attachments": [{"filename": "a", "content_type": "a/b", "data": "*"}]});
    let items = json!([item("1"), wrong, keyed, {"recipient": 1}, 7, keyed, other, attached, [1]]);
    let results = server.post("/v1/notifications/batch", &items).await.ok();
    let statuses: Vec<u64> =
        results.as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 422, 202, 422, 422, 202, 409, 422, 422], "{results}");
    assert_eq!(results[1]["errors"][0]["field"], "recipient.phone");
    assert_eq!(results[1]["type"], "/problems/invalid-request");
    assert_eq!(results[3]["errors"][0]["field"], "recipient");
    assert_eq!((&results[5]["id"], &results[5]["repeated"]), (&results[2]["id"], &json!(true)));
    assert_eq!(results[6]["type"], "/problems/key-reused");
    assert_eq!(results[7]["errors"][0]["field"], "options.attachments[0].data");
    let id = results[0]["id"].as_str().unwrap();
    server.settled(id).await;
    assert_eq!(server.state(id).await, "sent");
    let listed = server.get("/v1/notifications").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "the others were not stored");
}

#[tokio::test]
async fn lines_are_answered_with_lines() {
    let server = TestServer::start().await;
    let text = format!("{}\n{{\"recipient\": \n\n\u{ff}{}\r\n{}", item("1"), item("2"), item("3"));
    let mut bytes = text.into_bytes();
    // A line that is no text, either.
    bytes.extend(b"\n\xff\n");
    let answer = send(&server, "application/x-ndjson", bytes).await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (StatusCode::OK, &"application/x-ndjson".parse().unwrap())
    );
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.ends_with('\n'));
    let results: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<u64> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 400, 400, 400, 202, 400], "{text}");
    assert_eq!(results[1]["type"], "/problems/malformed-body");
}

#[tokio::test]
async fn a_call_has_one_to_ten_thousand_items() {
    let server = TestServer::start().await;
    let none = |kind: &'static str, text: &'static str| send(&server, kind, text);
    none("application/json", "[]").await.problem(422, "invalid-request");
    none("application/x-ndjson", "").await.problem(422, "invalid-request");
    none("application/json", "").await.problem(400, "malformed-body");
    none("application/json", "[{}, {]").await.problem(400, "malformed-body");
    none("text/plain", "[{}]").await.problem(415, "unsupported-media-type");
    let many = |count: usize| format!("[{}{{}}]", "{},".repeat(count - 1));
    let answer = send(&server, "application/json", many(10_000)).await.ok();
    assert_eq!(answer.as_array().unwrap().len(), 10_000);
    send(&server, "application/json", many(10_001)).await.problem(413, "body-too-large");
    send(&server, "application/x-ndjson", "{}\n".repeat(10_001)).await.problem(413, "body-too-large");
    assert_eq!(server.get("/v1/notifications").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn its_body_has_a_limit_of_its_own() {
    let settings = ServerSettings { batch_bytes_max: 2_000_000, ..settings() };
    let server = TestServer::start_with(settings, Router::new()).await;
    let padded = |bytes: usize| format!("[{}{}]", item("1"), " ".repeat(bytes));
    assert_eq!(send(&server, "application/json", padded(1_500_000)).await.ok()[0]["status"], 202);
    send(&server, "application/json", padded(2_000_000)).await.problem(413, "body-too-large");
}

#[tokio::test]
async fn all_bodies_together_have_a_limit_and_leave_their_room_when_they_are_done() {
    let settings = ServerSettings { batch_bytes_max: 2_000_000, bodies_bytes_max: 2_000_000, ..settings() };
    let server = TestServer::start_with(settings, Router::new()).await;
    let padded = |bytes: usize| format!("[{}{}]", item("1"), " ".repeat(bytes));
    let (more, rest) = in_parts();
    let slow = Request::post("/v1/notifications/batch").header("content-type", "application/json");
    let slow = server.call(slow.body(Body::from_stream(rest)).unwrap());
    let answers = async {
        more.send(" ".repeat(1_500_000)).unwrap();
        while server.app.bodies.available_permits() > 500_000 {
            tokio::task::yield_now().await;
        }
        let answer = send(&server, "application/json", padded(600_000)).await;
        answer.problem(503, "queue-full");
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(send(&server, "application/json", padded(100_000)).await.ok()[0]["status"], 202);
        more.send(format!("[{}]", item("2"))).unwrap();
        drop(more);
    };
    let (slow, ()) = tokio::join!(slow, answers);
    assert_eq!(slow.ok()[0]["status"], 202);
    assert_eq!(server.app.bodies.available_permits(), 2_000_000);
}

/// What is sent on the one side is the body on the other.
fn in_parts() -> (UnboundedSender<String>, impl Stream<Item = Result<String, Infallible>> + Send + 'static) {
    let (more, mut rest) = unbounded_channel();
    (more, futures_util::stream::poll_fn(move |context| rest.poll_recv(context).map(|part| part.map(Ok))))
}

#[tokio::test]
async fn a_key_in_the_header_is_refused() {
    let server = TestServer::start().await;
    let request = Request::post("/v1/notifications/batch").header("content-type", "application/json");
    let request = request.header("idempotency-key", "k").body(Body::from(json!([item("1")]).to_string())).unwrap();
    assert_eq!(server.call(request).await.problem(400, "invalid-parameter")["field"], "Idempotency-Key");
}

#[tokio::test]
async fn too_much_to_do_is_refused_with_when_to_come_back() {
    let mut options = FlowOptions::default();
    options.pending_max = 2;
    let build = |builder: NotifierBuilder| builder.route(Channel::Sms, "scripted").options(options);
    let server = TestServer::start_built(settings(), Router::new(), ScriptedProvider::accepting(), build).await;
    for _ in 0..2 {
        server.sms(json!({"schedule": {"at": "2026-06-02T12:00:00Z"}})).await;
    }
    server.clock.advance(jiff::SignedDuration::from_secs(60));
    let single = server.post("/v1/notifications", &item("1")).await;
    let batch = server.post("/v1/notifications/batch", &json!([item("1")])).await;
    for answer in [single, batch] {
        answer.problem(503, "queue-full");
        assert_eq!(answer.headers["retry-after"], "10");
    }
    assert_eq!(server.get("/v1/stats").await.ok()["since_start"]["refused"], 2);
}
