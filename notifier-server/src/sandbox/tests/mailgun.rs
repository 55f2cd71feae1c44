//! Mailgun's fake, rule by rule.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::super::Service;
use super::fixture::{Answer, Fixture, basic, encode, exchange};

const BOUNDARY: &str = "sandbox-boundary";

/// A valid form, with every needed parameter and no other.
pub(super) const MESSAGE: [(&str, &str); 4] =
    [("from", "rent@mg.example.com"), ("to", "ana@example.com"), ("subject", "Rent"), ("text", "Hello")];

fn post(fixture: &Fixture, content_type: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    let credentials = fixture.sandbox.credentials();
    let url = format!("{}/v3/{}/messages", fixture.sandbox.url(Service::Mailgun), credentials.mailgun_domain);
    Request::post(url)
        .header("authorization", basic("api", &credentials.mailgun_api_key))
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

/// URL-encoded.
pub(super) fn request(fixture: &Fixture, parameters: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    post(fixture, "application/x-www-form-urlencoded", pairs.join("&").into_bytes())
}

/// Multipart; a part with a file has a name of it.
fn multipart(fixture: &Fixture, parts: &[(&str, Option<&str>, &[u8])]) -> Request<Full<Bytes>> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"\r\nContent-Type: image/png")).unwrap_or_default();
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    post(fixture, &format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

async fn send(fixture: &Fixture, parameters: &[(&str, &str)]) -> Answer {
    exchange(request(fixture, parameters)).await.unwrap()
}

/// The valid form with one parameter put in, in place of that of the same name.
fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = MESSAGE.into_iter().filter(|(other, _)| *other != name);
    others.chain([(name, value)]).collect()
}

#[tokio::test]
async fn a_multipart_message_arrives_whole() {
    let fixture = Fixture::start().await;
    let answer = exchange(multipart(
        &fixture,
        &[
            ("from", None, "Größe <rent@mg.example.com>".as_bytes()),
            ("to", None, b"Ana <ana@example.com>, ben@example.com"),
            ("to", None, b"ANA@example.com"),
            ("cc", None, b"carla@example.com"),
            ("bcc", None, b"dev@example.com"),
            ("subject", None, "Größe ✓".as_bytes()),
            ("text", None, "Grüße\r\n--sandbox\r\n".as_bytes()),
            ("html", None, b"<img src=\"cid:b.png\">"),
            ("attachment", Some("a.bin"), b"\0\xff"),
            ("inline", Some("b.png"), b""),
            ("o:tag", None, b"rent"),
            ("o:tag", None, b"march"),
            ("o:tracking", None, b"no"),
            ("h:Reply-To", None, b"office@example.com"),
            ("h:X-Own", None, b"1"),
            ("v:notifier_key", None, b"a.email"),
        ],
    ))
    .await
    .unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let message = fixture.only_message();
    assert_eq!(answer.json(), json!({ "id": message.provider_message_id, "message": "Queued. Thank you." }));
    let id = &message.provider_message_id;
    assert!(id.starts_with("<20260301120000.") && id.ends_with("@mg.example.com>"), "{id}");
    assert_eq!((message.from.as_deref(), message.from_name.as_deref()), (Some("rent@mg.example.com"), Some("Größe")));
    assert_eq!(message.to, ["ana@example.com", "ben@example.com"]);
    assert_eq!(
        (&message.cc[..], &message.bcc[..]),
        (&["carla@example.com".to_owned()][..], &["dev@example.com".to_owned()][..])
    );
    assert_eq!(message.reply_to, ["office@example.com"]);
    assert_eq!(
        (message.subject.as_deref(), message.text.as_deref()),
        (Some("Größe ✓"), Some("Grüße\r\n--sandbox\r\n"))
    );
    assert_eq!(message.html.as_deref(), Some("<img src=\"cid:b.png\">"));
    assert_eq!(
        (&message.categories[..], &message.headers["X-Own"][..]),
        (&["rent", "march"].map(String::from)[..], "1")
    );
    assert_eq!(message.idempotency_key.as_deref(), Some("a.email"));
    let [file, picture] = &message.attachments[..] else { panic!("{message:?}") };
    assert_eq!((&file.filename[..], file.size_bytes, file.disposition), ("a.bin", 2, "attachment"));
    assert_eq!(file.sha256, "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8");
    assert_eq!((picture.disposition, picture.content_id.as_deref()), ("inline", Some("b.png")));
}

