//! Raw messages, read back by another library.

use mail_parser::{MessageParser, MimeHeaders, PartType};
use notifier_plugin_sdk::testing::email;
use notifier_plugin_sdk::{Attachment, Email, Mailbox};
use proptest::prelude::*;

use crate::address::AsciiMailbox;
use crate::mime::{self, Envelope};

const NEW_YEAR_MS: u64 = 1_767_225_600_000;

fn written(mail: &Email) -> String {
    let ascii = |mailbox| AsciiMailbox::new(mailbox).unwrap();
    let envelope = Envelope {
        sender: ascii(&mail.sender),
        recipients: mail.recipients.iter().map(ascii).collect(),
        reply_to: mail.reply_to.as_ref().map(ascii),
    };
    mime::message(mail, &envelope, NEW_YEAR_MS)
}

fn file(filename: &str, content_id: Option<&str>, data: &[u8]) -> Attachment {
    Attachment {
        filename: filename.into(),
        content_type: "image/png".into(),
        content_id: content_id.map(Into::into),
        data: data.into(),
    }
}

/// The types of the parts, as a tree.
fn tree(message: &mail_parser::Message<'_>, part: u32) -> String {
    let part = &message.parts[part as usize];
    let content_type = part.content_type().unwrap();
    let name = format!("{}/{}", content_type.ctype(), content_type.subtype().unwrap());
    match &part.body {
        PartType::Multipart(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| tree(message, *part)).collect();
            format!("{name}({})", parts.join(" "))
        }
        _ => name,
    }
}

fn tree_of(text: Option<&str>, html: Option<&str>, attachments: Vec<Attachment>) -> String {
    let mail = Email {
        text: text.map(Into::into),
        html: html.map(Into::into),
        attachments,
        ..email("ann@example.org", "Rent", "")
    };
    let written = written(&mail);
    let message = MessageParser::default().parse(&written).unwrap();
    tree(&message, 0)
}

#[test]
fn parts_are_nested_no_deeper_than_needed() {
    let logo = || file("logo.png", Some("logo"), b"1");
    let plan = || file("plan.png", None, b"2");
    assert_eq!(tree_of(Some("a"), None, vec![]), "text/plain");
    assert_eq!(tree_of(None, Some("b"), vec![]), "text/html");
    assert_eq!(tree_of(Some("a"), Some("b"), vec![]), "multipart/alternative(text/plain text/html)");
    assert_eq!(tree_of(Some(""), Some("b"), vec![logo()]), "multipart/related(text/html image/png)");
    assert_eq!(tree_of(Some("a"), None, vec![plan()]), "multipart/mixed(text/plain image/png)");
    // Without HTML nothing can refer to it: it is a file.
    assert_eq!(tree_of(Some("a"), None, vec![logo()]), "multipart/mixed(text/plain image/png)");
    assert_eq!(
        tree_of(Some("a"), Some("b"), vec![plan(), logo()]),
        "multipart/mixed(multipart/alternative(text/plain multipart/related(text/html image/png)) image/png)"
    );
}

#[test]
fn what_would_end_a_header_is_not_written() {
    let mut odd = file("a.png", Some("x>\r\nBcc: eve@example.org"), b"1");
    odd.content_type = "image/png\r\nBcc: eve@example.org".into();
    let mail = Email { attachments: vec![odd], ..email("ann@example.org", "Rent", "Due") };
    let written = written(&mail);
    assert!(!written.contains("eve@"), "{written}");
    assert!(written.contains("Content-Type: application/octet-stream\r\n"), "{written}");
}

#[test]
fn a_boundary_in_a_text_ends_nothing() {
    let text = "--=_notifier-1\r\n--=_notifier-1--\r\n";
    let mail =
        Email { attachments: vec![file("a.png", None, b"1")], ..email("ann@example.org", "--=_notifier-1--", text) };
    let written = written(&mail);
    let message = MessageParser::default().parse(&written).unwrap();
    assert_eq!(message.body_text(0).as_deref(), Some(text));
    assert_eq!(message.attachment_count(), 1);
}

