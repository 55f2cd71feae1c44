//! SES's fake, rule by rule: raw messages.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;
use serde_json::{Value, json};

use super::fixture::Fixture;
use super::ses::send;

const MIXED: &str = "From: =?UTF-8?B?R3LDtsOfZQ==?= <rent@example.com>\r\n\
    To: Ana <ana@example.com>, ben@example.com\r\n\
    Cc: carla@example.com\r\n\
    Reply-To: office@example.com\r\n\
    Subject: =?UTF-8?Q?Gr=C3=B6=C3=9Fe?=\r\n =?UTF-8?Q?_=E2=9C=93?=\r\n\
    Date: Sun, 1 Mar 2026 12:00:00 +0000\r\n\
    Message-ID: <1@example.com>\r\n\
    X-Own: one\r\n two\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"m\"\r\n\
    \r\n\
    --m\r\n\
    Content-Type: multipart/related; boundary=r\r\n\
    \r\n\
    --r\r\n\
    Content-Type: multipart/alternative; boundary=a\r\n\
    \r\n\
    --a\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\
    \r\n\
    Gr=C3=BC=C3=9Fe\r\n\
    --a\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Transfer-Encoding: base64\r\n\
    \r\n\
    PGltZyBzcmM9ImNpZDpiIj4=\r\n\
    --a--\r\n\
    --r\r\n\
    Content-Type: image/png\r\n\
    Content-Disposition: inline; filename=b.png\r\n\
    Content-ID: <b>\r\n\
    Content-Transfer-Encoding: base64\r\n\
    \r\n\
    AA==\r\n\
    --r--\r\n\
    --m\r\n\
    Content-Type: text/plain; name=\"a.txt\"\r\n\
    Content-Disposition: attachment; filename=\"a.txt\"\r\n\
    Content-Transfer-Encoding: base64\r\n\
    \r\n\
    AP8=\r\n\
    --m--\r\n";

/// The raw message with other recipients in its envelope, or none.
fn raw(mime: &str, destination: Option<Value>) -> Value {
    let mut message = json!({ "Content": { "Raw": { "Data": STANDARD.encode(mime) } } });
    if let Some(destination) = destination {
        message["Destination"] = destination;
    }
    message
}

#[tokio::test]
async fn a_raw_message_arrives_whole() {
    let fixture = Fixture::start().await;
    let answer = send(&fixture, &raw(MIXED, None)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let message = fixture.only_message();
    assert_eq!((message.from.as_deref(), message.from_name.as_deref()), (Some("rent@example.com"), Some("Größe")));
    assert_eq!(
        (&message.to[..], &message.cc[..]),
        (&["ana@example.com", "ben@example.com"].map(String::from)[..], &["carla@example.com".to_owned()][..])
    );
    assert_eq!(
        (message.subject.as_deref(), &message.reply_to[..]),
        (Some("Größe ✓"), &["office@example.com".to_owned()][..])
    );
    assert_eq!((message.text.as_deref(), message.html.as_deref()), (Some("Grüße"), Some("<img src=\"cid:b\">")));
    let headers: Vec<_> = message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let date = "Sun, 1 Mar 2026 12:00:00 +0000";
    assert_eq!(headers, [("Date", date), ("Message-ID", "<1@example.com>"), ("X-Own", "one two")]);
    let [picture, file] = &message.attachments[..] else { panic!("{message:?}") };
    assert_eq!(
        (&picture.filename[..], picture.disposition, picture.content_id.as_deref()),
        ("b.png", "inline", Some("b"))
    );
    assert_eq!((&file.filename[..], file.size_bytes, file.content_type.as_deref()), ("a.txt", 2, Some("text/plain")));
    // Bytes that are no UTF-8, in a part that says that it is text.
    assert_eq!(file.sha256, "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8");
}

#[tokio::test]
async fn the_envelope_says_who_gets_it() {
    let fixture = Fixture::start().await;
    let destination = json!({ "BccAddresses": ["dev@example.com"] });
    assert_eq!(send(&fixture, &raw(MIXED, Some(destination))).await.status, StatusCode::OK);
    let message = fixture.only_message();
    assert_eq!((message.to.len(), &message.bcc[..]), (0, &["dev@example.com".to_owned()][..]));
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let fixture = Fixture::start().await;
    let short = "From: rent@example.com\r\nTo: ana@example.com\r\nSubject: Rent\r\n\r\nHello\r\n";
    assert_eq!(send(&fixture, &raw(short, None)).await.status, StatusCode::OK);
    for (name, mime) in [
        ("empty", String::new()),
        ("no blank line", short.replace("\r\n\r\n", "\r\n")),
        ("no sender", short.replace("From", "Sender")),
        ("a sender that is none", short.replace("rent@example.com", "rent")),
        ("no recipient", short.replace("To:", "X-To:")),
        ("a recipient that is none", short.replace("ana@example.com", "ana")),
        ("two senders", format!("From: other@example.com\r\n{short}")),
        ("two subjects", format!("subject: Other\r\n{short}")),
        ("a line that is no field", format!("Hello\r\n{short}")),
        ("a header not in seven bits", short.replace("Rent", "Größe")),
        ("a line of 1,000", short.replace("Hello", &"x".repeat(999))),
        ("a multipart without end", MIXED.replace("--m--", "")),
        ("a multipart without boundary", MIXED.replace("; boundary=\"m\"", "")),
        ("base64 that is none", MIXED.replace("AP8=", "A%8=")),
        ("an unsupported file", MIXED.replace("a.txt", "a.exe")),
    ] {
        let answer = send(&fixture, &raw(&mime, None)).await;
        let error = answer.header("x-amzn-errortype");
        assert_eq!((answer.status.as_u16(), error), (400, Some("BadRequestException")), "{name}: {answer:?}");
    }
    fixture.only_message();
}
