//! Every fault as a client meets it.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use super::super::{Fault, Faults, Service, changes::Changes};
use super::fixture::{Fixture, PATIENCE, SMS, basic, exchange, is_pending, mail};

#[tokio::test]
async fn unavailable_lasts_as_often_as_asked() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Twilio, &json!({ "fault": "unavailable", "times": 2 })).await;
    fixture.set_fault(Service::SendGrid, &json!({ "fault": "unavailable", "times": 1 })).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(fixture.send_sms(SMS).await.status.as_u16());
    }
    assert_eq!(statuses, [503, 503, 201]);
    let refused = fixture.send_mail(&mail()).await;
    assert_eq!((refused.status.as_u16(), refused.json()["errors"].is_array()), (503, true));
    assert_eq!(fixture.send_mail(&mail()).await.status, StatusCode::ACCEPTED);
    let counters = fixture.counters(Service::Twilio);
    assert_eq!((counters.faulted, counters.accepted, counters.refused), (2, 1, 0));
}

#[tokio::test]
async fn a_fault_without_times_lasts_until_cleared() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Twilio, &json!({ "fault": "unavailable" })).await;
    for _ in 0..5 {
        assert_eq!(fixture.send_sms(SMS).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(fixture.console(Method::DELETE, "/sandbox/faults", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(fixture.send_sms(SMS).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn rate_limits_say_when_to_come_back() {
    let fixture = Fixture::start().await;
    let fault = json!({ "fault": "rate_limited", "retry_after_s": 2, "times": 1 });
    fixture.set_fault(Service::Twilio, &fault).await;
    fixture.set_fault(Service::SendGrid, &fault).await;
    let sms = fixture.send_sms(SMS).await;
    assert_eq!((sms.status.as_u16(), sms.header("retry-after")), (429, Some("2")));
    assert_eq!(sms.json()["code"], 20429);
    let mail_answer = fixture.send_mail(&mail()).await;
    assert_eq!((mail_answer.status.as_u16(), mail_answer.header("retry-after")), (429, None));
    assert_eq!(mail_answer.header("x-ratelimit-reset"), Some("1772366402"));
    fixture.set_fault(Service::Twilio, &json!({ "fault": "rate_limited" })).await;
    assert_eq!(fixture.send_sms(SMS).await.header("retry-after"), None);
}

#[tokio::test]
async fn rejections_carry_the_code_or_field() {
    let fixture = Fixture::start().await;
    for (code, status) in [(21211, 400), (21610, 400), (20003, 401), (20404, 404), (20429, 429), (30007, 400)] {
        fixture.set_fault(Service::Twilio, &json!({ "fault": "rejected", "code": code, "times": 1 })).await;
        let answer = fixture.send_sms(SMS).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (status, &code.into()));
    }
    let recipient = json!("personalizations.0.to.0.email");
    for (fault, status, field) in [
        (json!({ "fault": "rejected" }), 400, &recipient),
        (json!({ "fault": "rejected", "field": "subject" }), 400, &json!("subject")),
        (json!({ "fault": "rejected", "code": 401 }), 401, &Value::Null),
        (json!({ "fault": "rejected", "code": 413 }), 413, &Value::Null),
    ] {
        fixture.set_fault(Service::SendGrid, &fault).await;
        let answer = fixture.send_mail(&mail()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["errors"][0]["field"]), (status, field), "{fault}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn a_hanging_request_goes_on_when_the_fault_is_cleared() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Twilio, &json!({ "fault": "hang", "times": 1 })).await;
    let hanging = tokio::spawn(exchange(fixture.twilio_request(SMS)));
    until_faulted(&fixture, Service::Twilio).await;
    // It was used up, so that the next request passes while the first still hangs.
    assert_eq!(fixture.send_sms("To=%2B14155550102&From=12345&Body=Second").await.status, StatusCode::CREATED);
    assert!(!hanging.is_finished());
    fixture.sandbox.faults().clear(Service::Twilio);
    assert_eq!(hanging.await.unwrap().unwrap().status, StatusCode::CREATED);
    let arrived: Vec<_> =
        fixture.sandbox.inbox().messages().iter().map(|message| message.text.clone().unwrap()).collect();
    assert_eq!(arrived, ["Second", "Hello"]);
}

#[tokio::test]
async fn accept_then_drop_stores_and_closes_without_a_byte() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Twilio, &json!({ "fault": "accept_then_drop", "times": 1 })).await;
    // A request that is refused anyway is answered, and does not use the fault up.
    assert_eq!(fixture.send_sms("Body=Hello").await.status, StatusCode::BAD_REQUEST);

    let credentials = fixture.sandbox.credentials();
    let (sid, token) = (&credentials.twilio_account_sid, &credentials.twilio_auth_token);
    let request = format!(
        "POST /2010-04-01/Accounts/{sid}/Messages.json HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{SMS}",
        basic(sid, token),
        SMS.len()
    );
    let mut stream = TcpStream::connect(fixture.sandbox.twilio_url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await.unwrap().unwrap();
    assert_eq!(received, b"");
    assert_eq!(fixture.only_message().text.as_deref(), Some("Hello"));

    // The same connection without the fault stays open after its answer.
    let mut stream = TcpStream::connect(fixture.sandbox.twilio_url().trim_start_matches("http://")).await.unwrap();
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 201");
        read_rest(&mut stream).await;
    }
    assert_eq!(fixture.counters(Service::Twilio).accepted, 3);
}

#[tokio::test]
async fn accept_then_drop_of_sendgrid_is_an_error_for_the_client() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::SendGrid, &json!({ "fault": "accept_then_drop", "times": 1 })).await;
    let error = exchange(fixture.sendgrid_request(&mail().to_string())).await.unwrap_err();
    assert!(error.is_incomplete_message(), "{error}");
    assert_eq!(fixture.only_message().to, ["ana@example.com"]);
    assert_eq!(fixture.send_mail(&mail()).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn accept_then_hang_stores_and_answers_when_the_fault_is_cleared() {
    let fixture = Fixture::start().await;
    for service in [Service::Twilio, Service::SendGrid] {
        fixture.set_fault(service, &json!({ "fault": "accept_then_hang" })).await;
    }
    let sms = tokio::spawn(exchange(fixture.twilio_request(SMS)));
    let mail = tokio::spawn(exchange(fixture.sendgrid_request(&mail().to_string())));
    until_faulted(&fixture, Service::Twilio).await;
    until_faulted(&fixture, Service::SendGrid).await;
    assert_eq!(fixture.sandbox.inbox().messages().len(), 2);
    assert!(!sms.is_finished() && !mail.is_finished());
    fixture.sandbox.faults().clear_all();
    assert_eq!(sms.await.unwrap().unwrap().status, StatusCode::CREATED);
    assert_eq!(mail.await.unwrap().unwrap().status, StatusCode::ACCEPTED);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 2, "not stored again");
}

#[tokio::test]
async fn an_answer_is_held_back_until_the_fault_is_cleared() {
    let faults = Faults::new(Changes::new(), Default::default());
    faults.set(Service::Twilio, Fault::AcceptThenHang, None).unwrap();
    assert_eq!(faults.admit(Service::Twilio).await, None, "it begins when the message is stored");
    let mut held = Box::pin(faults.loses_answer(Service::Twilio));
    assert!(is_pending(held.as_mut()).await);
    faults.clear(Service::Twilio);
    assert!(!tokio::time::timeout(PATIENCE, held).await.unwrap(), "it is given then");
}

#[tokio::test]
async fn a_reset_stores_nothing_and_is_no_ordinary_end_of_the_connection() {
    let fixture = Fixture::start().await;
    for service in [Service::Twilio, Service::SendGrid] {
        fixture.set_fault(service, &json!({ "fault": "reset", "times": 1 })).await;
        let mut stream = TcpStream::connect(fixture.sandbox.url(service).trim_start_matches("http://")).await.unwrap();
        let path = if service == Service::Twilio { "/2010-04-01/Accounts/x/Messages.json" } else { "/v3/mail/send" };
        let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!((fixture.counters(service).faulted, fixture.counters(service).refused), (1, 0));
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.send_sms(SMS).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn slow_is_at_least_that_slow() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Twilio, &json!({ "fault": "slow", "delay_ms": 40, "times": 1 })).await;
    let started_at = Instant::now();
    assert_eq!(fixture.send_sms(SMS).await.status, StatusCode::CREATED);
    assert!(started_at.elapsed().as_millis() >= 40);
}

#[tokio::test]
async fn clearing_ends_a_slow_wait() {
    let faults = Faults::new(Changes::new(), Default::default());
    faults.set(Service::Catalog, Fault::Slow { delay_ms: 600_000 }, None).unwrap();
    let mut waiting = Box::pin(faults.admit(Service::Catalog));
    assert!(is_pending(waiting.as_mut()).await);
    faults.clear(Service::Catalog);
    assert_eq!(tokio::time::timeout(PATIENCE, waiting).await.unwrap(), None);
}

#[tokio::test]
async fn a_fault_hits_its_own_service_only() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::SendGrid, &json!({ "fault": "unavailable" })).await;
    assert_eq!(fixture.send_sms(SMS).await.status, StatusCode::CREATED);
    assert_eq!(fixture.send_mail(&mail()).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn wrong_faults_are_refused_with_the_field() {
    let fixture = Fixture::start().await;
    let cases = [
        ("twilio", "{}", "fault"),
        ("twilio", r#"{"fault":"explode"}"#, "fault"),
        ("twilio", r#"{"fault":1}"#, "fault"),
        ("twilio", r#"{"fault":"hang","time":1}"#, "time"),
        ("twilio", r#"{"fault":"hang","times":0}"#, "times"),
        ("twilio", r#"{"fault":"hang","times":-1}"#, "times"),
        ("twilio", r#"{"fault":"hang","times":"1"}"#, "times"),
        ("twilio", r#"{"fault":"hang","delay_ms":1}"#, "delay_ms"),
        ("twilio", r#"{"fault":"unavailable","retry_after_s":1}"#, "retry_after_s"),
        ("twilio", r#"{"fault":"slow"}"#, "delay_ms"),
        ("twilio", r#"{"fault":"slow","delay_ms":0}"#, "delay_ms"),
        ("twilio", r#"{"fault":"slow","delay_ms":600001}"#, "delay_ms"),
        ("twilio", r#"{"fault":"slow","delay_ms":5,"code":21211}"#, "code"),
        ("twilio", r#"{"fault":"rejected","retry_after_s":1}"#, "retry_after_s"),
        ("twilio", r#"{"fault":"rejected","code":400}"#, "code"),
        ("twilio", r#"{"fault":"rejected","field":"To"}"#, "field"),
        ("sendgrid", r#"{"fault":"rejected","code":21211}"#, "code"),
        ("mailgun", r#"{"fault":"rejected","code":500}"#, "code"),
        ("ses", r#"{"fault":"rejected","code":400}"#, "code"),
        ("ses", r#"{"fault":"rejected","field":"validation_error"}"#, "field"),
        ("resend", r#"{"fault":"rejected","code":400}"#, "code"),
        ("resend", r#"{"fault":"rejected","field":"MessageRejected"}"#, "field"),
        ("postmark", r#"{"fault":"rejected","code":21211}"#, "code"),
        ("postmark", r#"{"fault":"rejected","field":"To"}"#, "field"),
        ("directory", r#"{"fault":"rejected"}"#, "fault"),
        ("directory", r#"{"fault":"rate_limited"}"#, "fault"),
        ("catalog", r#"{"fault":"accept_then_drop"}"#, "fault"),
        ("catalog", r#"{"fault":"accept_then_hang"}"#, "fault"),
        ("directory", r#"{"fault":"reset"}"#, "fault"),
        ("twilio", r#"{"fault":"reset","delay_ms":1}"#, "delay_ms"),
        ("sns", r#"{"fault":"rejected","field":"To"}"#, "field"),
        ("fcm", r#"{"fault":"rejected","code":500}"#, "code"),
        ("vonage", r#"{"fault":"rejected","code":400}"#, "code"),
    ];
    for (service, body, field) in cases {
        let answer = fixture.console(Method::PUT, &format!("/sandbox/faults/{service}"), body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
        let problem = answer.json();
        assert!(problem["field"] == field || (field == "fault" && body == "{}"), "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}: {problem}");
    }
    for body in ["", "[]", "{\"fault\":\"hang\"} {}"] {
        let answer = fixture.console(Method::PUT, "/sandbox/faults/twilio", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {answer:?}");
    }
    let unknown = fixture.console(Method::PUT, "/sandbox/faults/smtp", r#"{"fault":"hang"}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.send_sms(SMS).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn active_faults_can_be_read() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Twilio, &json!({ "fault": "rate_limited", "retry_after_s": 2, "times": 3 })).await;
    fixture.set_fault(Service::Catalog, &json!({ "fault": "slow", "delay_ms": 5 })).await;
    fixture.send_sms(SMS).await;
    let expected = json!({
        "twilio": { "fault": "rate_limited", "retry_after_s": 2, "times_left": 2 },
        "sendgrid": null,
        "ses": null,
        "resend": null,
        "mailgun": null,
        "postmark": null,
        "directory": null,
        "catalog": { "fault": "slow", "delay_ms": 5 },
        "sns": null,
        "slack": null,
        "fcm": null,
        "vonage": null,
        "webhook": null,
        "webpush": null,
    });
    assert_eq!(fixture.get("/sandbox/faults").await.json(), expected);
    assert_eq!(fixture.get("/sandbox/faults/twilio").await.json(), expected["twilio"]);
    assert_eq!(fixture.console(Method::DELETE, "/sandbox/faults/twilio", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(fixture.get("/sandbox/faults/twilio").await.json(), Value::Null);
}

async fn until_faulted(fixture: &Fixture, service: Service) {
    let mut changes = fixture.sandbox.inbox().changes();
    while fixture.counters(service).faulted == 0 {
        tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    }
}

/// Reads the rest of a response whose status was read.
async fn read_rest(stream: &mut TcpStream) {
    let mut received = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "closed in the middle");
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return;
        }
    }
}
