//! A running sandbox with its `/sandbox` routes on a port, and a client that sees everything that a client can see.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet};

use super::super::{Counters, Message, Sandbox, SandboxOptions, Service, listener};

/// The only time that there is.
pub(super) const NOW: &str = "2026-03-01T12:00:00Z";

/// Ends a test that would wait forever.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Fixture {
    pub(super) sandbox: Sandbox,
    /// Where the `/sandbox` routes are served.
    pub(super) console_url: String,
    pub(super) console: JoinSet<()>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) fn options() -> SandboxOptions {
    SandboxOptions::new(Arc::new(|| NOW.parse::<Timestamp>().unwrap()))
}

impl Fixture {
    pub(super) async fn start() -> Self {
        Self::with(options()).await
    }

    pub(super) async fn with(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let listener = listener::bind(0).await.unwrap();
        let console_url = format!("http://{}", listener.local_addr().unwrap());
        let mut console = JoinSet::new();
        console.spawn(listener::serve(listener, sandbox.router()));
        Self { sandbox, console_url, console }
    }

    pub(super) fn messages_url(&self) -> String {
        let sid = &self.sandbox.credentials().twilio_account_sid;
        format!("{}/2010-04-01/Accounts/{sid}/Messages.json", self.sandbox.twilio_url())
    }

    pub(super) fn mail_url(&self) -> String {
        format!("{}/v3/mail/send", self.sandbox.sendgrid_url())
    }

    pub(super) fn twilio_request(&self, form: &str) -> Request<Full<Bytes>> {
        let credentials = self.sandbox.credentials();
        let basic = basic(&credentials.twilio_account_sid, &credentials.twilio_auth_token);
        Request::post(self.messages_url())
            .header("authorization", basic)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned().into())
            .unwrap()
    }

    pub(super) fn sendgrid_request(&self, body: &str) -> Request<Full<Bytes>> {
        Request::post(self.mail_url())
            .header("authorization", format!("Bearer {}", self.sandbox.credentials().sendgrid_api_key))
            .header("content-type", "application/json")
            .body(body.to_owned().into())
            .unwrap()
    }

    pub(super) async fn send_sms(&self, form: &str) -> Answer {
        exchange(self.twilio_request(form)).await.unwrap()
    }

    pub(super) async fn send_mail(&self, mail: &Value) -> Answer {
        exchange(self.sendgrid_request(&mail.to_string())).await.unwrap()
    }

    /// A request to the `/sandbox` routes.
    pub(super) async fn console(&self, method: Method, path: &str, body: &str) -> Answer {
        let url = format!("{}{path}", self.console_url);
        let request = Request::builder().method(method).uri(url).body(body.to_owned().into()).unwrap();
        exchange(request).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.console(Method::GET, path, "").await
    }

    pub(super) async fn set_fault(&self, service: Service, fault: &Value) {
        let answer =
            self.console(Method::PUT, &format!("/sandbox/faults/{}", service.name()), &fault.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    pub(super) fn counters(&self, service: Service) -> Counters {
        self.sandbox.inbox().counters(service)
    }

    /// The only message that arrived.
    pub(super) fn only_message(&self) -> Arc<Message> {
        let messages = self.sandbox.inbox().messages();
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages[0].clone()
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// One request over a connection of its own.
pub(super) async fn exchange(request: Request<Full<Bytes>>) -> Result<Answer, hyper::Error> {
    tokio::time::timeout(PATIENCE, async {
        let (parts, body) = open(request).await?.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
    })
    .await
    .unwrap()
}

/// The same, up to the head of the answer.
pub(super) async fn open(mut request: Request<Full<Bytes>>) -> Result<http::Response<Incoming>, hyper::Error> {
    let uri = request.uri().clone();
    let authority = uri.authority().unwrap().as_str();
    let stream = TcpStream::connect(authority).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    request.headers_mut().insert("host", authority.parse().unwrap());
    *request.uri_mut() = uri.path_and_query().unwrap().as_str().parse::<Uri>().unwrap();
    sender.send_request(request).await
}

/// Whether a future has still to wait, after a try.
pub(super) async fn is_pending(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

pub(super) fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// A valid form, with every needed parameter and no other.
pub(super) const SMS: &str = "To=%2B14155550101&From=%2B15005550006&Body=Hello";

/// A valid mail, with every needed field and no other.
pub(super) fn mail() -> Value {
    json!({
        "personalizations": [{ "to": [{ "email": "ana@example.com" }] }],
        "from": { "email": "rent@example.com" },
        "subject": "Rent",
        "content": [{ "type": "text/plain", "value": "Hello" }],
    })
}

/// Percent-encodes everything but letters and digits.
pub(super) fn encode(value: &str) -> String {
    value
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A request with a body, over a connection of its own.
pub(super) async fn post(url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut request = Request::post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    exchange(request.body(Full::new(body.into())).unwrap()).await.unwrap()
}
