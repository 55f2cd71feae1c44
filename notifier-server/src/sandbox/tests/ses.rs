//! SES's fake, rule by rule: signatures and simple messages. Raw ones are in `ses_raw`.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use ring::{
    digest::{SHA256, digest},
    hmac,
};
use serde_json::{Value, json};

use super::super::{Service, hex};
use super::fixture::{Answer, Fixture, exchange};

/// A valid message, with every needed member and no other.
pub(super) fn message() -> Value {
    json!({
        "FromEmailAddress": "rent@example.com",
        "Destination": { "ToAddresses": ["ana@example.com"] },
        "Content": { "Simple": { "Subject": { "Data": "Rent" }, "Body": { "Text": { "Data": "Hello" } } } },
    })
}

/// How a request is signed; the default is right.
struct Signing<'a> {
    key_id: &'a str,
    secret: &'a str,
    time: &'a str,
    scope: &'a str,
    signed_headers: &'a str,
}

impl Default for Signing<'_> {
    fn default() -> Self {
        Self {
            key_id: "AKIASANDBOXSANDBOX00",
            secret: "sandbox/ses+secret-access-key",
            time: "20260301T120000Z",
            scope: "20260301/us-east-1/ses/aws4_request",
            signed_headers: "content-type;host;x-amz-date",
        }
    }
}

impl Signing<'_> {
    fn sign(&self, fixture: &Fixture, body: &str) -> Request<Full<Bytes>> {
        let url = format!("{}/v2/email/outbound-emails", fixture.sandbox.url(Service::Ses));
        let host = url.trim_start_matches("http://").split('/').next().unwrap();
        let values = [("content-type", "application/json"), ("host", host), ("x-amz-date", self.time)];
        let signed = values.iter().filter(|(name, _)| self.signed_headers.split(';').any(|signed| signed == *name));
        let headers: String = signed.map(|(name, value)| format!("{name}:{value}\n")).collect();
        let hash = |bytes: &[u8]| hex::encode(digest(&SHA256, bytes).as_ref());
        let canonical =
            format!("POST\n/v2/email/outbound-emails\n\n{headers}\n{}\n{}", self.signed_headers, hash(body.as_bytes()));
        let said = format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", self.time, self.scope, hash(canonical.as_bytes()));
        let mac = |key: &[u8], said: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), said.as_bytes()).as_ref().to_vec()
        };
        let key = self.scope.split('/').fold(format!("AWS4{}", self.secret).into_bytes(), |key, step| mac(&key, step));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
            self.key_id,
            self.scope,
            self.signed_headers,
            hex::encode(&mac(&key, &said))
        );
        Request::post(&url)
            .header("content-type", "application/json")
            .header("x-amz-date", self.time)
            .header("authorization", authorization)
            .body(body.to_owned().into())
            .unwrap()
    }
}

pub(super) fn request(fixture: &Fixture, body: &str) -> Request<Full<Bytes>> {
    Signing::default().sign(fixture, body)
}

pub(super) async fn send(fixture: &Fixture, message: &Value) -> Answer {
    exchange(request(fixture, &message.to_string())).await.unwrap()
}

fn with(pointer: &str, value: Value) -> Value {
    let mut message = message();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    message.pointer_mut(parent).unwrap()[name] = value;
    message
}

fn simple(name: &str, value: Value) -> Value {
    with(&format!("/Content/Simple/{name}"), value)
}

