//! What is sent to SES, byte for byte, and what its answers mean.

use notifier_plugin_sdk::testing::{Exchange, Script, context, email, sms};
use notifier_plugin_sdk::{
    Attachment, Auth, Class, Email, Mailbox, Problem, Receipt, RejectionKind, SendError, Sigv4Auth,
};
use serde_json::{Value, json};

use super::{API, host};
use crate::Ses;
use crate::errors::REQUEST_ERRORS;
use crate::headers::{ONCE, RESERVED};
use crate::mail::{MESSAGE_BYTES_MAX, RECIPIENTS_MAX};

const ID: &str = "0102019b7a1b2c3d-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-000000";

const PLAIN: &str = concat!(
    r#"{"FromEmailAddress":"sender@example.com","Destination":{"ToAddresses":["ann@example.org"]},"#,
    r#""Content":{"Simple":{"Subject":{"Data":"Rent 🏠","Charset":"UTF-8"},"#,
    r#""Body":{"Text":{"Data":"Due","Charset":"UTF-8"}}}},"#,
    r#""EmailTags":[{"Name":"category","Value":"rent-reminder"},{"Name":"tenant","Value":"default"},"#,
    r#"{"Name":"notifier_key","Value":"key-1"}]}"#,
);

fn mail() -> Email {
    email("ann@example.org", "Rent 🏠", "Due")
}

fn post(url: &str, session_token: Option<&str>) -> Exchange {
    let auth = Sigv4Auth {
        service: "ses".into(),
        region: "eu-central-1".into(),
        access_key_id: "access_key_id".into(),
        secret_access_key: "secret_access_key".into(),
        session_token: session_token.map(Into::into),
    };
    Exchange::post(url).auth(Auth::AwsSigv4(auth)).header("content-type", "application/json")
}

fn answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = post(API, None).body(PLAIN).reply_with(status, headers, body);
    host(json!({})).exchange(exchange).send::<Ses>(mail().into(), context())
}

/// What is refused without a request.
fn refused(mail: Email) -> (RejectionKind, String) {
    match host(json!({})).send::<Ses>(mail.into(), context()).unwrap_err() {
        SendError::Rejected(rejection) => (rejection.kind, rejection.problem.message),
        other => unreachable!("{other:?}"),
    }
}

fn file(bytes: usize) -> Attachment {
    Attachment {
        filename: "a.pdf".into(),
        content_type: "application/pdf".into(),
        content_id: None,
        data: vec![0; bytes],
    }
}

/// The body that is sent for a mail.
fn body_of(mail: Email) -> Result<Vec<u8>, SendError> {
    let settings = serde_json::from_value(json!({"region": "eu-central-1"})).unwrap();
    Script::new().run(|| crate::mail::body(&settings, mail, &context())).0
}

