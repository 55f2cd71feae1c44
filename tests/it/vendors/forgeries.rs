//! Reports that a vendor did not make, or not like that, change nothing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::recorder::{Posted, Recorder};
use super::world::*;

/// A report with something else in it.
type Forgery = (&'static str, fn(&mut Posted));

fn edit(posted: &mut Posted, edit: impl FnOnce(&mut Value)) {
    let mut json = serde_json::from_slice(&posted.body).unwrap();
    edit(&mut json);
    posted.body = json.to_string().into();
}

/// Replaces a text in the JSON by another, also where it is hexadecimal digits of either case.
fn turn(json: &mut Value, pointer: &str) {
    let place = json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    let text = place.as_str().unwrap().to_owned();
    let (first, rest) = text.split_at(1);
    *place = Value::from(format!("{}{rest}", if first.eq_ignore_ascii_case("a") { "b" } else { "a" }));
}

/// Turns one letter or digit in the middle of the body.
fn turn_body(posted: &mut Posted) {
    let mut body = posted.body.to_vec();
    let middle = body.len() / 2;
    let place = (middle..body.len()).find(|place| body[*place].is_ascii_alphanumeric()).unwrap();
    body[place] = if body[place] == b'x' { b'y' } else { b'x' };
    posted.body = body.into();
}

fn turn_header(posted: &mut Posted, name: &'static str) {
    let value = posted.headers[name].to_str().unwrap().to_owned();
    let (start, end) = value.split_at(value.len() / 2);
    let turned = if end.starts_with('1') { "2" } else { "1" };
    posted.headers.insert(name, HeaderValue::try_from(format!("{start}{turned}{}", &end[1..])).unwrap());
}

const TWILIO_SIGNATURE: &str = "x-twilio-signature";
const SENDGRID_SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const SENDGRID_TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

fn forgeries(vendor: Vendor) -> Vec<Forgery> {
    match vendor.provider {
        "twilio" => vec![
            ("another body", turn_body),
            ("another signature", |posted| turn_header(posted, TWILIO_SIGNATURE)),
            ("no signature", |posted| drop(posted.headers.remove(TWILIO_SIGNATURE))),
            ("another delivery", |posted| posted.path = posted.path.replace("delivery=", "delivery=0")),
        ],
        "sendgrid" => vec![
            ("another body", turn_body),
            ("a line break at the end", |posted| posted.body = [&posted.body[..], b"\r\n"].concat().into()),
            ("another signature", |posted| turn_header(posted, SENDGRID_SIGNATURE)),
            ("no signature", |posted| drop(posted.headers.remove(SENDGRID_SIGNATURE))),
            ("another time", |posted| turn_header(posted, SENDGRID_TIMESTAMP)),
        ],
        "resend" => vec![
            ("another body", turn_body),
            ("another signature", |posted| turn_header(posted, "svix-signature")),
            ("no signature", |posted| drop(posted.headers.remove("svix-signature"))),
            ("another id", |posted| turn_header(posted, "svix-id")),
            ("another time", |posted| turn_header(posted, "svix-timestamp")),
        ],
        "ses" => vec![
            ("another message", |posted| edit(posted, |json| turn(json, "/Message"))),
            ("another id", |posted| edit(posted, |json| turn(json, "/MessageId"))),
            ("another topic", |posted| edit(posted, |json| turn(json, "/TopicArn"))),
            ("another time", |posted| edit(posted, |json| json["Timestamp"] = "2099-01-01T00:00:00.000Z".into())),
            ("another signature", |posted| edit(posted, |json| turn(json, "/Signature"))),
            ("no signature", |posted| edit(posted, |json| drop(json.as_object_mut().unwrap().remove("Signature")))),
            ("another certificate", |posted| {
                edit(posted, |json| {
                    json["SigningCertURL"] = "https://example.com/SimpleNotificationService-1.pem".into()
                })
            }),
            ("the older signature", |posted| edit(posted, |json| json["SignatureVersion"] = "1".into())),
        ],
        // Signs a token and the time, and nothing that the event says.
        "mailgun" => vec![
            ("another signature", |posted| edit(posted, |json| turn(json, "/signature/signature"))),
            ("another token", |posted| edit(posted, |json| turn(json, "/signature/token"))),
            ("another time", |posted| edit(posted, |json| json["signature"]["timestamp"] = "1".into())),
            ("no signature", |posted| edit(posted, |json| drop(json.as_object_mut().unwrap().remove("signature")))),
        ],
        // Signs nothing: a password comes along.
        "postmark" => vec![
            ("another password", |posted| {
                let wrong = format!("Basic {}", BASE64_STANDARD.encode("postmark:sandbox-postmark-webhooks"));
                posted.headers.insert("authorization", HeaderValue::try_from(wrong).unwrap());
            }),
            ("no password", |posted| drop(posted.headers.remove("authorization"))),
        ],
        "vonage" => vec![
            ("another status", |posted| edit(posted, |json| turn(json, "/status"))),
            ("another message", |posted| edit(posted, |json| turn(json, "/messageId"))),
            ("another signature", |posted| edit(posted, |json| turn(json, "/sig"))),
            ("no signature", |posted| edit(posted, |json| drop(json.as_object_mut().unwrap().remove("sig")))),
        ],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn what_a_vendor_did_not_say_is_not_believed() {
    let mut recorder = Recorder::start().await;
    // Where each message says that it is reported.
    let world = World::reporting_to(&recorder.origin).await;
    for vendor in REPORTING {
        let receipts = format!("{}/v1/receipts/{}", recorder.origin, vendor.provider);
        world.fakes().receipts().post_events_to(vendor.service, &receipts);
        let id = world.submit(&world.plain(vendor, 1)).await;
        assert_eq!(world.sent(&id).await["state"], "sent", "{vendor:?}");
        loop {
            let genuine = recorder.next().await;
            for (what, forge) in forgeries(vendor) {
                let mut forged = genuine.clone();
                forge(&mut forged);
                let status = forged.post(&world.client).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{vendor:?}: {what}: {forged:?}");
            }
            assert_eq!(world.delivery(&id).await["state"], "sent", "{vendor:?}");
            assert_eq!(genuine.post(&world.client).await, StatusCode::NO_CONTENT, "{vendor:?} {genuine:?}");
            if world.delivery(&id).await["state"] == "delivered" {
                // Posted again it says nothing new.
                let facts = world.timeline(&id).await.len();
                assert_eq!(genuine.post(&world.client).await, StatusCode::NO_CONTENT, "{vendor:?}");
                assert_eq!(world.timeline(&id).await.len(), facts, "{vendor:?}");
                break;
            }
        }
    }
}
