//! An email arrives whole, whoever carries it: subject, text, HTML, names, headers, an inline picture, a file.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use notifier_server::sandbox::{Attachment, Message};
use serde_json::{Value, json};

use super::world::*;

/// The most characters that a subject may have (`Limits::subject_chars_max`).
const SUBJECT_CHARS_MAX: usize = 900;

/// Of [`pdf`] and [`png`].
const PDF_SHA256: &str = "0f0897e18437599f73ead7e7f6d3492c3a3ddd673ce910f264edad054e0f1bda";
const PNG_SHA256: &str = "a50c57d2a2642f5ee04900382bf72fc919bfef8c6493a19bddec2d783b114b3a";

/// A file with every byte that there is.
fn pdf() -> Vec<u8> {
    [b"%PDF-1.7\n".to_vec(), (0..=255).collect()].concat()
}

fn png() -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), (0..=255).rev().collect()].concat()
}

/// The longest that is allowed.
fn subject() -> String {
    let subject: String = format!("{WORDS} ").chars().cycle().take(SUBJECT_CHARS_MAX - 1).collect();
    format!("{}.", subject.trim_end())
}

/// With what mail servers treat in their own way: lines that begin with a dot or `From `, one that is longer than MIME allows, an
/// end in spaces.
fn text() -> String {
    format!("{WORDS}\n.\n..dots\nFrom here\n=3D =\n{}\n{}\n\n-- \nUnit 4B", "long ".repeat(400), "無".repeat(700))
}

fn html() -> String {
    let words = WORDS.replace("<b>", "&lt;b&gt;").replace('&', "&amp;");
    format!("<p dir=\"rtl\" title='{}'>{words}</p>\n<img src=\"cid:logo@example\">\n.\n", "x".repeat(2_000))
}

/// With files or without: a vendor may take another way for each.
fn request(world: &World, vendor: Vendor, has_files: bool) -> Value {
    // Sources are templates: what is in braces stands for the words as they are, whatever is in them.
    let content = json!({"email": {
        "subject": "{{{line}}}", "text": "{{{text}}}", "html": "{{{html}}}",
    }});
    let mut options = json!({
        "reply_to": "Büro 🏠 <reply@example.com>",
        "headers": {"X-Unit": "4B", "List-Unsubscribe": "<https://example.com/u?a=1&b=%C3%BC>"},
        "attachments": [
            {"filename": "Rechnung für März 🏠.pdf", "content_type": "application/pdf",
                "data": BASE64_STANDARD.encode(pdf())},
            {"filename": "logo.png", "content_type": "image/png", "content_id": "logo@example",
                "data": BASE64_STANDARD.encode(png())},
        ],
    });
    if !has_files {
        options["attachments"] = json!([]);
    }
    let variables = json!({"line": subject(), "text": text(), "html": html()});
    world.request(vendor, 1, &json!({"content": content, "options": options, "variables": variables}))
}

fn file(filename: &str, content_type: &str, size_bytes: usize, sha256: &str, content_id: Option<&str>) -> Attachment {
    Attachment {
        filename: filename.to_owned(),
        content_type: Some(content_type.to_owned()),
        size_bytes,
        sha256: sha256.to_owned(),
        disposition: if content_id.is_some() { "inline" } else { "attachment" },
        content_id: content_id.map(str::to_owned),
    }
}

/// Sends it, and compares all that the vendor names alike.
async fn arrives_whole(vendor: Vendor, has_files: bool) -> (Arc<Message>, String) {
    let world = World::start().await;
    let id = world.submit(&request(&world, vendor, has_files)).await;
    let delivery = world.reaches(&id, "delivered").await;
    assert_eq!(delivery["attempts"], 1, "{delivery}");
    let message = world.only(vendor);
    assert_eq!(message.to, [format!("tenant.1@{}.example.com", vendor.provider)]);
    assert_eq!((message.cc.len(), message.bcc.len()), (0, 0));
    assert_eq!(message.from.as_deref(), Some("office@example.com"));
    assert_eq!(message.from_name.as_deref(), Some("Büro 🏠 שלום"));
    assert_eq!(message.reply_to, ["reply@example.com"]);
    assert_eq!(message.subject.as_deref(), Some(&*subject()));
    // In MIME lines end in CRLF (RFC 2046, section 4.1.1), and a reader shows them like any others.
    let lines = |text: &Option<String>| match message.attachments.is_empty() {
        false if vendor.provider == SES.provider => text.as_deref().map(|text| text.replace("\r\n", "\n")),
        _ => text.clone(),
    };
    assert_eq!(lines(&message.text), Some(text()));
    assert_eq!(lines(&message.html), Some(html()));
    assert_eq!(message.headers.get("X-Unit").map(String::as_str), Some("4B"), "{:?}", message.headers);
    let unsubscribe = message.headers.get("List-Unsubscribe").map(String::as_str);
    assert_eq!(unsubscribe, Some("<https://example.com/u?a=1&b=%C3%BC>"), "{:?}", message.headers);
    let counters = world.counters(vendor);
    assert_eq!((counters.accepted, counters.refused), (1, 0));
    (message, id)
}

/// The file, and the picture, which is called like that.
fn files_with(picture: &str) -> [Attachment; 2] {
    [
        file("Rechnung für März 🏠.pdf", "application/pdf", 265, PDF_SHA256, None),
        file(picture, "image/png", 264, PNG_SHA256, Some("logo@example")),
    ]
}

fn files() -> [Attachment; 2] {
    files_with("logo.png")
}

#[tokio::test]
async fn sendgrid() {
    let (message, id) = arrives_whole(SENDGRID, true).await;
    assert_eq!(message.attachments, files());
    assert_eq!(message.idempotency_key, Some(format!("{id}.email")));
    assert_eq!(message.categories, ["sendgrid"]);
    arrives_whole(SENDGRID, false).await;
}

#[tokio::test]
async fn ses() {
    let (message, id) = arrives_whole(SES, true).await;
    // In MIME, what belongs to the HTML is within the part that comes first.
    let [pdf, picture] = files();
    assert_eq!(message.attachments, [picture, pdf]);
    // Tags take no full stops: this one is escaped.
    assert_eq!(message.idempotency_key, Some(format!("{id}_2eemail")));
    arrives_whole(SES, false).await;
}

#[tokio::test]
async fn resend() {
    let (message, id) = arrives_whole(RESEND, true).await;
    assert_eq!(message.attachments, files());
    assert_eq!(message.idempotency_key, Some(format!("{id}.email")));
    arrives_whole(RESEND, false).await;
}

#[tokio::test]
async fn mailgun() {
    let (message, id) = arrives_whole(MAILGUN, true).await;
    // What the HTML refers to is, to Mailgun, the name of the file.
    assert_eq!(message.attachments, files_with("logo@example"));
    assert_eq!(message.idempotency_key, Some(format!("{id}.email")));
    arrives_whole(MAILGUN, false).await;
}

#[tokio::test]
async fn postmark() {
    let (message, id) = arrives_whole(POSTMARK, true).await;
    assert_eq!(message.attachments, files());
    assert_eq!(message.idempotency_key, Some(format!("{id}.email")));
    arrives_whole(POSTMARK, false).await;
}
