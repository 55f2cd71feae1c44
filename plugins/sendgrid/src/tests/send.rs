//! What is sent to SendGrid, byte for byte, and what its answers mean.

use notifier_plugin_sdk::testing::{Exchange, context, email, sms};
use notifier_plugin_sdk::{
    Attachment, Class, Context, Email, HttpError, Mailbox, Problem, Receipt, RejectionKind, SendError,
};
use serde_json::{Value, json};

use super::host;
use crate::SendGrid;
use crate::mail::{MESSAGE_BYTES_MAX, RECIPIENTS_MAX, RESERVED_HEADERS};

const SEND: &str = "https://api.sendgrid.com/v3/mail/send";

/// The body of [`mail`].
const PLAIN: &str = concat!(
    r#"{"personalizations":[{"to":[{"email":"tenant@example.org"}]}],"from":{"email":"sender@example.com"},"#,
    r#""subject":"Rent","content":[{"type":"text/plain","value":"Due"}],"categories":["rent-reminder"],"#,
    r#""custom_args":{"notifier_key":"key-1","notifier_tenant":"default"}}"#,
);

fn mail() -> Email {
    email("tenant@example.org", "Rent", "Due")
}

fn post(body: &str) -> Exchange {
    Exchange::post(SEND).header("content-type", "application/json").bearer("api_key").body(body)
}

fn accepted(body: &str) -> Exchange {
    post(body).reply_with(202, &[("x-message-id", "14c5d75ce93.dfd.64b469")], "")
}

/// The body that is sent for a mail, as JSON.
fn body_of(settings: Value, mail: &Email) -> Value {
    let settings = serde_json::from_value(settings).unwrap();
    serde_json::from_slice(&crate::mail::body(&settings, mail, &context()).unwrap()).unwrap()
}

fn answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = post(PLAIN).reply_with(status, headers, body);
    host(json!({})).exchange(exchange).send::<SendGrid>(mail().into(), context())
}

