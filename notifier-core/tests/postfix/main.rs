//! The mail provider and a real Postfix: what arrives, what is refused, and that nothing is sent where TLS is amiss.
//!
//! Not among the tests that run everywhere: it needs root, and packages of the system. `make test-smtp` runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod server;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use notifier_core::smtp::{SmtpOptions, SmtpProvider, SmtpSecurity};
use notifier_core::{
    Attachment, CategoryName, Channel, Clock, DeliveryId, EmailMessage, Mailbox, Message, MessageContent,
    NotificationId, Outcome, Provider, SendContext, SystemClock, TenantId,
};
use serde_json::{Value, json};

use server::Postfix;

fn options(postfix: &Postfix) -> SmtpOptions {
    SmtpOptions {
        port: Some(postfix.ports.starttls),
        extra_roots_pem: postfix.certificate(),
        ..SmtpOptions::new("localhost")
    }
}

fn provider(options: SmtpOptions) -> SmtpProvider {
    SmtpProvider::new(options, Arc::new(SystemClock)).unwrap()
}

fn email(recipient: &str) -> EmailMessage {
    EmailMessage {
        sender: Mailbox::parse("Office <office@example.com>").unwrap(),
        recipient: Mailbox::parse(recipient).unwrap(),
        reply_to: None,
        subject: "Hello".into(),
        text: Some("Hello.\n".into()),
        html: None,
        headers: Vec::new(),
        attachments: Vec::new(),
    }
}

async fn send(provider: &SmtpProvider, email: EmailMessage, number: u8) -> Outcome {
    let id = DeliveryId { notification: NotificationId::from_parts(1, [number; 10]), channel: Channel::Email };
    let message = Message {
        delivery: id,
        tenant: TenantId::unnamed(),
        category: CategoryName::unnamed(),
        accepted_at: SystemClock.now(),
        content: MessageContent::Email(email),
    };
    provider.send(&message, &SendContext::new(id.to_string(), Duration::from_secs(60))).await
}

/// The name under which it was queued.
fn queued(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { provider_message_id: Some(id) } if !id.contains('@') => id.clone(),
        other => panic!("{other:?}"),
    }
}

/// The kind of an outcome that is not good, and its code.
fn refused(outcome: &Outcome) -> (&str, &str) {
    let (kind, problem) = match outcome {
        Outcome::Unavailable { problem, .. } => ("unavailable", problem),
        Outcome::Rejected { kind, problem } => (kind.name(), problem),
        other => panic!("{other:?}"),
    };
    (kind, problem.code.as_deref().unwrap())
}