#[tokio::test]
async fn a_form_arrives_whole_and_variables_make_copies() {
    let fixture = Fixture::start().await;
    assert_eq!(send(&fixture, &MESSAGE).await.status, StatusCode::OK);
    assert_eq!(fixture.only_message().text.as_deref(), Some("Hello"));
    let variables = r#"{"ana@example.com":{"n":"A"},"ben@example.com":{"n":2}}"#;
    let mut batch = with("to", "ana@example.com, ben@example.com");
    batch.extend([("recipient-variables", variables), ("html", "<p>%recipient.n%")]);
    assert_eq!(send(&fixture, &batch).await.status, StatusCode::OK);
    let copies: Vec<_> = fixture.sandbox.inbox().messages()[1..]
        .iter()
        .map(|copy| (copy.to.clone(), copy.html.clone().unwrap()))
        .collect();
    assert_eq!(
        copies,
        [
            (vec!["ana@example.com".to_owned()], "<p>A".to_owned()),
            (vec!["ben@example.com".to_owned()], "<p>2".to_owned())
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_its_words() {
    let fixture = Fixture::start().await;
    let recipients = (0..1_001).map(|n| format!("r{n}@example.com")).collect::<Vec<_>>().join(",");
    let large = "x".repeat(16 * 1024);
    let address = |name: &str| format!("'{name}' parameter is not a valid address. please check documentation");
    for (name, value, told) in [
        ("unknown", "x", "'unknown' parameter is not known"),
        ("o:unknown", "x", "'o:unknown' parameter is not known"),
        ("x:y", "x", "'x:y' parameter is not known"),
        ("from", "rent", &*address("from")),
        ("to", "ana@example.com,", &*address("to")),
        ("cc", "x", &*address("cc")),
        ("h:Reply-To", "x", &*address("h:Reply-To")),
        ("to", &*recipients, "A message has at most 1000 recipients"),
        ("subject", "", "subject parameter is missing"),
        ("subject", "a\nb", "'subject' parameter holds a line break"),
        ("text", "", "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"),
        ("template", "t", "template 't' not found"),
        ("o:tracking", "maybe", "'o:tracking' parameter is not valid: 'maybe'"),
        ("o:dkim", "htmlonly", "'o:dkim' parameter is not valid: 'htmlonly'"),
        ("o:deliverytime", "2026-03-01T13:00:00Z", "'o:deliverytime' parameter is not valid: '2026-03-01T13:00:00Z'"),
        (
            "o:deliverytime",
            "Mon, 09 Mar 2026 12:00:00 +0000",
            "'o:deliverytime' parameter is not valid: 'Mon, 09 Mar 2026 12:00:00 +0000'",
        ),
        ("o:deliver-within", "4m", "'o:deliver-within' parameter is not valid: '4m'"),
        ("o:deliverytime-optimize-period", "12h", "'o:deliverytime-optimize-period' parameter is not valid: '12h'"),
        ("o:time-zone-localize", "25:00", "'o:time-zone-localize' parameter is not valid: '25:00'"),
        ("h:X Own", "1", "'h:X Own' parameter is not a valid header"),
        ("h:X-Own", "1\r\nBcc: x", "'h:X-Own' parameter is not a valid header"),
        ("v:a", &*large, "Send options (parameters starting with o:, h:, v:, or t:) are limited to 16KB total"),
        ("recipient-variables", "[]", "'recipient-variables' parameter is not a JSON dictionary"),
        ("attachment", "x", "'attachment' parameter is a file without a name"),
        ("o:tag", "", "'o:tag' parameter: at most 10 tags of at most 128 ASCII characters"),
    ] {
        let answer = send(&fixture, &with(name, value)).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, json!({ "message": told })), "{name}");
    }
    let mut twice = MESSAGE.to_vec();
    twice.push(("text", "again"));
    assert_eq!(send(&fixture, &twice).await.json(), json!({ "message": "'text' parameter stands twice" }));
    for missing in ["from", "to", "subject"] {
        let rest: Vec<_> = MESSAGE.into_iter().filter(|(name, _)| *name != missing).collect();
        assert_eq!(send(&fixture, &rest).await.json(), json!({ "message": format!("{missing} parameter is missing") }));
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Mailgun).refused, 29);
}

