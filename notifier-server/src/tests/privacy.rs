//! The log at `info` holds no address, no message and no secret.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::config::{LogFormat, LogSettings};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Log;

    fn make_writer(&'w self) -> Log {
        self.clone()
    }
}

async fn talk(server: &TestServer) {
    let body = json!({
        "recipient": {
            "id": "secret-person", "email": "secret-ana@example.com", "phone": "+14155550177",
            "push_token": "secret-token", "chat_id": "secret-chat", "webhook_url": "https://secret.example.com/hook",
        },
        "content": {
            "email": {"subject": "secret-subject", "text": "secret-text {{v}}"}, "sms": {"text": "secret-sms"},
            "push": {"title": "secret-title", "body": "secret-body", "data": {"secret-name": "secret-value"}},
            "chat": {"text": "secret-chat"}, "webhook": {"kind": "secret.kind", "payload": "{\"secret\": 1}"},
        },
        "variables": {"v": "secret-variable"},
    });
    let submitted = server.post("/v1/notifications", &body).await.json();
    server.settled(submitted["id"].as_str().unwrap()).await;
    server.get("/v1/preferences/secret-person").await;
    server.get("/v1/notifications?recipient_id=secret-person").await.ok();
    let mut wrong = body.clone();
    wrong["recipient"]["email"] = "secret-wrong".into();
    server.post("/v1/notifications", &wrong).await.problem(422, "invalid-request");
    let request = Request::post("/v1/notifications").header("authorization", "Bearer secret-token");
    server.call(request.body(Body::from("secret-body")).unwrap()).await.problem(415, "unsupported-media-type");
    server.get("/secret-path").await.problem(404, "not-found");
}

async fn logged(level: &str, format: LogFormat) -> String {
    let log = Log::default();
    let settings = LogSettings { format, level: level.to_owned() };
    let subscriber = crate::telemetry::subscriber(&settings, false, log.clone()).unwrap();
    // Of this thread alone; the test's runtime has no other.
    let guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start().await;
    talk(&server).await;
    drop(guard);
    String::from_utf8(log.lock().clone()).unwrap()
}

#[tokio::test]
async fn the_log_at_info_tells_what_happened_and_to_nobody_whom() {
    for format in [LogFormat::Json, LogFormat::Text] {
        let log = logged("info", format).await;
        assert!(!log.contains("secret") && !log.contains("4155550177"), "{log}");
        assert!(log.contains("/v1/notifications") && log.contains("202"), "{log}");
    }
}

#[tokio::test]
async fn a_line_of_json_holds_the_request() {
    let log = logged("info", LogFormat::Json).await;
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let answered: Vec<Value> = lines.filter(|line| line["message"] == "answered").collect();
    assert_eq!(answered.len(), 6, "{log}");
    assert_eq!(answered[0]["status"], 202);
    assert_eq!(answered[0]["span"]["method"], "POST");
    assert_eq!(answered[0]["span"]["route"], "/v1/notifications");
    assert_eq!(answered[5]["span"]["route"], "(none)");
    assert!(answered[0]["duration_ms"].is_number() && answered[0]["span"]["id"].is_string());
}

#[tokio::test]
async fn the_level_is_obeyed() {
    assert_eq!(logged("error", LogFormat::Json).await, "");
}