fn header(read: &Value, name: &str) -> String {
    let headers = read["headers"].as_array().unwrap();
    let found: Vec<&Value> = headers.iter().filter(|header| header[0] == name).map(|header| &header[1]).collect();
    assert_eq!(found.len(), 1, "{name}: {headers:#?}");
    found[0].as_str().unwrap().to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_whole() {
    let postfix = Postfix::start();
    let provider = provider(options(&postfix));
    let subject = "Die Miete für Juni 🏠 ist fällig; שלום and naïve words, ".repeat(12).trim().to_owned();
    let text = format!(".\nFrom here\n..\n{}\nשלום עולם\u{200f} 👩‍👩‍👧\n\ttrailing space \n.\n", "long ".repeat(500));
    let html = "<p dir=\"rtl\">שלום</p><img src=\"cid:plan@1\">\n--=_boundary\n".to_owned();
    let picture: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let paper = b"\r\n.\r\nMAIL FROM:<eve@example.com>\r\n".to_vec();
    let file = |filename: &str, content_type: &str, content_id: Option<&str>, data: &[u8]| Attachment {
        filename: filename.into(),
        content_type: content_type.into(),
        content_id: content_id.map(str::to_owned),
        data: data.to_vec(),
    };
    let email = EmailMessage {
        sender: Mailbox::parse("Büro, Nord 🏢 <office@example.com>").unwrap(),
        recipient: Mailbox::parse("Ada (Home) <ada@example.net>").unwrap(),
        reply_to: Some(Mailbox::parse("Front Desk <desk@example.com>").unwrap()),
        subject: subject.clone(),
        text: Some(text.clone()),
        html: Some(html.clone()),
        headers: vec![("List-Unsubscribe".into(), "<https://example.com/u?t=1>".into())],
        attachments: vec![
            file("Plan.png", "image/png", Some("plan@1"), &picture),
            file("Übersicht Juni 🏠.pdf", "application/pdf", None, &paper),
        ],
    };
    let id = queued(&send(&provider, email, 7).await);
    let read = postfix.read(&id);
    assert_eq!(read["defects"], json!([]));
    assert_eq!(header(&read, "Subject"), subject);
    assert_eq!(header(&read, "From"), "\"Büro, Nord 🏢\" <office@example.com>");
    assert_eq!(header(&read, "To"), "\"Ada (Home)\" <ada@example.net>");
    assert_eq!(header(&read, "Reply-To"), "Front Desk <desk@example.com>");
    assert_eq!(header(&read, "List-Unsubscribe"), "<https://example.com/u?t=1>");
    assert_eq!(header(&read, "Return-Path"), "<office@example.com>");
    let key = DeliveryId { notification: NotificationId::from_parts(1, [7; 10]), channel: Channel::Email };
    assert_eq!(header(&read, "Message-ID"), format!("<{key}@example.com>"));
    assert!(header(&read, "Received").contains("with ESMTPS"), "{}", header(&read, "Received"));
    let expected = [
        "multipart/mixed",
        "multipart/related",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "image/png",
        "application/pdf",
    ];
    assert_eq!(read["structure"], json!(expected));
    let parts = read["parts"].as_array().unwrap();
    assert_eq!(parts[0]["text"], text);
    assert_eq!(parts[1]["text"], html);
    assert_eq!((&parts[2]["sha256"], &parts[2]["id"]), (&json!(sha256(&picture)), &json!("<plan@1>")));
    assert_eq!((&parts[2]["disposition"], &parts[2]["name"]), (&json!("inline"), &json!("Plan.png")));
    assert_eq!((&parts[3]["sha256"], &parts[3]["name"]), (&json!(sha256(&paper)), &json!("Übersicht Juni 🏠.pdf")));
    assert_eq!(parts[3]["disposition"], "attachment");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_beyond_ascii() {
    let postfix = Postfix::start();
    let provider = provider(options(&postfix));
    let mut email = email("Zoë <zoë@example.net>");
    email.sender = Mailbox::parse("Büro <büro@bücher.example>").unwrap();
    let read = postfix.read(&queued(&send(&provider, email, 1).await));
    assert_eq!(header(&read, "To"), "Zoë <zoë@example.net>");
    assert_eq!(header(&read, "From"), "Büro <büro@xn--bcher-kva.example>");
    assert!(header(&read, "Received").contains("with UTF8SMTPS"), "{}", header(&read, "Received"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart_and_cost_no_connection() {
    let postfix = Postfix::start();
    let provider = provider(options(&postfix));
    let stranger =
        || EmailMessage { sender: Mailbox::parse("stranger@example.com").unwrap(), ..email("ada@example.net") };
    for (email, expected) in [
        (email("full@example.net"), ("unavailable", "452 4.2.2")),
        (email("nobody@example.net"), ("recipient", "550 5.1.1")),
        (email("ada@elsewhere.example"), ("provider", "554 5.7.1")),
        (stranger(), ("provider", "553 5.7.1")),
        (EmailMessage { text: Some("x".repeat(2_100_000)), ..email("ada@example.net") }, ("unfit", "smtp.too_large")),
    ] {
        assert_eq!(refused(&send(&provider, email, 1).await), expected);
    }
    let id = queued(&send(&provider, email("ada@example.net"), 2).await);
    postfix.delivered(&id);
    assert_eq!((postfix.inbox().len(), postfix.count(": connect from")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_recipients_over_four_connections() {
    let postfix = Postfix::start();
    let provider = provider(SmtpOptions { connections_max: 4, ..options(&postfix) });
    let recipient = |number: u8| match number % 20 {
        0 => "nobody@example.net".to_owned(),
        10 => "full@example.net".to_owned(),
        _ => format!("resident{number}@example.net"),
    };
    let outcomes = join_all((0..100).map(|number| send(&provider, email(&recipient(number)), number))).await;
    let mut accepted = 0;
    for (number, outcome) in (0_u8..).zip(&outcomes) {
        match number % 20 {
            0 => assert_eq!(refused(outcome), ("recipient", "550 5.1.1")),
            10 => assert_eq!(refused(outcome), ("unavailable", "452 4.2.2")),
            _ => {
                let message = String::from_utf8(postfix.delivered(&queued(outcome))).unwrap();
                let (recipient, head) = (recipient(number), message.split("\n\n").next().unwrap());
                assert!(head.contains(&format!("\nDelivered-To: {recipient}\n")), "{head}");
                assert!(head.contains(&format!("\nTo: {recipient}\n")), "{head}");
                accepted += 1;
            }
        }
    }
    assert_eq!((accepted, postfix.inbox().len()), (90, 90));
    assert!(postfix.count(": connect from") <= 4, "{}", postfix.count(": connect from"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_from_the_first_byte() {
    let postfix = Postfix::start();
    let (security, port) = (SmtpSecurity::Implicit, Some(postfix.ports.implicit));
    let provider = provider(SmtpOptions { security, port, ..options(&postfix) });
    let read = postfix.read(&queued(&send(&provider, email("ada@example.net"), 1).await));
    assert!(header(&read, "Received").contains("with ESMTPS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_where_tls_is_amiss() {
    let postfix = Postfix::start();
    let trusted = options(&postfix);
    let cases = [
        ("nobody vouches for it", SmtpOptions { extra_roots_pem: Vec::new(), ..trusted.clone() }),
        ("another name", SmtpOptions { host: "127.0.0.1".into(), ..trusted.clone() }),
        ("not offered", SmtpOptions { port: Some(postfix.ports.bare), ..trusted.clone() }),
        ("not yet", SmtpOptions { security: SmtpSecurity::Implicit, ..trusted.clone() }),
    ];
    for (what, options) in cases {
        let outcome = send(&provider(options), email("ada@example.net"), 1).await;
        assert_eq!(refused(&outcome), ("provider", "smtp.tls"), "{what}");
    }
    // On this machine it may be wanted so.
    let plain = SmtpOptions { port: Some(postfix.ports.bare), security: SmtpSecurity::None, ..trusted };
    let read = postfix.read(&queued(&send(&provider(plain), email("ada@example.net"), 2).await));
    assert!(header(&read, "Received").contains("with ESMTP id"));
    assert_eq!(postfix.inbox().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ended_is_replaced() {
    let postfix = Postfix::start();
    let provider = provider(SmtpOptions { port: Some(postfix.ports.hasty), ..options(&postfix) });
    postfix.delivered(&queued(&send(&provider, email("ada@example.net"), 1).await));
    postfix.logged("disconnect from");
    postfix.delivered(&queued(&send(&provider, email("ada@example.net"), 2).await));
    assert_eq!((postfix.inbox().len(), postfix.count(": connect from")), (2, 2));
}
