//! Amazon SNS's fake, rule by rule.

use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use ring::{digest, hmac};
use serde_json::json;

use super::super::{Channel, Encoding, Service};
use super::fixture::{Answer, Fixture, NOW, encode, exchange, post};

const FORM: &str = "application/x-www-form-urlencoded";

/// A valid form.
const PUBLISH: &str = "Action=Publish&Version=2010-03-31&PhoneNumber=%2B14155550101&Message=Hello";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Signs as AWS describes it, without a look at the code that checks it.
fn authorization(fixture: &Fixture, body: &str, time: &str) -> String {
    let credentials = fixture.sandbox.credentials();
    let host = fixture.sandbox.url(Service::Sns).trim_start_matches("http://");
    let hash = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    let signed = "content-type;host;x-amz-date";
    let request = format!("POST\n/\n\ncontent-type:{FORM}\nhost:{host}\nx-amz-date:{time}\n\n{signed}\n{}", hash(body));
    let scope = format!("{}/{}/sns/aws4_request", &time[..8], credentials.sns_region);
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(&request));
    let mut key = format!("AWS4{}", credentials.sns_secret_access_key).into_bytes();
    for step in scope.split('/').chain([to_sign.as_str()]) {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), step.as_bytes()).as_ref().to_vec();
    }
    let id = &credentials.sns_access_key_id;
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={}", hex(&key))
}

fn time() -> String {
    NOW.parse::<Timestamp>().unwrap().strftime("%Y%m%dT%H%M%SZ").to_string()
}

async fn publish(fixture: &Fixture, form: &str) -> Answer {
    let authorization = authorization(fixture, form, &time());
    let headers = [("content-type", FORM), ("x-amz-date", &time()), ("authorization", &authorization)];
    post(fixture.sandbox.url(Service::Sns), &headers, form.to_owned()).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name}: {xml}"));
    rest.split_once(&format!("</{name}>")).unwrap().0
}