#[tokio::test]
async fn options_that_are_right_are_taken() {
    let fixture = Fixture::start().await;
    for (name, value) in [
        ("o:tracking-clicks", "htmlonly"),
        ("o:dkim", "True"),
        ("o:deliverytime", "Sun, 01 Mar 2026 13:00:00 +0000"),
        ("o:deliver-within", "1h30m"),
        ("o:deliver-within", "24h"),
        ("o:deliverytime-optimize-period", "72h"),
        ("o:time-zone-localize", "01:30pm"),
        ("o:time-zone-localize", "23:59"),
        ("o:sending-ip-pool", "p"),
        ("v:any", "{\"a\":1}"),
    ] {
        let answer = send(&fixture, &with(name, value)).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn heads_and_forms_are_checked() {
    let fixture = Fixture::start().await;
    let mut wrong = request(&fixture, &MESSAGE);
    wrong.headers_mut().insert("authorization", basic("api", "wrong").parse().unwrap());
    let answer = exchange(wrong).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (401, &b"Forbidden"[..]));
    let url = fixture.sandbox.url(Service::Mailgun);
    for (path, status) in
        [("/v3/other.example.com/messages", 404), ("/v3/mg.example.com/x", 404), ("/v3/a/b/messages", 404)]
    {
        let mut wrong = request(&fixture, &MESSAGE);
        *wrong.uri_mut() = format!("{url}{path}").parse().unwrap();
        assert_eq!(exchange(wrong).await.unwrap().status, status, "{path}");
    }
    let mut wrong = request(&fixture, &MESSAGE);
    *wrong.method_mut() = Method::GET;
    assert_eq!(exchange(wrong).await.unwrap().status, StatusCode::METHOD_NOT_ALLOWED);
    let json = exchange(post(&fixture, "application/json", b"{}".to_vec())).await.unwrap();
    assert_eq!((json.status.as_u16(), json.json()), (400, json!({ "message": "from parameter is missing" })));
    for (content_type, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "--b\r\n"),
        ("application/x-www-form-urlencoded", "from=%zz"),
    ] {
        let answer = exchange(post(&fixture, content_type, body.into())).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{content_type}");
    }
    let not_utf8 = exchange(multipart(&fixture, &[("text", None, b"\xff")])).await.unwrap();
    assert_eq!(not_utf8.json(), json!({ "message": "'text' parameter is not UTF-8" }));
    let no_file = exchange(multipart(&fixture, &[("text", Some("a.txt"), b"x")])).await.unwrap();
    assert_eq!(no_file.json(), json!({ "message": "'text' parameter is not a file" }));
    assert_eq!(fixture.counters(Service::Mailgun).refused, 11);
}

#[tokio::test]
async fn the_test_mode_sends_nothing() {
    let fixture = Fixture::start().await;
    let answer = send(&fixture, &with("o:testmode", "yes")).await;
    assert_eq!((answer.status, &answer.json()["message"]), (StatusCode::OK, &json!("Queued. Thank you.")));
    assert_eq!(fixture.counters(Service::Mailgun).validated, 1);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}
