//! What is written into a message: structure, encodings, and nothing that anybody slips in.

use proptest::prelude::*;

use super::*;
use crate::domain::recipient::EmailAddress;

const KEY: &str = "0198c0de-0000-7000-8000-000000000001.email";

fn at() -> Timestamp {
    "2026-12-01T08:30:00Z".parse().unwrap()
}

fn named(name: &str, address: &str) -> Mailbox {
    Mailbox {
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        address: EmailAddress::parse(address).unwrap(),
    }
}

fn email() -> EmailMessage {
    EmailMessage {
        sender: named("Office", "office@example.com"),
        recipient: named("", "ada@example.net"),
        reply_to: None,
        subject: "Hello".into(),
        text: Some("Hello, Ada.\n".into()),
        html: None,
        headers: Vec::new(),
        attachments: Vec::new(),
    }
}

fn file(name: &str, kind: &str, id: Option<&str>) -> Attachment {
    Attachment {
        filename: name.into(),
        content_type: kind.into(),
        content_id: id.map(str::to_owned),
        data: b"\x00\xffdata".to_vec(),
    }
}

fn written(email: &EmailMessage) -> String {
    String::from_utf8(compose(email, KEY, at()).unwrap().content).unwrap()
}

/// The lines of the header, unfolded.
fn header(email: &EmailMessage) -> Vec<String> {
    let whole = written(email);
    let head = whole.split("\r\n\r\n").next().unwrap();
    head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
}

/// The types of the parts and what stands before them, in order.
fn structure(email: &EmailMessage) -> Vec<String> {
    let whole = written(email).replace("\r\n ", " ");
    let kinds = whole.lines().filter_map(|line| line.strip_prefix("Content-Type: "));
    kinds.map(|kind| kind.split(';').next().unwrap().to_owned()).collect()
}

#[test]
fn a_plain_message_to_the_byte() {
    let mail = compose(&email(), KEY, at()).unwrap();
    let expected = "Date: Tue, 01 Dec 2026 08:30:00 +0000\r\n\
        Message-ID: <0198c0de-0000-7000-8000-000000000001.email@example.com>\r\n\
        From: Office <office@example.com>\r\n\
        To: ada@example.net\r\n\
        Subject: Hello\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\
        \r\n\
        Hello, Ada.\r\n\
        \r\n";
    assert_eq!(String::from_utf8(mail.content).unwrap(), expected);
    assert_eq!((mail.sender.as_str(), mail.recipient.as_str()), ("office@example.com", "ada@example.net"));
    assert_eq!(mail.message_id, format!("<{KEY}@example.com>"));
    assert_eq!(mail.needs_utf8, None);
}

#[test]
fn attempts_differ_in_their_date_only() {
    let mut email = email();
    email.html = Some("<p>Hello</p>".into());
    email.attachments = vec![file("a.png", "image/png", Some("a")), file("b.pdf", "application/pdf", None)];
    let early = compose(&email, KEY, at()).unwrap();
    let late = compose(&email, KEY, "2026-12-01T09:30:00Z".parse().unwrap()).unwrap();
    let text = |mail: &Mail| String::from_utf8(mail.content.clone()).unwrap();
    assert_ne!(text(&early), text(&late));
    assert_eq!(text(&early).replace("08:30:00", "09:30:00"), text(&late));
    let other = compose(&email, "0198c0de-0000-7000-8000-000000000002.email", at()).unwrap();
    assert_ne!(other.message_id, early.message_id);
}

#[test]
fn only_the_parts_that_are_needed() {
    let (text, html) = (Some("t".to_owned()), Some("<img src=cid:a>".to_owned()));
    let picture = file("a.png", "image/png", Some("a"));
    let paper = file("b.pdf", "application/pdf", None);
    type Case<'a> = (Option<String>, Option<String>, Vec<&'a Attachment>, &'a [&'a str]);
    let cases: [Case<'_>; 7] = [
        (text.clone(), None, vec![], &["text/plain"]),
        (None, html.clone(), vec![], &["text/html"]),
        (text.clone(), html.clone(), vec![], &["multipart/alternative", "text/plain", "text/html"]),
        (text.clone(), None, vec![&paper], &["multipart/mixed", "text/plain", "application/pdf"]),
        (None, html.clone(), vec![&picture], &["multipart/related", "text/html", "image/png"]),
        (
            text.clone(),
            html,
            vec![&paper, &picture],
            &[
                "multipart/mixed",
                "multipart/related",
                "multipart/alternative",
                "text/plain",
                "text/html",
                "image/png",
                "application/pdf",
            ],
        ),
        // Nothing refers to it.
        (text, None, vec![&picture], &["multipart/mixed", "text/plain", "image/png"]),
    ];
    for (text, html, attachments, expected) in cases {
        let attachments = attachments.into_iter().cloned().collect();
        let email = EmailMessage { text, html, attachments, ..email() };
        assert_eq!(structure(&email), expected);
    }
    let nothing = EmailMessage { text: None, ..email() };
    assert_eq!(compose(&nothing, KEY, at()).unwrap_err().0, RejectionKind::Unfit);
}

