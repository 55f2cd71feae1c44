//! What vendors report.

use std::time::Duration;

use async_trait::async_trait;
use notifier_core::{
    Message, Outcome, Provider, ProviderDescription, ReceiptEvent, ReceiptStatus, ReceiveError, Reported, SendContext,
    Webhook,
};

use super::*;

/// A provider whose webhooks say in words what is to come of them.
struct Reporting(ProviderDescription);

#[async_trait]
impl Provider for Reporting {
    fn describe(&self) -> &ProviderDescription {
        &self.0
    }

    async fn send(&self, _message: &Message, context: &SendContext) -> Outcome {
        Outcome::Accepted { provider_message_id: context.receipt_url.clone() }
    }

    async fn receive(&self, webhook: &Webhook, _timeout: Duration) -> Result<Reported, ReceiveError> {
        let signature = webhook.headers.iter().find(|(name, _)| name == "x-signed-url").map(|(_, url)| url.as_str());
        if signature != Some(webhook.url.as_str()) {
            return Err(ReceiveError::Unverified(format!("it was {}", webhook.url)));
        }
        let status = match webhook.body.as_slice() {
            b"delivered" => ReceiptStatus::Delivered,
            b"bounced" => ReceiptStatus::Bounced,
            b"fault" => return Err(ReceiveError::Fault(notifier_core::Problem::plain("secret-fault"))),
            _ => return Err(ReceiveError::Malformed("secret-body".into())),
        };
        let event = ReceiptEvent {
            event_id: None,
            provider_message_id: "m-1".into(),
            status,
            recipient: None,
            occurred_at_ms: None,
            problem: None,
            attributes: Vec::new(),
        };
        Ok(Reported { events: vec![event], is_url_signed: true })
    }
}

async fn start(public_url: Option<&str>) -> TestServer {
    let settings = ServerSettings { public_url: public_url.map(Into::into), ..settings() };
    let build = |builder: NotifierBuilder| {
        let reporting = Reporting(ProviderDescription::native("reporting", Channel::ALL.to_vec()));
        builder
            .provider("reporting", Arc::new(reporting))
            .route(Channel::Sms, "reporting")
            .route(Channel::Email, "scripted")
    };
    TestServer::start_built(settings, Router::new(), ScriptedProvider::accepting(), build).await
}

async fn report(server: &TestServer, path: &str, signed: &str, body: &'static str) -> Answer {
    let request = Request::post(path).header("host", "n.internal").header("x-signed-url", signed);
    server.call(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_signed_report_reaches_its_delivery() {
    let server = start(Some("https://n.example.com")).await;
    let id = server.sms(json!({})).await;
    server.settled(&id).await;
    assert_eq!(server.state(&id).await, "sent");
    let path = format!("/v1/receipts/reporting?delivery={id}.sms&x=%20");
    let signed = format!("https://n.example.com{path}");
    report(&server, &path, "https://elsewhere.example.com/", "delivered").await.problem(401, "unverified");
    assert_eq!(server.state(&id).await, "sent", "what is not signed changes nothing");
    for _ in 0..2 {
        let answer = report(&server, &path, &signed, "delivered").await;
        assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::NO_CONTENT, &b""[..]));
        assert_eq!(server.state(&id).await, "delivered");
    }
    assert_eq!(server.get("/v1/stats").await.ok()["since_start"]["receipts"], 1, "the second was a repeat");
}

#[tokio::test]
async fn without_a_public_url_the_host_that_was_called_counts() {
    let server = start(None).await;
    let id = server.sms(json!({})).await;
    server.settled(&id).await;
    let path = format!("/v1/receipts/reporting?delivery={id}.sms");
    let answer = report(&server, &path, &format!("http://n.internal{path}"), "bounced").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(server.state(&id).await, "bounced");
    let listed = server.get("/v1/suppressions/sms/%2B14155550101").await.ok();
    assert_eq!((&listed["cause"], &listed["provider"]), (&json!("bounced"), &json!("reporting")));
}

#[tokio::test]
async fn a_vendor_is_told_what_to_do_and_nothing_else() {
    let server = start(None).await;
    let path = "/v1/receipts/reporting";
    let signed = format!("http://n.internal{path}");
    let unverified = report(&server, path, "", "delivered").await;
    unverified.problem(401, "unverified");
    assert!(unverified.headers.contains_key("www-authenticate"));
    let malformed = report(&server, path, &signed, "nonsense").await;
    malformed.problem(400, "malformed-receipt");
    let fault = report(&server, path, &signed, "fault").await;
    fault.problem(503, "unavailable");
    assert!(fault.headers.contains_key("retry-after"));
    for none in ["/v1/receipts/scripted", "/v1/receipts/nobody", "/v1/receipts/No%20Name"] {
        let answer = report(&server, none, &signed, "delivered").await;
        assert_eq!(answer.problem(404, "not-found")["detail"], "no receipts are taken at this address");
    }
    for answer in [unverified, malformed, fault] {
        let told = String::from_utf8(answer.body).unwrap();
        assert!(!told.contains("secret") && !told.contains("n.internal"), "{told}");
    }
    // About nothing that is known: kept, and answered all the same.
    let early = report(&server, path, &signed, "delivered").await;
    assert_eq!(early.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/v1/stats").await.ok()["now"]["unmatched_receipts"], 1);
}

#[tokio::test]
async fn a_report_has_at_most_a_mebibyte() {
    let settings = ServerSettings { body_bytes_max: 16_384, ..settings() };
    let server = TestServer::start_with(settings, Router::new()).await;
    let send =
        |bytes: usize| server.call(Request::post("/v1/receipts/scripted").body(Body::from(vec![b' '; bytes])).unwrap());
    send(1_048_576).await.problem(404, "not-found");
    send(1_048_577).await.problem(413, "body-too-large");
}