/// What is refused without a request.
fn refused(mail: Email) -> String {
    match host(json!({})).send::<SendGrid>(mail.into(), context()).unwrap_err() {
        SendError::Rejected(rejection) => {
            assert_eq!(rejection.kind, RejectionKind::Message);
            rejection.problem.message
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_plain_mail_byte_for_byte() {
    let outcome = host(json!({})).exchange(accepted(PLAIN)).send::<SendGrid>(mail().into(), context());
    let id = Some("14c5d75ce93.dfd.64b469".into());
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
        sender: mailbox("landlord@example.com", "Müller & Söhne"),
        recipients: vec![mailbox("a@example.org", "A \"B\""), mailbox("c@example.org", "")],
        reply_to: Some(mailbox("office@example.com", "Office")),
        subject: "Miete 🏠".into(),
        text: Some("Fällig\n".into()),
        html: Some("<p>Fällig <img src=\"cid:logo\"></p>".into()),
        headers: vec![
            ("List-Unsubscribe".into(), "<https://n.example/u/1>".into()),
            ("List-Unsubscribe-Post".into(), "List-Unsubscribe=One-Click".into()),
        ],
        attachments: vec![file("logo.png", Some("logo"), &[0, 255, 62, 63]), file("plan.png", None, b"M")],
    };
    let body = concat!(
        r#"{"personalizations":[{"to":[{"email":"a@example.org","name":"\"A \\\"B\\\"\""},{"email":"c@example.org"}]}],"#,
        r#""from":{"email":"landlord@example.com","name":"Müller & Söhne"},"#,
        r#""reply_to":{"email":"office@example.com","name":"Office"},"subject":"Miete 🏠","#,
        r#""content":[{"type":"text/plain","value":"Fällig\n"},"#,
        r#"{"type":"text/html","value":"<p>Fällig <img src=\"cid:logo\"></p>"}],"#,
        r#""attachments":[{"content":"AP8+Pw==","type":"image/png","filename":"logo.png","disposition":"inline","#,
        r#""content_id":"logo"},{"content":"TQ==","type":"image/png","filename":"plan.png","#,
        r#""disposition":"attachment"}],"#,
        r#""headers":{"List-Unsubscribe":"<https://n.example/u/1>","#,
        r#""List-Unsubscribe-Post":"List-Unsubscribe=One-Click"},"#,
        r#""categories":["rent-reminder","north"],"#,
        r#""custom_args":{"notifier_key":"key-1","notifier_tenant":"default"},"#,
        r#""mail_settings":{"sandbox_mode":{"enable":true}}}"#,
    );
    let settings = json!({"sandbox_mode": true, "categories": ["north"]});
    let outcome = host(settings).exchange(post(body).reply(200, "")).send::<SendGrid>(mail.into(), context());
    let attributes = vec![("sandbox".into(), "true".into())];
    assert_eq!(outcome, Ok(Receipt { provider_message_id: None, attributes }));
}

#[test]
fn a_name_that_would_be_read_as_more_than_a_name_goes_in_quotes() {
    let quoted = |name: &str| {
        let mailbox = Mailbox { address: "a@example.org".into(), name: Some(name.into()) };
        let mail =
            Email { sender: mailbox.clone(), recipients: vec![mailbox.clone()], reply_to: Some(mailbox), ..mail() };
        let body = body_of(json!({}), &mail);
        let name_of = |pointer: &str| body.pointer(pointer).unwrap()["name"].as_str().unwrap().to_owned();
        assert_eq!(name_of("/from"), name, "SendGrid quotes it");
        assert_eq!(name_of("/reply_to"), name_of("/personalizations/0/to/0"));
        name_of("/reply_to")
    };
    for sign in "(),:;<>@[]".chars() {
        assert_eq!(quoted(&format!("A{sign} B")), format!("\"A{sign} B\""));
    }
    assert_eq!(quoted("A \"B\" \\C"), r#""A \"B\" \\C""#);
    for plain in ["Dr. O'Neil-Smith", "Müller & Söhne 🏠", "A/B!#$%*+=?^_`{|}~"] {
        assert_eq!(quoted(plain), plain);
    }
}

/// SendGrid refuses a mail that names an address twice.
#[test]
fn every_address_once_whatever_its_case() {
    let mailbox = |address: &str| Mailbox { address: address.into(), name: None };
    let recipients = ["a@example.org", "b@example.org", "A@Example.org", "a@example.org"].map(mailbox).to_vec();
    let body = body_of(json!({}), &Email { recipients, ..mail() });
    let wanted = json!([{"email": "a@example.org"}, {"email": "b@example.org"}]);
    assert_eq!(body["personalizations"][0]["to"], wanted);
}

#[test]
fn an_attachment_has_a_media_type_without_parameters() {
    let file = Attachment {
        filename: "visit.ics".into(),
        content_type: "text/calendar; method=REQUEST; charset=utf-8".into(),
        content_id: None,
        data: vec![1],
    };
    let body = body_of(json!({}), &Email { attachments: vec![file], ..mail() });
    assert_eq!(body["attachments"][0]["type"], "text/calendar");
}

#[test]
fn what_the_account_is_told_to_do_with_a_mail() {
    let settings = json!({
        "ip_pool_name": "transactional", "asm": {"group_id": 7, "groups_to_display": [7, 8]},
        "tracking_settings": {"click_tracking": {"enable": false}, "open_tracking": {"enable": true}},
    });
    let body = body_of(settings.clone(), &mail());
    for part in ["ip_pool_name", "asm", "tracking_settings"] {
        assert_eq!(body[part], settings[part]);
    }
    assert_eq!(body.get("mail_settings"), None);
    assert_eq!(body_of(json!({"asm": {"group_id": 7}}), &mail())["asm"], json!({"group_id": 7}));
}

#[test]
fn a_bypass_counts_for_its_categories_only() {
    for setting in [
        "bypass_list_management",
        "bypass_spam_management",
        "bypass_bounce_management",
        "bypass_unsubscribe_management",
    ] {
        let body = body_of(json!({setting: ["emergency", "rent-reminder"]}), &mail());
        assert_eq!(body["mail_settings"], json!({setting: {"enable": true}}));
        assert_eq!(body_of(json!({setting: ["emergency"]}), &mail()).get("mail_settings"), None);
    }
}

#[test]
fn html_alone_needs_no_text_and_empty_parts_are_left_out() {
    for text in [None, Some(String::new())] {
        let mail = Email { text, html: Some("<p>Due</p>".into()), ..mail() };
        assert_eq!(body_of(json!({}), &mail)["content"], json!([{"type": "text/html", "value": "<p>Due</p>"}]));
    }
    assert!(refused(Email { text: None, ..mail() }).contains("neither text nor HTML"));
}

#[test]
fn categories_are_the_messages_and_the_settings_each_once() {
    let body = body_of(json!({"categories": ["rent-reminder", "north", "", "north"]}), &mail());
    assert_eq!(body["categories"], json!(["rent-reminder", "north"]));
    let many: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(body_of(json!({"categories": many}), &mail())["categories"].as_array().unwrap().len(), 10);
    let context = Context { category: "c".repeat(256), ..context() };
    let settings = serde_json::from_value(json!({})).unwrap();
    let body = crate::mail::body(&settings, &mail(), &context).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap().get("categories"), None);
}

#[test]
fn the_base_url_can_be_another() {
    let exchange = Exchange::post("http://127.0.0.1:9/v3/mail/send")
        .header("content-type", "application/json")
        .bearer("api_key")
        .body(PLAIN)
        .reply_with(202, &[("x-message-id", "id")], "");
    let host = host(json!({"base_url": "http://127.0.0.1:9"}));
    assert!(host.exchange(exchange).send::<SendGrid>(mail().into(), context()).is_ok());
}

#[test]
fn reserved_and_repeated_headers_are_named() {
    for name in RESERVED_HEADERS.iter().copied().chain(["Subject", "DKIM-Signature", "X-SG-ID"]) {
        let message = refused(Email { headers: vec![(name.into(), "x".into())], ..mail() });
        assert!(message.contains(&format!("`{name}`")), "{message}");
    }
    let twice = vec![("X-Unit".to_owned(), "1".to_owned()), ("x-unit".into(), "2".into())];
    assert!(refused(Email { headers: twice, ..mail() }).contains("`x-unit` is given twice"));
}

#[test]
fn a_header_beyond_ascii_is_encoded() {
    let headers = vec![("X-Unit".to_owned(), "Größe 5".to_owned()), ("X-Plain".into(), "a, \"b\"".into())];
    let body = body_of(json!({}), &Email { headers, ..mail() });
    assert_eq!(body["headers"], json!({"X-Unit": "=?utf-8?b?R3LDtsOfZSA1?=", "X-Plain": "a, \"b\""}));
}

/// <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send> lists them under `headers`.
#[test]
fn the_reserved_headers_are_sendgrids() {
    assert_eq!(RESERVED_HEADERS.len(), 12);
    for name in [
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "Content-Type",
        "Content-Transfer-Encoding",
        "To",
        "From",
        "Subject",
        "Reply-To",
        "CC",
        "BCC",
    ] {
        assert!(RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()), "{name}");
    }
}

#[test]
fn limits_are_checked_before_sending() {
    let recipients = |count| {
        let addresses = (0..count).map(|number| format!("a{number}@example.org"));
        addresses.map(|address| Mailbox { address, name: None }).collect::<Vec<_>>()
    };
    assert!(refused(Email { recipients: recipients(RECIPIENTS_MAX + 1), ..mail() }).contains("1001 recipients"));
    assert!(refused(Email { recipients: vec![], ..mail() }).contains("no recipient"));
    assert!(refused(Email { subject: String::new(), ..mail() }).contains("no subject"));
    let full = body_of(json!({}), &Email { recipients: recipients(RECIPIENTS_MAX), ..mail() });
    assert_eq!(full["personalizations"][0]["to"].as_array().unwrap().len(), 1000);

    // Four characters of base64 for three bytes: this is the first size that does not fit.
    let file = |bytes| Attachment {
        filename: "a".into(),
        content_type: "application/pdf".into(),
        content_id: None,
        data: vec![0; bytes],
    };
    assert!(refused(Email { attachments: vec![file(1), file(0)], ..mail() }).contains("the attachment `a` is empty"));
    let limit = (MESSAGE_BYTES_MAX - "Due".len()) / 4 * 3;
    assert!(refused(Email { attachments: vec![file(limit + 1)], ..mail() }).contains("link to large files"));
    let settings = serde_json::from_value(json!({})).unwrap();
    let body = crate::mail::body(&settings, &Email { attachments: vec![file(limit)], ..mail() }, &context()).unwrap();
    assert!(body.len() > limit / 3 * 4);
    // Grown once: its capacity was right from the start.
    assert!(body.capacity() < body.len() + 8 * 1024, "{} {}", body.capacity(), body.len());
}

#[test]
fn another_channel_is_refused() {
    let outcome = host(json!({})).send::<SendGrid>(sms("+14155550100", "Hi"), context());
    let SendError::Rejected(rejection) = outcome.unwrap_err() else { unreachable!() };
    assert!(rejection.problem.message.contains("email only"));
}

#[test]
fn every_2xx_accepts_with_or_without_an_id() {
    for (status, headers, id) in [
        (202, [("x-message-id", "a")], Some("a")),
        (200, [("x-message-id", "b")], Some("b")),
        (202, [("x-other", "a")], None),
        (202, [("x-message-id", "")], None),
    ] {
        assert_eq!(answered(status, &headers, "").unwrap().provider_message_id.as_deref(), id);
    }
    assert_eq!(answered(202, &[], vec![0xff; 10]).unwrap().provider_message_id, None);
}

#[test]
fn the_field_of_an_error_tells_whose_fault_it_is() {
    for (status, field, class) in [
        (400, Some("personalizations.0.to.0.email"), Class::Recipient),
        (400, Some("personalizations.0.cc.12.email"), Class::Recipient),
        (400, Some("personalizations"), Class::Message),
        (400, Some("personalizations.0.subject"), Class::Message),
        (400, Some("from.email"), Class::Provider),
        (400, Some("from"), Class::Provider),
        (400, Some("asm.group_id"), Class::Provider),
        (400, Some("ip_pool_name"), Class::Provider),
        (400, Some("mail_settings.bypass_list_management"), Class::Provider),
        (400, Some("tracking_settings.click_tracking.enable"), Class::Provider),
        (400, Some("reply_to.email"), Class::Message),
        (400, Some("content.0.value"), Class::Message),
        (400, None, Class::Message),
        (413, None, Class::Message),
        (413, Some("personalizations.0.to.0.email"), Class::Message),
        (401, None, Class::Provider),
        (403, Some("from"), Class::Provider),
        (404, None, Class::Provider),
        (405, None, Class::Message),
        (429, None, Class::RateLimited),
        (500, None, Class::Unavailable),
        (502, None, Class::Unknown),
        (503, None, Class::Unavailable),
        (504, None, Class::Unknown),
    ] {
        let body = json!({"errors": [{"message": "Said", "field": field, "help": null}]}).to_string();
        let message = field.map_or_else(|| "Said".into(), |field| format!("Said ({field})"));
        let wanted = class.into_error(None, Problem { code: None, message });
        assert_eq!(answered(status, &[], body), Err(wanted), "{status} {field:?}");
    }
}

#[test]
fn all_errors_are_told_and_the_first_telling_field_decides() {
    let body = json!({"errors": [
        {"message": "Bad subject", "field": "subject"},
        {"message": "Bad address", "field": "personalizations.0.to.0.email"},
        {"field": "no message"},
    ]});
    let message = "Bad subject (subject); Bad address (personalizations.0.to.0.email)".into();
    let wanted = Class::Recipient.into_error(None, Problem { code: None, message });
    assert_eq!(answered(400, &[], body.to_string()), Err(wanted));
}

#[test]
fn an_error_body_that_is_not_sendgrids_does_not_crash() {
    for body in ["", "<html>", "null", "[]", "{}", r#"{"errors":null}"#, r#"{"errors":[{}]}"#, r#"{"errors":["x"]}"#] {
        let SendError::Unavailable(wait) = answered(503, &[], body).unwrap_err() else { unreachable!("{body}") };
        assert!(wait.problem.message.starts_with("HTTP 503"), "{}", wait.problem.message);
    }
    assert!(matches!(answered(400, &[], vec![0xff; 100_000]), Err(SendError::Rejected(_))));
}

#[test]
fn a_rate_limit_ends_at_its_reset() {
    // The script's time is 2026-01-01T00:00:00Z.
    let headers = [("x-ratelimit-limit", "600"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225642")];
    let Err(SendError::RateLimited(wait)) = answered(429, &headers, r#"{"errors":[{"message":"too many requests"}]}"#)
    else {
        unreachable!()
    };
    assert_eq!((wait.retry_after_ms, wait.problem.message.as_str()), (Some(42_000), "too many requests"));
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed = |error| {
        host(json!({})).exchange(post(PLAIN).fail(error)).send::<SendGrid>(mail().into(), context()).unwrap_err()
    };
    assert!(matches!(failed(HttpError::Unreachable("dns".into())), SendError::Unavailable(_)));
    assert!(matches!(failed(HttpError::Interrupted("reset".into())), SendError::Unknown(_)));
    assert!(matches!(failed(HttpError::Denied("host".into())), SendError::Rejected(_)));
}
