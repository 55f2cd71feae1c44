//! The server from the outside, without sockets but for `connections`: what callers send and what they get.

mod batch;
mod channels;
mod compat;
mod connections;
mod documentation;
mod explanations;
mod malformed;
mod observed;
mod operations;
mod privacy;
mod receipts;
mod revisions;
mod v1;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use notifier_core::testing::{self, ManualClock, ScriptedLookup, ScriptedProvider, SeededEntropy};
use notifier_core::{
    Channel, EmailAddress, Notifier, NotifierBuilder, PhoneNumber, Recipient, RecipientId, Subject, SubjectId, TenantId,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::App;
use crate::config::{Config, ServerSettings};

/// A server in memory at noon of a fixed day, with a provider that accepts everything, user `1` who has both addresses,
/// and property `1`.
struct TestServer {
    router: Router,
    app: Arc<App>,
    clock: Arc<ManualClock>,
    lookup: Arc<ScriptedLookup>,
    provider: Arc<ScriptedProvider>,
}

/// An answer, read.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn settings() -> ServerSettings {
    Config::load_over(None, None, Some([].into())).unwrap().config.server
}

impl TestServer {
    async fn start() -> Self {
        Self::start_with(settings(), Router::new()).await
    }

    async fn start_with(settings: ServerSettings, more: Router) -> Self {
        Self::start_routed(&Channel::ALL, settings, more).await
    }

    async fn start_routed(channels: &[Channel], settings: ServerSettings, more: Router) -> Self {
        let routed = |builder: NotifierBuilder| {
            channels.iter().fold(builder, |builder, channel| builder.route(*channel, "scripted"))
        };
        Self::start_built(settings, more, ScriptedProvider::accepting(), routed).await
    }

    /// One whose provider gives these answers first.
    async fn start_answering(answers: impl IntoIterator<Item = testing::Answer>) -> Self {
        let routed = |builder: NotifierBuilder| {
            Channel::ALL.into_iter().fold(builder, |builder, channel| builder.route(channel, "scripted"))
        };
        Self::start_built(settings(), Router::new(), ScriptedProvider::answering(answers), routed).await
    }

    async fn start_built(
        settings: ServerSettings,
        more: Router,
        provider: ScriptedProvider,
        build: impl FnOnce(NotifierBuilder) -> NotifierBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(noon()));
        let lookup = Arc::new(ScriptedLookup::default());
        let mut recipient = Recipient::with_id(RecipientId::new("1").unwrap());
        recipient.email = Some(EmailAddress::parse("ana@example.com").unwrap());
        recipient.phone = Some(PhoneNumber::parse("+14155550101").unwrap());
        lookup.put_recipient(recipient);
        let fields = json!({"address": "12 Bleecker Street"}).as_object().unwrap().clone();
        lookup.put_subject(Subject { id: SubjectId::new("1").unwrap(), fields });
        let provider = Arc::new(provider);
        let builder = Notifier::builder()
            .clock(clock.clone())
            .entropy(Arc::new(SeededEntropy::new(1)))
            .directory(lookup.clone())
            .catalog(lookup.clone())
            .provider("scripted", provider.clone())
            .sender_email("Office <office@example.com>")
            .sender_sms("+15005550006");
        let notifier = build(builder).start().await.unwrap();
        let app = Arc::new(App::new(notifier, clock.clone(), &SeededEntropy::new(2), &settings));
        let router = crate::running::router(&app, settings.compat, more);
        Self { router, app, clock, lookup, provider }
    }

    async fn call(&self, request: Request<Body>) -> Answer {
        let response: Response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        self.call(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.call(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    /// Submits a text message with more in its request, and returns its id.
    async fn sms(&self, more: Value) -> String {
        let mut body = json!({"recipient": {"id": "1"}, "channels": ["sms"], "content": {"sms": {"text": "x"}}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.post("/v1/notifications", &body).await;
        assert_eq!(answer.status, 202, "{}", answer.json());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Where the first delivery of a notification stands.
    async fn state(&self, id: &str) -> String {
        let notification = self.get(&format!("/v1/notifications/{id}")).await.ok();
        notification["deliveries"][0]["state"].as_str().unwrap().to_owned()
    }

    /// Waits until every delivery of the notification is in a final state.
    async fn settled(&self, id: &str) {
        let id = id.parse().unwrap();
        self.app.notifier.wait(&TenantId::unnamed(), id).await.unwrap().unwrap();
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The problem, with its shape checked.
    #[track_caller]
    fn problem(&self, status: u16, kind: &str) -> Value {
        let problem = self.json();
        assert_eq!(self.status.as_u16(), status, "{problem}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.headers["x-request-id"].to_str().unwrap());
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        problem
    }
}