#[tokio::test]
async fn takes_a_message_and_keeps_all_of_it() {
    let fixture = Fixture::start().await;
    let words = "Your rent of 2,450 € is due & overdue <soon>";
    let form = format!(
        "Action=Publish&Version=2010-03-31&PhoneNumber=%2B14155550101&Message={}\
         &MessageAttributes.entry.1.Name=AWS.SNS.SMS.SMSType&MessageAttributes.entry.1.Value.DataType=String\
         &MessageAttributes.entry.1.Value.StringValue=Transactional&MessageAttributes.entry.2.Name=AWS.SNS.SMS.SenderID\
         &MessageAttributes.entry.2.Value.DataType=String&MessageAttributes.entry.2.Value.StringValue=Rentals\
         &MessageAttributes.entry.3.Name=AWS.SNS.SMS.MaxPrice&MessageAttributes.entry.3.Value.DataType=Number\
         &MessageAttributes.entry.3.Value.StringValue=0.50",
        encode(words)
    );
    let answer = publish(&fixture, &form).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("text/xml")), "{answer:?}");
    let xml = text(&answer);
    assert!(xml.starts_with("<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">"), "{xml}");
    assert_eq!(answer.header("x-amzn-requestid"), Some(element(&xml, "RequestId")));
    let message = fixture.only_message();
    assert_eq!(message.provider_message_id, element(&xml, "MessageId"));
    assert_eq!(message.provider_message_id.len(), 36);
    assert_eq!((message.provider, message.channel), (Service::Sns, Channel::Sms));
    assert_eq!((message.text.as_deref(), &message.to[..]), (Some(words), &["+14155550101".to_owned()][..]));
    assert_eq!(message.from.as_deref(), Some("Rentals"));
    assert_eq!(message.custom_args["AWS.SNS.SMS.SMSType"], "Transactional");
    assert_eq!(message.segments.as_ref().unwrap().encoding, Encoding::Gsm7);
}

#[tokio::test]
async fn the_longest_message_is_taken() {
    let fixture = Fixture::start().await;
    let form = format!("{}{}", PUBLISH.replace("Hello", ""), encode(&"é".repeat(1_600)));
    assert_eq!(publish(&fixture, &form).await.status, StatusCode::OK);
    assert_eq!(fixture.only_message().text.as_deref(), Some("é".repeat(1_600).as_str()));
}

#[tokio::test]
async fn refuses_what_sns_refuses() {
    let attribute = |name: &str, kind: &str, value: &str| {
        format!(
            "{PUBLISH}&MessageAttributes.entry.1.Name={name}&MessageAttributes.entry.1.Value.DataType={kind}\
             &MessageAttributes.entry.1.Value.StringValue={value}"
        )
    };
    let number = |number: &str| PUBLISH.replace("%2B14155550101", &encode(number));
    let sender = |value: &str| attribute("AWS.SNS.SMS.SenderID", "String", value);
    let cases = [
        ("no action", "Version=2010-03-31&PhoneNumber=%2B14155550101&Message=Hello".to_owned(), 400, "MissingAction"),
        ("another action", PUBLISH.replace("=Publish", "=Subscribe"), 400, "InvalidAction"),
        ("another version", PUBLISH.replace("2010-03-31", "2010-03-30"), 400, "NoSuchVersion"),
        ("no version", PUBLISH.replace("&Version=2010-03-31", ""), 400, "NoSuchVersion"),
        ("no target", PUBLISH.replace("&PhoneNumber=%2B14155550101", ""), 400, "InvalidParameter"),
        ("a topic", PUBLISH.replace("PhoneNumber=%2B14155550101", "TopicArn=arn"), 404, "NotFound"),
        ("two targets", format!("{PUBLISH}&TargetArn=arn"), 400, "InvalidParameter"),
        ("no message", PUBLISH.replace("&Message=Hello", ""), 400, "ValidationError"),
        ("an empty message", PUBLISH.replace("Hello", ""), 400, "InvalidParameter"),
        ("1601 characters", PUBLISH.replace("Hello", &"a".repeat(1_601)), 400, "InvalidParameter"),
        ("no plus", number("14155550101"), 400, "InvalidParameter"),
        ("spaces", number("+1 415 555 0101"), 400, "InvalidParameter"),
        ("16 digits", number("+1234567890123456"), 400, "InvalidParameter"),
        ("magic: invalid", number("+15005550001"), 400, "InvalidParameter"),
        ("magic: throttled", number("+15005550002"), 429, "Throttled"),
        ("magic: authorization", number("+15005550003"), 403, "AuthorizationError"),
        ("magic: internal", number("+15005550005"), 500, "InternalError"),
        ("unknown parameter", format!("{PUBLISH}&StatusCallback=x"), 400, "InvalidParameter"),
        ("repeated parameter", format!("{PUBLISH}&Message=Hello"), 400, "InvalidParameter"),
        ("stray percent", format!("{PUBLISH}%"), 404, "MalformedQueryString"),
        ("sender of 12", sender("TwelveLetter"), 400, "InvalidParameter"),
        ("sender of digits", sender("12345"), 400, "InvalidParameter"),
        ("sender with a space", sender("My+Company"), 400, "InvalidParameter"),
        ("sender of another type", attribute("AWS.SNS.SMS.SenderID", "Number", "1"), 400, "InvalidParameter"),
        ("SMS type", attribute("AWS.SNS.SMS.SMSType", "String", "transactional"), 400, "InvalidParameter"),
        ("origination number", attribute("AWS.MM.SMS.OriginationNumber", "String", "1234"), 400, "InvalidParameter"),
        ("unknown AWS attribute", attribute("AWS.SNS.SMS.Sender", "String", "x"), 400, "InvalidParameter"),
        ("attribute's type", attribute("kind", "Text", "x"), 400, "ParameterValueInvalid"),
        ("empty attribute", attribute("kind", "String", ""), 400, "ParameterValueInvalid"),
        ("attribute's name", attribute("a%20b", "String", "x"), 400, "ParameterValueInvalid"),
        ("a number that is none", attribute("kind", "Number", "x"), 400, "ParameterValueInvalid"),
        ("entries from 2", attribute("kind", "String", "x").replace("entry.1", "entry.2"), 400, "InvalidParameter"),
        (
            "unknown field of an entry",
            attribute("kind", "String", "x").replace("StringValue", "Text"),
            400,
            "InvalidParameter",
        ),
    ];
    let fixture = Fixture::start().await;
    for (name, form, status, code) in &cases {
        let answer = publish(&fixture, form).await;
        let xml = text(&answer);
        assert_eq!((answer.status.as_u16(), element(&xml, "Code")), (*status, *code), "{name}: {xml}");
        let side = if *status == 500 { "Receiver" } else { "Sender" };
        assert_eq!(element(&xml, "Type"), side, "{name}");
        assert!(!element(&xml, "Message").is_empty() && !element(&xml, "RequestId").is_empty(), "{name}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Sns).refused, cases.len() as u64);
}

#[tokio::test]
async fn who_opted_out_gets_nothing_and_nobody_is_told() {
    let fixture = Fixture::start().await;
    let answer = publish(&fixture, &PUBLISH.replace("%2B14155550101", "%2B15005550004")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!element(&text(&answer), "MessageId").is_empty());
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Sns).validated, 1);
}

#[tokio::test]
async fn every_byte_is_signed() {
    let fixture = Fixture::start().await;
    let url = fixture.sandbox.url(Service::Sns).to_owned();
    let (good, now) = (authorization(&fixture, PUBLISH, &time()), time());
    let old = "20260301T114459Z";
    let stale = authorization(&fixture, PUBLISH, old);
    let other_key = good.replace("AKIASANDBOX000000001", "AKIASANDBOX000000002");
    let elsewhere = good.replace("/us-east-1/", "/eu-west-1/");
    let longer = format!("{PUBLISH}!");
    for (name, authorization, date, body, status, code) in [
        ("not signed", "", now.as_str(), PUBLISH, 403, "MissingAuthenticationToken"),
        ("basic", "Basic YTpi", now.as_str(), PUBLISH, 403, "MissingAuthenticationToken"),
        ("halfway", "AWS4-HMAC-SHA256 Credential=a", now.as_str(), PUBLISH, 400, "IncompleteSignature"),
        ("unknown key", other_key.as_str(), now.as_str(), PUBLISH, 403, "InvalidClientTokenId"),
        ("another region", elsewhere.as_str(), now.as_str(), PUBLISH, 403, "SignatureDoesNotMatch"),
        ("a byte more", good.as_str(), now.as_str(), longer.as_str(), 403, "SignatureDoesNotMatch"),
        ("15 minutes and a second", stale.as_str(), old, PUBLISH, 403, "SignatureDoesNotMatch"),
        ("another time", good.as_str(), "20260301T120001Z", PUBLISH, 403, "SignatureDoesNotMatch"),
    ] {
        let headers = [("content-type", FORM), ("x-amz-date", date), ("authorization", authorization)];
        let answer = post(&url, &headers, body.to_owned()).await;
        let xml = text(&answer);
        assert_eq!((answer.status.as_u16(), element(&xml, "Code")), (status, code), "{name}: {xml}");
    }
    let headers = [("content-type", FORM), ("x-amz-date", &now), ("authorization", &good), ("x-amz-target", "x")];
    let answer = post(&url, &headers, PUBLISH).await;
    assert_eq!(element(&text(&answer), "Code"), "SignatureDoesNotMatch", "an unsigned header of AWS");
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn what_is_no_form_is_no_operation() {
    let fixture = Fixture::start().await;
    let url = fixture.sandbox.url(Service::Sns);
    for (method, path, content_type) in
        [(Method::GET, "/", FORM), (Method::POST, "/v2/publish", FORM), (Method::POST, "/", "application/json")]
    {
        let request =
            Request::builder().method(method).uri(format!("{url}{path}")).header("content-type", content_type);
        let answer = exchange(request.body(PUBLISH.into()).unwrap()).await.unwrap();
        assert_eq!((answer.status.as_u16(), text(&answer).as_str()), (404, "<UnknownOperationException/>\n"), "{path}");
    }
}

#[tokio::test]
async fn faults_have_amazons_form() {
    let fixture = Fixture::start().await;
    for (fault, status, code) in [
        (json!({ "fault": "unavailable", "times": 1 }), 503, "ServiceUnavailable"),
        (json!({ "fault": "rate_limited", "retry_after_s": 2, "times": 1 }), 429, "Throttled"),
        (json!({ "fault": "rejected", "times": 1 }), 400, "InvalidParameter"),
        (json!({ "fault": "rejected", "code": 403, "times": 1 }), 403, "AuthorizationError"),
    ] {
        fixture.set_fault(Service::Sns, &fault).await;
        let answer = publish(&fixture, PUBLISH).await;
        assert_eq!((answer.status.as_u16(), element(&text(&answer), "Code")), (status, code), "{fault}");
        assert_eq!(answer.header("retry-after"), None);
    }
    assert_eq!(publish(&fixture, PUBLISH).await.status, StatusCode::OK);
    assert_eq!(fixture.counters(Service::Sns).faulted, 4);
}