#[test]
fn files_keep_their_names_and_kinds() {
    let cases = [
        (
            file("Plan B.pdf", "application/pdf", None),
            "Content-Disposition: attachment; filename=\"Plan B.pdf\"",
            "Content-Type: application/pdf",
        ),
        (
            file("Pläne 🏠.pdf", "application/pdf", None),
            "Content-Disposition: attachment; filename*0*=utf-8''Pl%C3%A4ne%20%F0%9F%8F%A0.pdf",
            "Content-Type: application/pdf",
        ),
        // A message must not be encoded, and everything else is: it goes as a file.
        (
            file("a.eml", "Message/RFC822", None),
            "Content-Disposition: attachment; filename=\"a.eml\"",
            "Content-Type: application/octet-stream",
        ),
    ];
    for (file, disposition, kind) in cases {
        let text = written(&EmailMessage { attachments: vec![file], ..email() }).replace("\r\n ", " ");
        assert!(text.contains(disposition), "{text}");
        assert!(text.contains(kind) && text.contains("\r\nAP9kYXRh\r\n"), "{text}");
    }
    // What looks like text is no less a file.
    let table = Attachment { data: b"a,b\n.\n--x".to_vec(), ..file("a.csv", "text/csv", None) };
    let text = written(&EmailMessage { attachments: vec![table], ..email() });
    assert!(text.contains("Content-Transfer-Encoding: base64\r\n\r\nYSxiCi4KLS14\r\n"), "{text}");
    let inline = EmailMessage {
        html: Some("<img src=cid:plan>".into()),
        attachments: vec![file("p.png", "image/png", Some("plan"))],
        ..email()
    };
    assert!(written(&inline).contains("Content-ID: <plan>\r\nContent-Disposition: inline; filename=\"p.png\""));
    for bad in [
        file("a", "no type", None),
        file("a\r\nX: y", "text/plain", None),
        file("a", "text/plain", Some("a>\r\nX: y")),
        file("a", "text/plain\r\nX: y", None),
    ] {
        let email = EmailMessage { attachments: vec![bad], ..email() };
        assert_eq!(compose(&email, KEY, at()).unwrap_err().0, RejectionKind::Unfit);
    }
}

