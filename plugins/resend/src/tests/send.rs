//! What is sent to Resend, byte for byte, and what its answers mean.

use notifier_plugin_sdk::testing::{Exchange, context, email};
use notifier_plugin_sdk::{
    Attachment, Class, Context, Email, HttpError, Mailbox, Problem, Receipt, RejectionKind, SendError,
};
use serde_json::{Value, json};

use super::host;
use crate::Resend;
use crate::errors::ERRORS;
use crate::mail::{MESSAGE_BYTES_MAX, RECIPIENTS_MAX, RESERVED_HEADERS};

const SEND: &str = "https://api.resend.com/emails";

/// The body of [`mail`].
const PLAIN: &str = concat!(
    r#"{"from":"sender@example.com","to":["tenant@example.org"],"subject":"Rent","text":"Due","#,
    r#""tags":[{"name":"category","value":"rent-reminder"},{"name":"tenant","value":"default"},"#,
    r#"{"name":"notifier_key","value":"key-1"}]}"#,
);

fn mail() -> Email {
    email("tenant@example.org", "Rent", "Due")
}

fn post(body: &str) -> Exchange {
    Exchange::post(SEND)
        .header("idempotency-key", "key-1")
        .header("content-type", "application/json")
        .bearer("api_key")
        .body(body)
}

fn body_of(settings: Value, mail: &Email) -> Vec<u8> {
    let settings = serde_json::from_value(settings).unwrap();
    crate::mail::body(&settings, mail, &context()).unwrap()
}

fn answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = post(PLAIN).reply_with(status, headers, body);
    host(json!({})).exchange(exchange).send::<Resend>(mail().into(), context())
}