#[test]
fn a_plain_mail_byte_for_byte() {
    let reply = format!(r#"{{"MessageId":"{ID}"}}"#);
    let outcome = answered(200, &[], reply);
    assert_eq!(outcome, Ok(Receipt { provider_message_id: Some(ID.into()), attributes: vec![] }));
}

#[test]
fn the_base_url_can_be_another_and_credentials_temporary() {
    let url = "http://127.0.0.1:9/v2/email/outbound-emails";
    let exchange = post(url, Some("session_token")).body(PLAIN).reply(200, "{}");
    let host = host(json!({"base_url": "http://127.0.0.1:9", "session_token": true})).secret("session_token", "token");
    assert!(host.exchange(exchange).send::<Ses>(mail().into(), context()).is_ok());
}

#[test]
fn partitions_have_domains_of_their_own() {
    for (region, url) in [
        ("us-gov-west-1", "https://email.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "https://email.eusc-de-east-1.amazonaws.eu"),
        ("cn-north-1", "https://email.cn-north-1.amazonaws.com.cn"),
    ] {
        let settings: crate::Settings = serde_json::from_value(json!({"region": region})).unwrap();
        assert_eq!(settings.base_url(), url);
    }
}

#[test]
fn reserved_and_repeated_headers_are_named() {
    for name in RESERVED.iter().copied().chain(["Subject", "DATE", "X-SES-Message-Tags"]) {
        let (_, problem) = refused(Email { headers: vec![(name.into(), "x".into())], ..mail() });
        assert!(problem.contains(&format!("`{name}`")), "{problem}");
    }
    for name in ONCE {
        let headers = vec![((*name).to_owned(), "1".to_owned()), (name.to_ascii_uppercase(), "2".into())];
        let (_, problem) = refused(Email { headers, ..mail() });
        assert!(problem.contains("twice"), "{problem}");
    }
    let (_, problem) = refused(Email { headers: vec![("X Unit".into(), "1".into())], ..mail() });
    assert!(problem.contains("`X Unit` is not the name"), "{problem}");
    let (_, problem) = refused(Email { headers: vec![("X-Long".into(), "x".repeat(991))], ..mail() });
    assert!(problem.contains("991 characters without a space"), "{problem}");
}

/// <https://docs.aws.amazon.com/ses/latest/dg/header-fields.html> lists 60 that may be there once, 10 of them SES's to write, and
/// 12 that are SES's; `content-transfer-encoding` would break the message as well.
#[test]
fn the_lists_of_headers_are_complete() {
    assert_eq!((ONCE.len(), RESERVED.len()), (60 - 10, 12 + 1));
    assert!(RESERVED.is_sorted());
    assert!(ONCE.iter().all(|name| !RESERVED.contains(name)));
}

#[test]
fn a_header_that_may_be_there_again_is_sent_again() {
    let headers = vec![("X-Unit".to_owned(), "1".to_owned()), ("x-unit".into(), "2".into())];
    let body: Value = serde_json::from_slice(&body_of(Email { headers, ..mail() }).unwrap()).unwrap();
    let headers = json!([{"Name": "X-Unit", "Value": "1"}, {"Name": "x-unit", "Value": "2"}]);
    assert_eq!(body["Content"]["Simple"]["Headers"], headers);
}

#[test]
fn what_simple_content_cannot_hold_is_raw() {
    let with = |name: String, value: String| Email { headers: vec![(name, value)], ..mail() };
    for (mail, is_simple) in [
        (with("X-A".into(), "v".repeat(985)), true),
        (with("X-A".into(), String::new()), false),
        (with("X-A".into(), "v v".repeat(332)), false),
        (with("N".repeat(126), "v".into()), true),
        (with("N".repeat(127), "v".into()), false),
        (with("X-A".into(), "ü".repeat(400)), false),
        (Email { attachments: vec![file(1)], ..mail() }, false),
    ] {
        let headers = mail.headers.clone();
        let body: Value = serde_json::from_slice(&body_of(mail).unwrap()).unwrap();
        assert_eq!(body["Content"].get("Simple").is_some(), is_simple, "{headers:?}");
        assert_eq!(body["Content"].get("Raw").is_none(), is_simple, "{headers:?}");
    }
}

#[test]
fn limits_are_checked_before_sending() {
    let recipients = |count| vec![Mailbox { address: "a@example.org".into(), name: None }; count];
    assert!(body_of(Email { recipients: recipients(RECIPIENTS_MAX), ..mail() }).is_ok());
    assert!(refused(Email { recipients: recipients(RECIPIENTS_MAX + 1), ..mail() }).1.contains("51 recipients"));
    assert!(refused(Email { recipients: vec![], ..mail() }).1.contains("no recipient"));
    assert!(refused(Email { text: None, ..mail() }).1.contains("neither text nor HTML"));
    assert!(
        refused(Email { text: Some("x".repeat(MESSAGE_BYTES_MAX + 1)), ..mail() }).1.contains("link to large files")
    );
    // 78 bytes for 57, so this fits without its headers and not with them.
    let almost = MESSAGE_BYTES_MAX / 78 * 57;
    assert!(refused(Email { attachments: vec![file(almost)], ..mail() }).1.contains("link to large files"));
    let body = body_of(Email { attachments: vec![file(almost - 57 * 20)], ..mail() }).unwrap();
    // Grown once: its capacity was right from the start.
    assert!(body.capacity() < body.len() + 8 * 1024, "{} {}", body.capacity(), body.len());
}

#[test]
fn an_address_that_ses_cannot_write_is_whose_it_is() {
    let bad = |address: &str| Mailbox { address: address.into(), name: None };
    // The first is right, and others take it.
    let cases = [
        ("jörg@example.org", RejectionKind::Message),
        ("joe@exa\u{ad}\u{2260}.\u{ffff}", RejectionKind::Recipient),
        ("nobody", RejectionKind::Recipient),
    ];
    for (address, kind) in cases {
        assert_eq!(refused(Email { recipients: vec![bad(address)], ..mail() }).0, kind, "{address}");
        assert_eq!(refused(Email { sender: bad(address), ..mail() }).0, RejectionKind::Provider, "{address}");
        assert_eq!(refused(Email { reply_to: Some(bad(address)), ..mail() }).0, RejectionKind::Message, "{address}");
    }
    assert!(refused(Email { recipients: vec![bad("nobody")], ..mail() }).1.contains("`nobody` has no `@`"));
}

#[test]
fn a_long_name_stays_on_one_line_of_the_field() {
    let name = "Verwaltung der Häuser am Großen Garten, Abteilung für Mahnungen und Erinnerungen 🏠";
    let sender = Mailbox { address: "office@example.com".into(), name: Some(name.into()) };
    let body: Value = serde_json::from_slice(&body_of(Email { sender, ..mail() }).unwrap()).unwrap();
    let field = body["FromEmailAddress"].as_str().unwrap();
    assert!(!field.contains(['\r', '\n']) && field.is_ascii(), "{field}");
    let words: Vec<_> = field.split(' ').collect();
    // RFC 2047, section 2: an encoded word has 75 characters at most.
    assert!(words.len() > 2 && words.iter().all(|word| word.len() <= 75), "{words:?}");
    let header = format!("From: {field}\r\n\r\n");
    let message = mail_parser::MessageParser::default().parse(&header).unwrap();
    assert_eq!(message.from().unwrap().first().unwrap().name(), Some(name));
}

#[test]
fn another_channel_is_refused() {
    let outcome = host(json!({})).send::<Ses>(sms("+14155550100", "Hi"), context());
    let SendError::Rejected(rejection) = outcome.unwrap_err() else { unreachable!() };
    assert!(rejection.problem.message.contains("email only"));
}

#[test]
fn every_2xx_accepts_with_or_without_an_id() {
    for body in ["", "<html>", "[]", "null", r#"{"MessageId":""}"#, r#"{"MessageId":7}"#, "\u{0}"] {
        assert_eq!(answered(200, &[], body).unwrap().provider_message_id, None, "{body}");
    }
    assert_eq!(answered(202, &[], vec![0xff, 0xfe]).unwrap().provider_message_id, None);
}

#[test]
fn every_code_of_the_table_is_classified_by_code() {
    for (code, class) in REQUEST_ERRORS.codes {
        // A status that means something else, so that only the code can give this class.
        let status = if *class == Class::Message { 401 } else { 400 };
        let problem = Problem { code: Some((*code).into()), message: "Said".into() };
        let wanted = Err(class.into_error(None, problem));
        assert_eq!(answered(status, &[("x-amzn-errortype", code)], r#"{"message":"Said"}"#), wanted, "{code}");
        let body = json!({"__type": format!("com.amazonaws.sesv2#{code}"), "Message": "Said"}).to_string();
        assert_eq!(answered(status, &[], body), wanted, "{code}");
    }
}

#[test]
fn an_error_type_is_read_in_all_its_forms() {
    for (header, code) in [
        ("MessageRejected", Some("MessageRejected")),
        ("MessageRejected:", Some("MessageRejected")),
        ("aws.protocols#MessageRejected:http://internal.amazon.com/coral/", Some("MessageRejected")),
        ("MessageRejected,Other", Some("MessageRejected")),
        (":http://internal.amazon.com/", None),
        ("", None),
    ] {
        let SendError::Rejected(rejection) = answered(400, &[("x-amzn-errortype", header)], "").unwrap_err() else {
            unreachable!("{header}")
        };
        assert_eq!(rejection.problem.code.as_deref(), code, "{header}");
        assert!(rejection.problem.message.starts_with("HTTP 400"), "{}", rejection.problem.message);
    }
}

#[test]
fn an_error_body_that_is_not_of_ses_does_not_crash() {
    for body in ["", "<html>", "null", "[]", "{}", r#"{"message":7}"#, r#"{"__type":{}}"#, "\u{0}"] {
        let SendError::Unavailable(wait) = answered(503, &[], body).unwrap_err() else { unreachable!("{body}") };
        assert!(wait.problem.message.starts_with("HTTP 503"), "{}", wait.problem.message);
    }
    assert!(matches!(answered(400, &[], vec![0xff; 100_000]), Err(SendError::Rejected(_))));
}