#[test]
fn words_beyond_ascii_are_encoded() {
    let email = EmailMessage {
        sender: named("Zoë 🏠", "office@example.com"),
        recipient: named("דנה", "dana@bücher.example"),
        subject: "Miete für 🏠 ".repeat(40),
        text: Some("שלום\r\nnaïve\rend\n".into()),
        ..email()
    };
    let mail = compose(&email, KEY, at()).unwrap();
    assert!(mail.content.is_ascii());
    assert_eq!(mail.recipient, "dana@xn--bcher-kva.example");
    let text = String::from_utf8(mail.content).unwrap();
    assert!(text.contains("<dana@xn--bcher-kva.example>") && text.contains("From: =?utf-8?b?"), "{text}");
    assert!(text.contains("=D7=A9=D7=9C=D7=95=D7=9D\r\nna=C3=AFve\r\nend\r\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 78), "{text}");
}

#[test]
fn only_a_local_part_beyond_ascii_needs_smtputf8() {
    let needs = |change: fn(&mut EmailMessage)| {
        let mut email = email();
        change(&mut email);
        compose(&email, KEY, at()).unwrap().needs_utf8
    };
    assert_eq!(needs(|email| email.recipient = named("", "ada@bücher.example")), None);
    assert_eq!(needs(|email| email.sender = named("", "zoë@example.com")), Some(RejectionKind::Provider));
    assert_eq!(needs(|email| email.recipient = named("", "zoë@example.com")), Some(RejectionKind::Recipient));
    assert_eq!(needs(|email| email.reply_to = Some(named("", "zoë@example.com"))), Some(RejectionKind::Unfit));
    let both = EmailMessage { recipient: named("Zoë", "zoë@bücher.example"), ..email() };
    let mail = compose(&both, KEY, at()).unwrap();
    assert_eq!(mail.recipient, "zoë@xn--bcher-kva.example");
    assert!(String::from_utf8(mail.content).unwrap().contains("<zoë@xn--bcher-kva.example>"));
}

#[test]
fn callers_headers_and_answers() {
    let email = EmailMessage {
        reply_to: Some(named("Desk, front", "desk@example.com")),
        headers: vec![
            ("List-Unsubscribe".into(), "<https://example.com/u?t=1>, <mailto:u@example.com>".into()),
            ("X-Note".into(), "naïve".into()),
        ],
        ..email()
    };
    let lines = header(&email);
    for expected in [
        "Reply-To: \"=?utf-8?b?RGVzaywgZnJvbnQ=?=\" <desk@example.com>",
        "List-Unsubscribe: <https://example.com/u?t=1>, <mailto:u@example.com>",
        "X-Note: =?utf-8?b?bmHDr3Zl?=",
    ] {
        let close = expected.replace('"', "");
        assert!(lines.iter().any(|line| *line == expected || *line == close), "{expected}: {lines:#?}");
    }
}

#[test]
fn nobody_slips_a_header_or_a_recipient_in() {
    let with = |name: &str, value: &str| EmailMessage { headers: vec![(name.into(), value.into())], ..email() };
    let bad = [
        with("Bcc", "eve@example.com"),
        with("cC", "eve@example.com"),
        with("Resent-To", "eve@example.com"),
        with("From", "eve@example.com"),
        with("to", "eve@example.com"),
        with("Reply-To", "eve@example.com"),
        with("Return-Path", "eve@example.com"),
        with("Message-ID", "<a@b>"),
        with("Content-Type", "text/html"),
        with("MIME-Version", "2.0"),
        with("X-A", "b\r\nBcc: eve@example.com"),
        with("X-A\r\nBcc", "eve@example.com"),
        with("X-A\nBcc", "eve@example.com"),
        with("X A", "b"),
        with("X:A", "b"),
        with("", "b"),
        with(&"X".repeat(77), "b"),
        EmailMessage { sender: named("a\r\nBcc: eve@example.com", "a@example.com"), ..email() },
        EmailMessage {
            recipient: Mailbox {
                name: None,
                address: EmailAddress::checked_before("a@b.c>\r\nRCPT TO:<eve@b.c".into()),
            },
            ..email()
        },
        EmailMessage {
            recipient: Mailbox { name: None, address: EmailAddress::checked_before("nobody".into()) },
            ..email()
        },
    ];
    for email in bad {
        assert!(compose(&email, KEY, at()).is_err(), "{email:?}");
    }
    let subject = EmailMessage { subject: "a\r\nBcc: eve@example.com".into(), ..email() };
    let lines = header(&subject);
    assert!(lines.iter().all(|line| !line.starts_with("Bcc")), "{lines:#?}");
}

#[test]
fn the_key_is_the_identifier() {
    let cases = [
        (KEY, KEY),
        ("a.b", "a.b"),
        ("", "_"),
        (".a", "_2ea"),
        ("a..b", "a._2eb"),
        ("a.", "a._"),
        ("a@b> c", "a_40b_3e_20c"),
        ("ü", "_c3_bc"),
        ("a_b", "a_5fb"),
    ];
    for (key, expected) in cases {
        assert_eq!(dot_atom(key), expected, "{key:?}");
    }
}

#[test]
fn clocks_that_were_set_wrong_are_no_reason_to_panic() {
    for (now, expected) in [(Timestamp::MIN, "Date: Thu, 01 Jan 1970"), (Timestamp::MAX, "Date: Thu, 31 Dec 9998")] {
        let mail = compose(&email(), KEY, now).unwrap();
        let text = String::from_utf8(mail.content).unwrap();
        assert!(text.starts_with(expected), "{text}");
    }
}

/// Takes quoted-printable apart (RFC 2045 section 6.7).
fn decoded(body: &str) -> Vec<u8> {
    let joined = body.replace("=\r\n", "");
    let mut bytes = joined.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'=' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            byte => decoded.push(byte),
        }
    }
    decoded
}

proptest! {
    /// Whatever the words are, they arrive, in short lines of ASCII, and none of them ends the message or a part of it.
    #[test]
    fn any_words_arrive(text in "(\\PC|[\r\n.=\\- ]){0,200}", subject in "\\PC{0,120}", name in "\\PC{0,60}") {
        let email = EmailMessage {
            sender: Mailbox { name: Some(name), ..email().sender },
            subject,
            text: Some(text.clone()),
            html: Some(format!("--=_{KEY}_alternative\r\n.\r\n")),
            ..email()
        };
        let mail = compose(&email, KEY, at()).unwrap();
        let whole = String::from_utf8(mail.content).unwrap();
        prop_assert!(whole.is_ascii());
        prop_assert!(whole.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        let starts = head.split("\r\n").filter(|line| !line.starts_with(' ')).count();
        prop_assert_eq!(starts, 7, "{}", head);
        let boundary = format!("--=_{KEY}_alternative");
        let parts: Vec<&str> = body.split(boundary.as_str()).collect();
        prop_assert_eq!(parts.len(), 4);
        let (_, encoded) = parts[1].split_once("\r\n\r\n").unwrap();
        let encoded = encoded.strip_suffix("\r\n").unwrap();
        prop_assert_eq!(String::from_utf8(decoded(encoded)).unwrap(), with_line_ends(&text));
    }
}