/// What is refused without a request.
fn refused(mail: Email) -> String {
    match host(json!({})).send::<Resend>(mail.into(), context()).unwrap_err() {
        SendError::Rejected(rejection) => {
            assert_eq!(rejection.kind, RejectionKind::Message);
            rejection.problem.message
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_plain_mail_byte_for_byte() {
    let outcome = answered(200, &[], r#"{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}"#);
    let id = Some("49a3999c-0ce1-4ea6-ab68-afcd6dc2e794".into());
    assert_eq!(outcome, Ok(Receipt { provider_message_id: id, attributes: vec![] }));
}

#[test]
fn a_full_mail_byte_for_byte() {
    let mailbox = |address: &str, name: &str| Mailbox { address: address.into(), name: Some(name.into()) };
    let file = |filename: &str, content_id: Option<&str>, data: &[u8]| Attachment {
        filename: filename.into(),
        content_type: "image/png".into(),
        content_id: content_id.map(Into::into),
        data: data.into(),
    };
    let mail = Email {
        sender: mailbox("landlord@example.com", "Müller, Söhne"),
        recipients: vec![mailbox("a@example.org", "A \"B\""), mailbox("c@example.org", "")],
        reply_to: Some(mailbox("office@example.com", "Office")),
        subject: "Miete 🏠".into(),
        text: Some("Fällig\n".into()),
        html: Some("<p>Fällig <img src=\"cid:logo\"></p>".into()),
        headers: vec![("X-Unit".into(), "7".into()), ("List-Unsubscribe".into(), "<https://n.example/u/1>".into())],
        attachments: vec![file("logo.png", Some("logo"), &[0, 255, 62, 63]), file("plan.png", None, b"M")],
    };
    let body = concat!(
        r#"{"from":"\"Müller, Söhne\" <landlord@example.com>","#,
        r#""to":["\"A \\\"B\\\"\" <a@example.org>","c@example.org"],"subject":"Miete 🏠","#,
        r#""reply_to":"Office <office@example.com>","text":"Fällig\n","#,
        r#""html":"<p>Fällig <img src=\"cid:logo\"></p>","#,
        r#""headers":{"List-Unsubscribe":"<https://n.example/u/1>","X-Unit":"7"},"#,
        r#""attachments":[{"content":"AP8+Pw==","filename":"logo.png","content_type":"image/png","content_id":"logo"},"#,
        r#"{"content":"TQ==","filename":"plan.png","content_type":"image/png"}],"#,
        r#""tags":[{"name":"category","value":"rent-reminder"},{"name":"tenant","value":"default"},"#,
        r#"{"name":"notifier_key","value":"key-1"},{"name":"region","value":"north"}],"topic_id":"t1"}"#,
    );
    let settings = json!({"tags": {"region": "north"}, "topic_id": "t1"});
    let outcome = host(settings).exchange(post(body).reply(200, "{}")).send::<Resend>(mail.into(), context());
    assert_eq!(outcome, Ok(Receipt { provider_message_id: None, attributes: vec![] }));
}

/// Resend refuses a key that comes with another body: what differs between two attempts must not stand in it.
#[test]
fn every_attempt_has_the_same_body() {
    let settings = serde_json::from_value(json!({})).unwrap();
    let body_of = |context: Context| crate::mail::body(&settings, &mail(), &context).unwrap();
    let later = Context { attempt: 7, receipt_url: Some("https://n.example/r".into()), ..context() };
    assert_eq!(body_of(context()), body_of(later));
}

#[test]
fn reserved_headers_are_named() {
    for name in RESERVED_HEADERS.iter().copied().chain(["Subject", "Content-Type"]) {
        let message = refused(Email { headers: vec![(name.into(), "x".into())], ..mail() });
        assert!(message.contains(&format!("`{name}`")), "{message}");
    }
}

#[test]
fn limits_are_checked_before_sending() {
    let recipients = |count| vec![Mailbox { address: "a@example.org".into(), name: None }; count];
    assert!(refused(Email { recipients: recipients(RECIPIENTS_MAX + 1), ..mail() }).contains("51 recipients"));
    body_of(json!({}), &Email { recipients: recipients(RECIPIENTS_MAX), ..mail() });

    // Four characters of base64 for three bytes: this is the first size that does not fit.
    let file = |bytes| Attachment {
        filename: "a.pdf".into(),
        content_type: "application/pdf".into(),
        content_id: None,
        data: vec![0; bytes],
    };
    let limit = (MESSAGE_BYTES_MAX - "Due".len()) / 4 * 3;
    assert!(refused(Email { attachments: vec![file(limit + 1)], ..mail() }).contains("link to large files"));
    let body = body_of(json!({}), &Email { attachments: vec![file(limit)], ..mail() });
    assert!(body.len() > limit / 3 * 4);
    // Grown once: its capacity was right from the start.
    assert!(body.capacity() < body.len() + 8 * 1024, "{} {}", body.capacity(), body.len());
}

#[test]
fn every_code_of_the_table_has_its_class_whatever_the_status() {
    for (code, class) in ERRORS.codes {
        for status in [400, 403, 429, 500] {
            let body = json!({"statusCode": status, "name": code, "message": "Said"}).to_string();
            let problem = Problem { code: Some((*code).into()), message: "Said".into() };
            // The script's time is midnight.
            let wait_ms = (*code == "daily_quota_exceeded").then_some(86_400_000);
            assert_eq!(answered(status, &[], body), Err(class.into_error(wait_ms, problem)), "{status} {code}");
        }
    }
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn the_codes_that_matter_most() {
    for (code, status, class) in [
        ("invalid_api_key", 403, Class::Provider),
        ("validation_error", 400, Class::Message),
        ("validation_error", 403, Class::Provider),
        ("validation_error", 422, Class::Message),
        ("rate_limit_exceeded", 429, Class::RateLimited),
        ("daily_quota_exceeded", 429, Class::RateLimited),
        ("monthly_quota_exceeded", 429, Class::Provider),
        ("concurrent_idempotent_requests", 409, Class::Unavailable),
        ("invalid_idempotent_request", 409, Class::Message),
        ("security_error", 451, Class::Message),
        ("application_error", 500, Class::Unavailable),
    ] {
        assert_eq!(ERRORS.class(Some(code), status), class, "{code} {status}");
    }
    assert_eq!(ERRORS.codes.len(), 20);
}

#[test]
fn the_message_of_an_error_is_told() {
    let message = |status, body: &str| match answered(status, &[], body).unwrap_err() {
        SendError::Rejected(rejection) => rejection.problem.message,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(message(422, r#"{"name":"invalid_parameter","message":"Not a UUID"}"#), "Not a UUID");
    assert_eq!(message(422, r#"{"name":"invalid_parameter"}"#), "HTTP 422 without a message");
    assert_eq!(message(422, "<html> Bad </html>"), "HTTP 422: <html> Bad </html>");
    assert_eq!(message(422, ""), "HTTP 422 with an empty body");
    assert_eq!(message(422, "{"), "HTTP 422: {");
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed =
        |error| host(json!({})).exchange(post(PLAIN).fail(error)).send::<Resend>(mail().into(), context()).unwrap_err();
    assert!(matches!(failed(HttpError::Unreachable("dns".into())), SendError::Unavailable(_)));
    assert!(matches!(failed(HttpError::Interrupted("reset".into())), SendError::Unknown(_)));
    assert!(matches!(failed(HttpError::Denied("host".into())), SendError::Rejected(_)));
}
