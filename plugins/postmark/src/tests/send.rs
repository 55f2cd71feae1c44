//! What is sent to Postmark, byte for byte, and what its answers mean.

use notifier_plugin_sdk::testing::{Exchange, context, email};
use notifier_plugin_sdk::{
    Attachment, Class, Email, HttpError, Mailbox, Problem, Receipt, Rejection, RejectionKind, SendError,
};
use serde_json::{Value, json};

use super::host;
use crate::Postmark;
use crate::errors::ERRORS;
use crate::mail::{FORBIDDEN_ENDINGS, MESSAGE_BYTES_MAX, PART_BYTES_MAX, RECIPIENTS_MAX, RESERVED_HEADERS};

const SEND: &str = "https://api.postmarkapp.com/email";

/// The body of [`mail`].
const PLAIN: &str = concat!(
    r#"{"From":"sender@example.com","To":"tenant@example.org","Subject":"Rent","TextBody":"Due","#,
    r#""Tag":"rent-reminder","Metadata":{"notifier_key":"key-1","tenant":"default"}}"#,
);

fn mail() -> Email {
    email("tenant@example.org", "Rent", "Due")
}

fn post(body: &str) -> Exchange {
    Exchange::post(SEND)
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .secret_header("X-Postmark-Server-Token", "server_token")
        .body(body)
}

fn body_of(settings: Value, mail: &Email) -> Vec<u8> {
    let settings = serde_json::from_value(settings).unwrap();
    crate::mail::body(&settings, mail, &context()).unwrap()
}

fn answered(status: u16, body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    host(json!({})).exchange(post(PLAIN).reply(status, body)).send::<Postmark>(mail().into(), context())
}

/// What is refused without a request.
fn refused(mail: Email) -> Problem {
    match host(json!({})).send::<Postmark>(mail.into(), context()).unwrap_err() {
        SendError::Rejected(Rejection { kind: RejectionKind::Message, problem }) => problem,
        other => unreachable!("{other:?}"),
    }
}

fn file(filename: &str, data: Vec<u8>) -> Attachment {
    Attachment { filename: filename.into(), content_type: "application/pdf".into(), content_id: None, data }
}

