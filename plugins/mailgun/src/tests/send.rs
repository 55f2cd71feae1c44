//! What is sent to Mailgun, byte for byte, and what its answers mean, beside what the documented exchanges show.

use notifier_plugin_sdk::testing::{Exchange, context, email, sms};
use notifier_plugin_sdk::{
    Attachment, Class, Context, Email, Mailbox, Problem, Receipt, RejectionKind, SendError, Wait,
};
use serde_json::{Value, json};

use super::host;
use crate::Mailgun;
use crate::errors::REQUEST_ERRORS;
use crate::mail::{MESSAGE_BYTES_MAX, OPTIONS_BYTES_MAX, RECIPIENTS_MAX, RESERVED_HEADERS};

const MESSAGES: &str = "https://api.mailgun.net/v3/mg.example.com/messages";

fn mail() -> Email {
    email("tenant@example.org", "Rent", "Due")
}

/// A body of parts, as RFC 7578 writes it.
#[derive(Clone, Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_ref())
    }

    fn with_file(self, name: &str, filename: &str, content_type: &str, data: impl AsRef<[u8]>) -> Self {
        let head = format!("name=\"{name}\"; filename=\"{filename}\"\r\ncontent-type: {content_type}");
        self.part(&head, data.as_ref())
    }

    fn part(mut self, head: &str, data: &[u8]) -> Self {
        let head = format!("--notifier-part-00000000\r\ncontent-disposition: form-data; {head}\r\n\r\n");
        self.0.extend([head.as_bytes(), data, b"\r\n"].concat());
        self
    }

    fn body(self) -> Vec<u8> {
        [&*self.0, b"--notifier-part-00000000--\r\n"].concat()
    }
}

fn plain() -> Parts {
    Parts::default()
        .with("from", "sender@example.com")
        .with("to", "tenant@example.org")
        .with("subject", "Rent")
        .with("text", "Due")
        .with("o:tag", "rent-reminder")
        .with("v:notifier_key", "key-1")
        .with("v:notifier_tenant", "default")
}

fn post(parts: Parts) -> Exchange {
    Exchange::post(MESSAGES)
        .header("content-type", "multipart/form-data; boundary=notifier-part-00000000")
        .basic("api", "api_key")
        .body(parts.body())
}

fn answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = post(plain()).reply_with(status, headers, body);
    host(json!({})).exchange(exchange).send::<Mailgun>(mail().into(), context())
}