#[test]
fn a_subject_that_looks_encoded_is_read_as_written() {
    let mail = email("ann@example.org", "=?utf-8?b?SGk=?=", "Due");
    let written = written(&mail);
    let message = MessageParser::default().parse(&written).unwrap();
    assert_eq!(message.subject(), Some("=?utf-8?b?SGk=?="));
}

#[test]
fn a_hundred_recipients_and_long_names_fold_into_short_lines() {
    let recipients = (0..100).map(|n| Mailbox {
        address: format!("r{n}@example.org"),
        name: Some(if n % 2 == 0 { "Größe ".repeat(20) } else { "Long Name ".repeat(20) }),
    });
    let mail = Email { recipients: recipients.collect(), ..email("x@example.org", &"🏠".repeat(200), "Due") };
    let written = written(&mail);
    assert!(written.lines().all(|line| line.len() <= 300), "{written}");
    let message = MessageParser::default().parse(&written).unwrap();
    assert_eq!(message.to().unwrap().iter().count(), 100);
    assert_eq!(message.subject(), Some("🏠".repeat(200).as_str()));
    assert_eq!(message.to().unwrap().first().unwrap().name(), Some("Größe ".repeat(20).as_str()));
}

#[test]
fn the_room_for_a_large_file_is_taken_once() {
    let mail = Email {
        attachments: vec![file("a.png", None, &vec![7; 3_000_000])],
        ..email("ann@example.org", "Rent", "Due")
    };
    let written = written(&mail);
    assert!(written.capacity() < written.len() + 8 * 1024, "{} {}", written.capacity(), written.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever a message says, it arrives: nothing is lost, and no line is longer or other than SMTP allows.
    #[test]
    fn a_message_is_read_back_as_it_was_written(
        subject in "[^\\p{C}]{1,80}",
        name in "\\PC{1,40}",
        text in "(\\PC|\n){1,200}",
        html in "(\\PC|\n){1,200}",
        filename in "[^\\p{C}/\\\\\"]{1,60}",
        data in proptest::collection::vec(any::<u8>(), 1..200),
    ) {
        // White space at the edges of a header, and runs of it, are its folding's.
        let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (subject, name, filename) = (tidy(&subject), tidy(&name), tidy(&filename));
        prop_assume!(!subject.is_empty() && !name.is_empty() && !filename.is_empty());
        let mail = Email {
            sender: Mailbox { address: "office@example.com".into(), name: Some(name.clone()) },
            html: Some(html.clone()),
            attachments: vec![file("logo.png", Some("logo"), &data), file(&filename, None, &data)],
            ..email("ann@example.org", &subject, &text)
        };
        let written = written(&mail);
        prop_assert!(written.is_ascii());
        prop_assert!(written.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
        let message = MessageParser::default().parse(&written).unwrap();
        prop_assert_eq!(message.subject(), Some(subject.as_str()));
        let sender = message.from().unwrap().first().unwrap();
        prop_assert_eq!((sender.name(), sender.address()), (Some(name.as_str()), Some("office@example.com")));
        let [text, html] = [text, html].map(|text| text.replace('\n', "\r\n"));
        let text_read = message.text_bodies().next().unwrap().text_contents();
        prop_assert_eq!(text_read, Some(text.as_str()));
        let html_read = message.html_bodies().next().unwrap().text_contents();
        prop_assert_eq!(html_read, Some(html.as_str()));
        let files: Vec<_> = message.attachments().collect();
        prop_assert_eq!(files.len(), 2);
        prop_assert_eq!((files[0].content_id(), files[0].contents()), (Some("logo"), data.as_slice()));
        prop_assert_eq!((files[1].attachment_name(), files[1].contents()), (Some(filename.as_str()), data.as_slice()));
    }
}