#[test]
fn a_plain_mail_byte_for_byte() {
    let outcome = answered(200, r#"{"MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817","ErrorCode":0,"Message":"OK"}"#);
    let id = Some("b7bc2f4a-e38e-4336-af7d-e6c392c2f817".into());
    assert_eq!(outcome, Ok(Receipt { provider_message_id: id, attributes: vec![] }));
}

#[test]
fn a_full_mail_byte_for_byte() {
    let mailbox = |address: &str, name: &str| Mailbox { address: address.into(), name: Some(name.into()) };
    let image = |filename: &str, content_id: Option<&str>, data: &[u8]| Attachment {
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
        attachments: vec![image("logo.png", Some("logo"), &[0, 255, 62, 63]), image("plan.png", None, b"M")],
    };
    let body = concat!(
        r#"{"From":"\"Müller, Söhne\" <landlord@example.com>","#,
        r#""To":"\"A \\\"B\\\"\" <a@example.org>, c@example.org","ReplyTo":"Office <office@example.com>","#,
        r#""Subject":"Miete 🏠","TextBody":"Fällig\n","HtmlBody":"<p>Fällig <img src=\"cid:logo\"></p>","#,
        r#""Headers":[{"Name":"X-Unit","Value":"7"},{"Name":"List-Unsubscribe","Value":"<https://n.example/u/1>"}],"#,
        r#""Attachments":[{"Name":"logo.png","Content":"AP8+Pw==","ContentType":"image/png","ContentID":"cid:logo"},"#,
        r#"{"Name":"plan.png","Content":"TQ==","ContentType":"image/png"}],"Tag":"rent-reminder","#,
        r#""Metadata":{"notifier_key":"key-1","region":"north","tenant":"default"},"MessageStream":"rent","#,
        r#""TrackOpens":true,"TrackLinks":"HtmlOnly"}"#,
    );
    let settings = json!({
        "message_stream": "rent", "track_opens": true, "track_links": "HtmlOnly", "metadata": {"region": "north"},
    });
    let outcome = host(settings).exchange(post(body).reply(200, "{}")).send::<Postmark>(mail.into(), context());
    assert_eq!(outcome, Ok(Receipt { provider_message_id: None, attributes: vec![] }));
}

#[test]
fn what_is_remarked_of_an_accepted_message_is_kept() {
    let outcome = answered(200, r#"{"MessageID":"M1","ErrorCode":0,"Message":"Test job accepted"}"#).unwrap();
    assert_eq!(outcome.provider_message_id.as_deref(), Some("M1"));
    assert_eq!(outcome.attributes, [("message".to_owned(), "Test job accepted".to_owned())]);
}

#[test]
fn reserved_headers_are_named() {
    for name in RESERVED_HEADERS.iter().copied().chain(["Subject", "Return-Path"]) {
        let message = refused(Email { headers: vec![(name.into(), "x".into())], ..mail() }).message;
        assert!(message.contains(&format!("`{name}`")), "{message}");
    }
}

#[test]
fn forbidden_files_are_named() {
    for ending in FORBIDDEN_ENDINGS {
        for name in [format!("a.{ending}"), format!("a.pdf.{}", ending.to_uppercase())] {
            let problem = refused(Email { attachments: vec![file(&name, vec![])], ..mail() });
            assert_eq!(problem.code.as_deref(), Some("411"));
            assert!(problem.message.contains(&format!("`{name}`")), "{}", problem.message);
        }
    }
    assert_eq!(FORBIDDEN_ENDINGS.len(), 31);
    for name in ["exe", "a.exe.pdf", "a.exe.", "executable", "ü.pdf"] {
        body_of(json!({}), &Email { attachments: vec![file(name, vec![])], ..mail() });
    }
}

#[test]
fn limits_are_checked_before_sending() {
    let recipients = |count| vec![Mailbox { address: "a@example.org".into(), name: None }; count];
    let problem = refused(Email { recipients: recipients(RECIPIENTS_MAX + 1), ..mail() });
    assert_eq!((problem.code.as_deref(), problem.message.contains("51 recipients")), (Some("300"), true));
    body_of(json!({}), &Email { recipients: recipients(RECIPIENTS_MAX), ..mail() });

    let long = |bytes| Some("x".repeat(bytes));
    assert!(refused(Email { text: long(PART_BYTES_MAX + 1), ..mail() }).message.starts_with("the text has 5242881"));
    assert!(refused(Email { html: long(PART_BYTES_MAX + 1), ..mail() }).message.starts_with("the HTML has 5242881"));
    body_of(json!({}), &Email { text: long(PART_BYTES_MAX), html: long(PART_BYTES_MAX), ..mail() });

    // Four characters of base64 for three bytes: this is the first size that does not fit.
    let limit = (MESSAGE_BYTES_MAX - "Due".len()) / 4 * 3;
    let with_file = |bytes| Email { attachments: vec![file("a.pdf", vec![0; bytes])], ..mail() };
    assert!(refused(with_file(limit + 1)).message.contains("link to large files"));
    let body = body_of(json!({}), &with_file(limit));
    assert!(body.len() > limit / 3 * 4);
    // Grown once: its capacity was right from the start.
    assert!(body.capacity() < body.len() + 8 * 1024, "{} {}", body.capacity(), body.len());
}

#[test]
fn every_code_of_the_table_has_its_class_whatever_the_status() {
    for (code, class) in ERRORS.codes {
        for status in [200, 401, 422, 500] {
            let body = json!({"ErrorCode": code.parse::<u64>().unwrap(), "Message": "Said"}).to_string();
            let problem = Problem { code: Some((*code).into()), message: "Said".into() };
            assert_eq!(answered(status, body), Err(class.into_error(None, problem)), "{status} {code}");
        }
    }
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn the_codes_that_matter_most() {
    for (code, class) in [
        ("10", Class::Provider),
        ("100", Class::Unavailable),
        ("101", Class::Unknown),
        ("300", Class::Message),
        ("400", Class::Provider),
        ("405", Class::Provider),
        ("406", Class::Suppressed),
        ("411", Class::Message),
        ("412", Class::Provider),
        ("413", Class::Provider),
        ("429", Class::RateLimited),
        ("1235", Class::Provider),
    ] {
        assert_eq!(ERRORS.class(Some(code), 422), class, "{code}");
    }
    assert_eq!(ERRORS.codes.len(), 21);
    assert_eq!((ERRORS.class(None, 500), ERRORS.class(None, 503)), (Class::Unknown, Class::Unavailable));
}

#[test]
fn a_300_about_an_address_tells_whose() {
    for (message, class) in [
        ("Invalid 'To' address: 'x'.", Class::Recipient),
        ("Error parsing 'To': Illegal email address 'x'. It must contain the '@' symbol.", Class::Recipient),
        ("Invalid 'From' address: 'x'.", Class::Provider),
        ("Error parsing 'From': Illegal email domain", Class::Provider),
        ("Error parsing 'Reply-To': Illegal email domain", Class::Message),
        ("Invalid metadata content.", Class::Message),
    ] {
        let body = |code: u64| json!({"ErrorCode": code, "Message": message}).to_string();
        let problem = |code: &str| Problem { code: Some(code.into()), message: message.into() };
        assert_eq!(answered(422, body(300)), Err(class.into_error(None, problem("300"))), "{message}");
        // Of another error these words say nothing.
        assert_eq!(answered(422, body(402)), Err(Class::Message.into_error(None, problem("402"))), "{message}");
    }
}

#[test]
fn the_message_of_an_error_is_told() {
    let message = |body: &str| match answered(422, body).unwrap_err() {
        SendError::Rejected(rejection) => rejection.problem.message,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(message(r#"{"ErrorCode":402,"Message":"Invalid JSON."}"#), "Invalid JSON.");
    assert_eq!(message(r#"{"ErrorCode":402}"#), "HTTP 422 without a message");
    assert_eq!(message("<html> Bad </html>"), "HTTP 422: <html> Bad </html>");
    assert_eq!(message(""), "HTTP 422 with an empty body");
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed = |error| {
        host(json!({})).exchange(post(PLAIN).fail(error)).send::<Postmark>(mail().into(), context()).unwrap_err()
    };
    assert!(matches!(failed(HttpError::Unreachable("dns".into())), SendError::Unavailable(_)));
    assert!(matches!(failed(HttpError::Interrupted("reset".into())), SendError::Unknown(_)));
    assert!(matches!(failed(HttpError::Denied("host".into())), SendError::Rejected(_)));
}
