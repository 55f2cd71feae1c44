//! Faults of SES, Resend, Mailgun and Postmark as a client meets them: the same for all but for the form.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::super::Service;
use super::fixture::{Answer, Fixture, PATIENCE, exchange};
use super::{mailgun, postmark, resend, ses};

const VENDORS: [Service; 4] = [Service::Ses, Service::Resend, Service::Mailgun, Service::Postmark];

fn request(fixture: &Fixture, vendor: Service) -> Request<Full<Bytes>> {
    match vendor {
        Service::Ses => ses::request(fixture, &ses::message().to_string()),
        Service::Resend => resend::request(fixture, &resend::email().to_string()),
        Service::Mailgun => mailgun::request(fixture, &mailgun::MESSAGE),
        _ => postmark::request(fixture, &postmark::email().to_string()),
    }
}

async fn send(fixture: &Fixture, vendor: Service) -> Answer {
    exchange(request(fixture, vendor)).await.unwrap()
}

#[tokio::test]
async fn refusals_are_in_the_vendors_form() {
    let fixture = Fixture::start().await;
    for (vendor, fault, status, told) in [
        (Service::Ses, json!({ "fault": "unavailable" }), 503, "Service is unable to handle request."),
        (Service::Ses, json!({ "fault": "rate_limited" }), 429, "Maximum sending rate exceeded."),
        (Service::Ses, json!({ "fault": "rejected", "field": "SendingPausedException" }), 400, "paused"),
        (Service::Resend, json!({ "fault": "unavailable" }), 500, "application_error"),
        (Service::Resend, json!({ "fault": "rate_limited" }), 429, "rate_limit_exceeded"),
        (Service::Resend, json!({ "fault": "rejected" }), 422, "Invalid `to` field."),
        (Service::Resend, json!({ "fault": "rejected", "field": "daily_quota_exceeded" }), 429, "daily_quota_exceeded"),
        (Service::Mailgun, json!({ "fault": "unavailable" }), 503, "Service Unavailable"),
        (Service::Mailgun, json!({ "fault": "rate_limited", "retry_after_s": 7 }), 429, "try again after 7 seconds"),
        (Service::Mailgun, json!({ "fault": "rejected" }), 400, "'to' parameter is not a valid address"),
        (Service::Mailgun, json!({ "fault": "rejected", "code": 401 }), 401, "Forbidden"),
        (Service::Mailgun, json!({ "fault": "rejected", "code": 403 }), 403, "requires DNS configuration"),
        (Service::Postmark, json!({ "fault": "unavailable" }), 503, "\"ErrorCode\":100"),
        (Service::Postmark, json!({ "fault": "rate_limited" }), 429, "Rate limit exceeded."),
        (Service::Postmark, json!({ "fault": "rejected" }), 422, "\"ErrorCode\":300"),
        (Service::Postmark, json!({ "fault": "rejected", "code": 406 }), 422, "Found inactive addresses: "),
    ] {
        fixture.set_fault(vendor, &fault).await;
        let answer = send(&fixture, vendor).await;
        let body = std::str::from_utf8(&answer.body).unwrap();
        assert!(answer.status == status && body.contains(told), "{vendor:?} {fault}: {answer:?}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Ses).faulted, 3);
}

#[tokio::test]
async fn names_and_waits_are_in_headers() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Ses, &json!({ "fault": "rejected" })).await;
    assert_eq!(send(&fixture, Service::Ses).await.header("x-amzn-errortype"), Some("MessageRejected"));
    fixture.set_fault(Service::Resend, &json!({ "fault": "rate_limited", "retry_after_s": 2 })).await;
    let limited = send(&fixture, Service::Resend).await;
    assert_eq!((limited.header("retry-after"), limited.header("ratelimit-reset")), (Some("2"), Some("2")));
    fixture.set_fault(Service::Postmark, &json!({ "fault": "rejected", "code": 412 })).await;
    assert_eq!(send(&fixture, Service::Postmark).await.header("x-pm-apierrorcode"), Some("412"));
}

#[tokio::test]
async fn a_hanging_request_goes_on_when_the_fault_is_cleared() {
    let fixture = Fixture::start().await;
    for vendor in VENDORS {
        fixture.set_fault(vendor, &json!({ "fault": "hang" })).await;
        let hanging = tokio::spawn(exchange(request(&fixture, vendor)));
        until_faulted(&fixture, vendor).await;
        assert!(!hanging.is_finished(), "{vendor:?}");
        fixture.sandbox.faults().clear(vendor);
        assert_eq!(hanging.await.unwrap().unwrap().status, 200, "{vendor:?}");
    }
}

#[tokio::test]
async fn answers_are_lost_and_held_back_after_storing() {
    let fixture = Fixture::start().await;
    for vendor in VENDORS {
        fixture.set_fault(vendor, &json!({ "fault": "accept_then_drop", "times": 1 })).await;
        let error = exchange(request(&fixture, vendor)).await.unwrap_err();
        assert!(error.is_incomplete_message(), "{vendor:?}: {error}");
        assert_eq!(fixture.counters(vendor).accepted, 1, "{vendor:?}");
        fixture.set_fault(vendor, &json!({ "fault": "accept_then_hang" })).await;
        let held = tokio::spawn(exchange(request(&fixture, vendor)));
        let mut changes = fixture.sandbox.inbox().changes();
        while fixture.counters(vendor).faulted < 2 {
            tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
        }
        assert_eq!(fixture.counters(vendor).accepted, 2, "{vendor:?}");
        fixture.sandbox.faults().clear(vendor);
        assert_eq!(held.await.unwrap().unwrap().status, 200, "{vendor:?}");
    }
}

#[tokio::test]
async fn a_reset_stores_nothing() {
    let fixture = Fixture::start().await;
    for vendor in VENDORS {
        fixture.set_fault(vendor, &json!({ "fault": "reset", "times": 1 })).await;
        let mut stream = TcpStream::connect(fixture.sandbox.url(vendor).trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "{vendor:?}");
        assert_eq!((fixture.counters(vendor).faulted, fixture.counters(vendor).refused), (1, 0), "{vendor:?}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn requests_are_kept_without_their_secrets() {
    let mut options = super::fixture::options();
    options.keep_raw = true;
    let fixture = Fixture::with(options).await;
    for vendor in VENDORS {
        assert_eq!(send(&fixture, vendor).await.status, 200, "{vendor:?}");
    }
    let credentials = fixture.sandbox.credentials();
    for message in fixture.sandbox.inbox().messages() {
        let raw = message.raw.as_deref().unwrap();
        assert!(raw.starts_with("POST /") && raw.contains("Rent"), "{raw}");
        for secret in [&credentials.resend_api_key, &credentials.postmark_server_token, "Signature=", "Basic "] {
            assert!(!raw.contains(secret), "{raw}");
        }
    }
}

async fn until_faulted(fixture: &Fixture, vendor: Service) {
    let mut changes = fixture.sandbox.inbox().changes();
    while fixture.counters(vendor).faulted == 0 {
        tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    }
}