#[tokio::test]
async fn a_simple_message_arrives_whole() {
    let fixture = Fixture::start().await;
    let utf8 = |text: &str| json!({ "Data": text, "Charset": "UTF-8" });
    let message = json!({
        "FromEmailAddress": "=?UTF-8?Q?Gr=C3=B6=C3=9Fe?= <rent@example.com>",
        "Destination": {
            "ToAddresses": ["Ana <ana@example.com>", "ben@example.com"],
            "CcAddresses": ["carla@example.com"],
            "BccAddresses": ["dev@example.com"],
        },
        "ReplyToAddresses": ["office@example.com"],
        "Content": { "Simple": {
            "Subject": utf8("Größe ✓"),
            "Body": { "Text": utf8("Grüße"), "Html": utf8("<p>Grüße</p>") },
            "Headers": [{ "Name": "X-Own", "Value": "1" }],
            "Attachments": [
                { "FileName": "a.bin", "RawContent": STANDARD.encode(b"\0\xff"), "ContentType": "application/octet-stream" },
                { "FileName": "b.png", "RawContent": "AA==", "ContentDisposition": "INLINE", "ContentId": "b" },
            ],
        } },
        "EmailTags": [{ "Name": "notifier_key", "Value": "a-email" }],
        "ConfigurationSetName": "events",
    });
    let answer = send(&fixture, &message).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let arrived = fixture.only_message();
    assert_eq!(answer.json(), json!({ "MessageId": arrived.provider_message_id }));
    assert_eq!(arrived.provider_message_id.len(), 60);
    assert_eq!(answer.header("date"), Some("Sun, 01 Mar 2026 12:00:00 GMT"));
    assert_eq!((arrived.from.as_deref(), arrived.from_name.as_deref()), (Some("rent@example.com"), Some("Größe")));
    assert_eq!(arrived.to, ["ana@example.com", "ben@example.com"]);
    assert_eq!(
        (&arrived.cc[..], &arrived.bcc[..]),
        (&["carla@example.com".to_owned()][..], &["dev@example.com".to_owned()][..])
    );
    assert_eq!(arrived.reply_to, ["office@example.com"]);
    assert_eq!(arrived.subject.as_deref(), Some("Größe ✓"));
    assert_eq!((arrived.text.as_deref(), arrived.html.as_deref()), (Some("Grüße"), Some("<p>Grüße</p>")));
    assert_eq!((&arrived.headers["X-Own"][..], arrived.idempotency_key.as_deref()), ("1", Some("a-email")));
    let [file, picture] = &arrived.attachments[..] else { panic!("{arrived:?}") };
    assert_eq!((file.size_bytes, file.disposition), (2, "attachment"));
    assert_eq!(file.sha256, "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8");
    assert_eq!((picture.disposition, picture.content_id.as_deref()), ("inline", Some("b")));
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let fixture = Fixture::start().await;
    let recipients: Vec<_> = (0..51).map(|n| format!("r{n}@example.com")).collect();
    let file = |name: &str, value: Value| {
        let mut file = json!({ "FileName": "a.txt", "RawContent": "AA==" });
        file[name] = value;
        simple("Attachments", json!([file]))
    };
    let header = |name: &str, value: &str| simple("Headers", json!([{ "Name": name, "Value": value }]));
    let tag = |name: &str, value: &str| with("/EmailTags", json!([{ "Name": name, "Value": value }]));
    let headers: Vec<_> = (0..16).map(|n| json!({ "Name": format!("X-{n}"), "Value": "1" })).collect();
    for (name, message, error) in [
        ("unknown", with("/IdempotencyKey", json!("k")), "SerializationException"),
        ("wrong type", simple("Subject", json!("Rent")), "SerializationException"),
        ("one recipient", with("/Destination/ToAddresses", json!("ana@example.com")), "SerializationException"),
        ("unknown in attachment", file("Size", json!(1)), "SerializationException"),
        ("not base64", file("RawContent", json!("%")), "SerializationException"),
        ("no content", with("/Content", Value::Null), "BadRequestException"),
        ("empty content", with("/Content", json!({})), "BadRequestException"),
        ("two contents", with("/Content/Raw", json!({ "Data": "" })), "BadRequestException"),
        ("a template", with("/Content", json!({ "Template": { "TemplateName": "t" } })), "NotFoundException"),
        ("no sender", with("/FromEmailAddress", Value::Null), "BadRequestException"),
        ("sender not in seven bits", with("/FromEmailAddress", json!("Größe <a@example.com>")), "BadRequestException"),
        ("no domain", with("/Destination/ToAddresses", json!(["ana"])), "BadRequestException"),
        ("no recipients", with("/Destination", json!({})), "BadRequestException"),
        ("51 recipients", with("/Destination/BccAddresses", json!(recipients)), "BadRequestException"),
        ("wrong reply", with("/ReplyToAddresses", json!(["x@"])), "BadRequestException"),
        ("no subject", simple("Subject", Value::Null), "BadRequestException"),
        ("no data", simple("Subject", json!({})), "BadRequestException"),
        ("subject with a line break", simple("Subject", json!({ "Data": "a\r\nb" })), "BadRequestException"),
        ("text beyond its charset", simple("Body", json!({ "Text": { "Data": "ß" } })), "BadRequestException"),
        ("unknown charset", simple("Subject", json!({ "Data": "a", "Charset": "x" })), "BadRequestException"),
        ("empty body", simple("Body", json!({})), "BadRequestException"),
        ("16 headers", simple("Headers", json!(headers)), "BadRequestException"),
        ("header with a colon", header("X:A", "1"), "BadRequestException"),
        ("empty header", header("X-A", ""), "BadRequestException"),
        ("header of 996", header("X-A", &"x".repeat(996)), "BadRequestException"),
        ("header not in seven bits", header("X-A", "ß"), "BadRequestException"),
        ("written header", header("Subject", "x"), "BadRequestException"),
        ("tag with a dot", tag("a", "b.c"), "BadRequestException"),
        ("tag of 257", tag("a", &"x".repeat(257)), "BadRequestException"),
        ("no file name", file("FileName", Value::Null), "BadRequestException"),
        ("unsupported file", file("FileName", json!("a.EXE")), "BadRequestException"),
        ("file name of 256", file("FileName", json!("x".repeat(256))), "BadRequestException"),
        ("content id of 79", file("ContentId", json!("x".repeat(79))), "BadRequestException"),
        ("disposition", file("ContentDisposition", json!("inline")), "BadRequestException"),
        ("encoding", file("ContentTransferEncoding", json!("8BIT")), "BadRequestException"),
    ] {
        let answer = send(&fixture, &message).await;
        let status = if error == "NotFoundException" { 404 } else { 400 };
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-amzn-errortype")),
            (status, Some(error)),
            "{name}: {answer:?}"
        );
        assert!(answer.json()["message"].as_str().is_some_and(|told| !told.is_empty()), "{name}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Ses).refused, 35);
}

#[tokio::test]
async fn signatures_are_checked() {
    let fixture = Fixture::start().await;
    let body = message().to_string();
    let check = async |name: &str, request: Request<Full<Bytes>>, error: &str| {
        let answer = exchange(request).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-amzn-errortype")),
            (403, Some(error)),
            "{name}: {answer:?}"
        );
    };
    let right = Signing::default;
    for (name, signing, error) in [
        ("key", Signing { key_id: "AKIAOTHER", ..right() }, "UnrecognizedClientException"),
        ("secret", Signing { secret: "other", ..right() }, "InvalidSignatureException"),
        ("region", Signing { scope: "20260301/eu-west-1/ses/aws4_request", ..right() }, "InvalidSignatureException"),
        ("service", Signing { scope: "20260301/us-east-1/sns/aws4_request", ..right() }, "InvalidSignatureException"),
        ("day", Signing { scope: "20260228/us-east-1/ses/aws4_request", ..right() }, "InvalidSignatureException"),
        ("old", Signing { time: "20260301T115459Z", ..right() }, "InvalidSignatureException"),
        ("early", Signing { time: "20260301T120501Z", ..right() }, "InvalidSignatureException"),
        ("date unsigned", Signing { signed_headers: "content-type;host", ..right() }, "InvalidSignatureException"),
        (
            "host unsigned",
            Signing { signed_headers: "content-type;x-amz-date", ..right() },
            "InvalidSignatureException",
        ),
    ] {
        check(name, signing.sign(&fixture, &body), error).await;
    }
    let mut bare = request(&fixture, &body);
    bare.headers_mut().remove("authorization");
    check("none", bare, "MissingAuthenticationTokenException").await;
    let mut broken = request(&fixture, &body);
    broken.headers_mut().insert("authorization", HeaderValue::from_static("AWS4-HMAC-SHA256 Credential=x"));
    check("broken", broken, "IncompleteSignatureException").await;
    let changed = request(&fixture, &body).map(|_| Full::from(body.replace("Hello", "Other")));
    check("body", changed, "InvalidSignatureException").await;
    let mut unsigned = request(&fixture, &body);
    unsigned.headers_mut().insert("x-amz-own", HeaderValue::from_static("1"));
    check("unsigned header", unsigned, "InvalidSignatureException").await;
    assert_eq!(fixture.counters(Service::Ses).refused, 13);
    assert_eq!(exchange(request(&fixture, &body)).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn other_operations_are_unknown_and_only_json_is_taken() {
    let fixture = Fixture::start().await;
    let body = message().to_string();
    let mut other = request(&fixture, &body);
    *other.uri_mut() = format!("{}/v2/email/outbound-bulk-emails", fixture.sandbox.url(Service::Ses)).parse().unwrap();
    let answer = exchange(other).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("x-amzn-errortype")), (404, Some("UnknownOperationException")));
    let mut get = request(&fixture, &body);
    *get.method_mut() = Method::GET;
    assert_eq!(exchange(get).await.unwrap().status, StatusCode::NOT_FOUND);
    let mut untyped = Signing { signed_headers: "host;x-amz-date", ..Signing::default() }.sign(&fixture, &body);
    untyped.headers_mut().remove("content-type");
    assert_eq!(exchange(untyped).await.unwrap().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