/// Accepted with exactly these parts.
fn sends(settings: Value, mail: Email, context: Context, parts: Parts) {
    let exchange = post(parts).reply(200, r#"{"id":"<1@mg.example.com>"}"#);
    let receipt = host(settings).exchange(exchange).send::<Mailgun>(mail.into(), context).unwrap();
    assert_eq!(receipt.provider_message_id.as_deref(), Some("1@mg.example.com"));
}

/// What is refused without a request.
fn refused(mail: Email) -> String {
    match host(json!({})).send::<Mailgun>(mail.into(), context()).unwrap_err() {
        SendError::Rejected(rejection) => {
            assert_eq!(rejection.kind, RejectionKind::Message);
            rejection.problem.message
        }
        other => unreachable!("{other:?}"),
    }
}

fn mailbox(name: Option<&str>) -> Mailbox {
    Mailbox { address: "a@example.org".into(), name: name.map(Into::into) }
}

fn file(filename: &str, content_id: Option<&str>, data: &[u8]) -> Attachment {
    let content_id = content_id.map(Into::into);
    Attachment { filename: filename.into(), content_type: "image/png".into(), content_id, data: data.into() }
}

#[test]
fn files_arrive_whole_and_an_inline_file_is_named_by_its_content_id() {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let attachments = vec![
        file("logo.png", Some("logo@example.com"), &all_bytes),
        file("plan \"2\".png", None, b"M"),
        file("", None, b"N"),
        file("empty.png", None, b""),
    ];
    let parts = plain()
        .with_file("inline", "logo@example.com", "image/png", all_bytes)
        .with_file("attachment", "plan %222%22.png", "image/png", "M")
        .with_file("attachment", "attachment", "image/png", "N")
        .with_file("attachment", "empty.png", "image/png", "");
    sends(json!({}), Email { attachments, ..mail() }, context(), parts);
}

#[test]
fn a_hundred_recipients_are_a_hundred_fields() {
    let address = |n| format!("tenant{n}@example.org");
    let recipients = (0..100).map(|n| Mailbox { address: address(n), name: None }).collect();
    let parts =
        (0..100).fold(Parts::default().with("from", "sender@example.com"), |parts, n| parts.with("to", address(n)));
    let parts = parts.with("subject", "Rent").with("text", "Due").with("o:tag", "rent-reminder");
    let parts = parts.with("v:notifier_key", "key-1").with("v:notifier_tenant", "default");
    sends(json!({}), Email { recipients, ..mail() }, context(), parts);
}

#[test]
fn names_are_quoted_where_their_characters_mean_something() {
    for (name, written) in [
        (None, "a@example.org"),
        (Some(""), "a@example.org"),
        (Some("Ann Lee"), "Ann Lee <a@example.org>"),
        (Some("Zoë O'Hara & Söhne 🏠"), "Zoë O'Hara & Söhne 🏠 <a@example.org>"),
        (Some("شقة ٤"), "شقة ٤ <a@example.org>"),
        (Some("Lee, Ann"), "\"Lee, Ann\" <a@example.org>"),
        (Some("Ann <b@example.org>"), "\"Ann <b@example.org>\" <a@example.org>"),
        (Some("Ann \"A\" \\ Lee"), "\"Ann \\\"A\\\" \\\\ Lee\" <a@example.org>"),
        (Some("office@example.com"), "\"office@example.com\" <a@example.org>"),
    ] {
        let parts = Parts::default().with("from", "sender@example.com").with("to", written).with("subject", "Rent");
        let parts = parts.with("text", "Due").with("o:tag", "rent-reminder");
        let parts = parts.with("v:notifier_key", "key-1").with("v:notifier_tenant", "default");
        sends(json!({}), Email { recipients: vec![mailbox(name)], ..mail() }, context(), parts);
    }
}

#[test]
fn tags_are_the_category_and_the_settings_each_once() {
    let with_tags = |settings: Value, category: &str, tags: &[&str]| {
        let parts = Parts::default().with("from", "sender@example.com").with("to", "tenant@example.org");
        let parts = parts.with("subject", "Rent").with("text", "Due");
        let parts = tags.iter().fold(parts, |parts, tag| parts.with("o:tag", *tag));
        let parts = parts.with("v:notifier_key", "key-1").with("v:notifier_tenant", "default");
        sends(settings, mail(), Context { category: category.into(), ..context() }, parts);
    };
    with_tags(json!({"tags": ["North", "RENT", "north"]}), "rent", &["rent", "North"]);
    with_tags(json!({"tags": ["north"]}), "Mieterhöhung", &["north"]);
    with_tags(json!({}), &"c".repeat(128), &["c".repeat(128).as_str()]);
    with_tags(json!({}), &"c".repeat(129), &[]);
    let many: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let ten: Vec<_> = std::iter::once("rent").chain(many.iter().map(String::as_str).take(9)).collect();
    with_tags(json!({"tags": many}), "rent", &ten);
}

#[test]
fn reserved_and_repeated_headers_are_named() {
    for name in RESERVED_HEADERS.iter().copied().chain(["Subject", "X-Mailgun-Tag"]) {
        let message = refused(Email { headers: vec![(name.into(), "x".into())], ..mail() });
        assert!(message.contains(&format!("`{name}`")), "{message}");
    }
    let headers = vec![("Reply-To".to_owned(), "b@example.org".to_owned())];
    let message = refused(Email { reply_to: Some(mailbox(None)), headers, ..mail() });
    assert!(message.contains("`Reply-To` is given twice"), "{message}");
}

#[test]
fn limits_are_checked_before_sending() {
    let recipients = |count| vec![mailbox(None); count];
    assert!(refused(Email { recipients: recipients(RECIPIENTS_MAX + 1), ..mail() }).contains("1001 recipients"));
    assert!(refused(Email { recipients: vec![], ..mail() }).contains("no recipient"));
    let text = Some(String::new());
    assert!(refused(Email { html: text.clone(), text, ..mail() }).contains("neither text nor HTML"));

    let settings = serde_json::from_value(json!({"domain": "mg.example.com"})).unwrap();
    let fits = |mail: Email| crate::mail::body(&settings, mail, &context()).is_ok();
    assert!(fits(Email { recipients: recipients(RECIPIENTS_MAX), ..mail() }));

    // Four characters of base64 for three bytes: this is the first size that does not fit.
    let limit = (MESSAGE_BYTES_MAX - "Due".len()) / 4 * 3;
    let attached = |bytes| Email { attachments: vec![file("a", None, &vec![0; bytes])], ..mail() };
    assert!(fits(attached(limit)));
    assert!(refused(attached(limit + 1)).contains("link to large files"));

    let taken = ["o:tagrent-reminder", "v:notifier_keykey-1", "v:notifier_tenantdefault", "h:X-Long"].concat().len();
    let with_header = |bytes| Email { headers: vec![("X-Long".into(), "x".repeat(bytes))], ..mail() };
    assert!(fits(with_header(OPTIONS_BYTES_MAX - taken)));
    assert!(refused(with_header(OPTIONS_BYTES_MAX - taken + 1)).contains("have 16385 bytes, Mailgun takes 16384"));
}

#[test]
fn another_channel_is_refused() {
    let SendError::Rejected(rejection) =
        host(json!({})).send::<Mailgun>(sms("+14155550100", "Hi"), context()).unwrap_err()
    else {
        unreachable!()
    };
    assert!(rejection.problem.message.contains("email only"));
}

#[test]
fn a_message_in_test_mode_says_so() {
    let parts = Parts::default().with("from", "sender@example.com").with("to", "tenant@example.org");
    let parts =
        parts.with("subject", "Rent").with("text", "Due").with("o:tag", "rent-reminder").with("o:testmode", "yes");
    let parts = parts.with("v:notifier_key", "key-1").with("v:notifier_tenant", "default");
    let exchange = post(parts).reply(200, "");
    let receipt = host(json!({"test_mode": true})).exchange(exchange).send::<Mailgun>(mail().into(), context());
    assert_eq!(receipt.unwrap().attributes, [("test_mode".to_owned(), "true".to_owned())]);
}

#[test]
fn every_phrase_of_the_table_wherever_it_stands() {
    for (phrase, class) in REQUEST_ERRORS.codes.iter().filter(|(phrase, _)| !phrase.contains("magnificent")) {
        for sentence in [(*phrase).to_owned(), format!("Said: {}!", phrase.to_uppercase())] {
            let problem = Problem { code: Some((*phrase).into()), message: sentence.clone() };
            let body = json!({"message": sentence}).to_string();
            assert_eq!(answered(400, &[], body), Err(class.into_error(None, problem)), "{phrase}");
        }
    }
}

#[test]
fn a_wait_in_words_is_obeyed_before_a_header() {
    let limited = |sentence: &str, headers: &[(&str, &str)]| {
        let body = json!({"message": sentence}).to_string();
        match answered(429, headers, body).unwrap_err() {
            SendError::RateLimited(Wait { retry_after_ms, .. }) => retry_after_ms,
            other => unreachable!("{other:?}"),
        }
    };
    // The script's time is 2026-01-01T00:00:00Z.
    for (sentence, wait_ms) in [
        ("bytes limit exceeded, try again after Thu, 01 Jan 2026 00:00:07 UTC", Some(7000)),
        ("bytes limit exceeded, try again after Thu, 01 Jan 2026 00:00:07 UTC.", Some(7000)),
        ("bytes limit exceeded, try again after Wed, 31 Dec 2025 23:59:59 UTC", Some(0)),
        ("try again after 1 second", Some(1000)),
        ("try again after 90 seconds.", Some(90_000)),
        ("try again after 2 minutes", Some(120_000)),
        ("try again after 1 hour, please", Some(3_600_000)),
        ("try again after a while", None),
        ("try again after 2 moons", None),
        ("try again after Thu, 01 Jan 2026", None),
        ("try again later", None),
    ] {
        assert_eq!(limited(sentence, &[]), wait_ms, "{sentence}");
    }
    assert_eq!(limited("try again after 9 seconds", &[("retry-after", "5")]), Some(9000));
    assert_eq!(limited("try again later", &[("retry-after", "5")]), Some(5000));
}

#[test]
fn statuses_without_a_sentence() {
    for (status, class) in [
        (302, Class::Provider),
        (400, Class::Message),
        (401, Class::Provider),
        (402, Class::Provider),
        (403, Class::Provider),
        (404, Class::Provider),
        (408, Class::Unavailable),
        (413, Class::Message),
        (420, Class::RateLimited),
        (429, Class::RateLimited),
        (500, Class::Unavailable),
        (502, Class::Unknown),
        (503, Class::Unavailable),
        (504, Class::Unknown),
    ] {
        for body in ["", "<html>", "null", "[]", "{}", r#"{"message":7}"#, r#"{"message":""}"#] {
            let problem = |error: SendError| match error {
                SendError::RateLimited(wait) | SendError::Unavailable(wait) => wait.problem,
                SendError::Rejected(rejection) => rejection.problem,
                SendError::Unknown(problem) => problem,
            };
            let error = answered(status, &[], body).unwrap_err();
            assert_eq!(error, class.into_error(None, problem(error.clone())), "{status} {body}");
            assert!(problem(error).message.starts_with(&format!("HTTP {status}")), "{status} {body}");
        }
    }
    assert!(matches!(answered(400, &[], vec![0xff; 100_000]), Err(SendError::Rejected(_))));
}
