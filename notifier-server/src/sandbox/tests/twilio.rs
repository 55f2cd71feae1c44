//! Twilio's fake, rule by rule.

use http::{Method, Request, StatusCode};

use super::super::{Encoding, Service};
use super::fixture::{Fixture, NOW, SMS, basic, encode, exchange, options};

#[tokio::test]
async fn refuses_what_twilio_refuses() {
    let long = "a".repeat(1_601);
    let media = |count: usize| "&MediaUrl=https%3A%2F%2Fexample.com%2Fa.png".repeat(count);
    let sms = |changes: &str| format!("To=%2B14155550101&From=%2B15005550006&{changes}");
    let to = |number: &str| format!("To={}&From=%2B15005550006&Body=Hello", encode(number));
    let from = |sender: &str| format!("To=%2B14155550101&From={}&Body=Hello", encode(sender));
    let callback = |url: &str| sms(&format!("Body=Hello&StatusCallback={}", encode(url)));
    let cases = [
        ("no To", "From=%2B15005550006&Body=Hello".to_owned(), 21604),
        ("empty To", to(""), 21604),
        ("To without plus", to("14155550101"), 21211),
        ("To with spaces", to("+1 415 555 0101"), 21211),
        ("To with letters", to("+1415555CALL"), 21211),
        ("To starts with 0", to("+04155550101"), 21211),
        ("To of 16 digits", to("+1234567890123456"), 21211),
        ("To of 6 digits", to("+123456"), 21211),
        ("To magic: invalid", to("+15005550001"), 21211),
        ("To magic: unroutable", to("+15005550002"), 21612),
        ("To magic: region", to("+15005550003"), 21408),
        ("To magic: unsubscribed", to("+15005550004"), 21610),
        ("To magic: landline", to("+15005550009"), 21614),
        ("no sender", "To=%2B14155550101&Body=Hello".to_owned(), 21603),
        ("empty From", from(""), 21603),
        ("From malformed", from("+1 415"), 21212),
        ("From alphanumeric too long", from("TwelveLetter"), 21212),
        ("From magic: invalid", from("+15005550001"), 21212),
        ("From magic: not owned", from("+15005550007"), 21606),
        ("From is To", from("+14155550101"), 21266),
        ("malformed service", "To=%2B14155550101&MessagingServiceSid=MG12&Body=Hello".to_owned(), 21701),
        ("no body", "To=%2B14155550101&From=%2B15005550006".to_owned(), 21602),
        ("empty body", sms("Body="), 21602),
        ("body of 1601", sms(&format!("Body={long}")), 21617),
        ("media of another scheme", sms("MediaUrl=ftp%3A%2F%2Fexample.com%2Fa.png"), 21620),
        ("media without scheme", sms("MediaUrl=example.com"), 21620),
        ("11 media", sms(&format!("Body=Hello{}", media(11))), 21623),
        ("callback is no URL", callback("callback"), 21609),
        ("callback of another scheme", callback("ftp://example.com/"), 21609),
        ("callback host with underscore", callback("https://my_host.example/"), 21609),
        ("callback too long", callback(&format!("https://example.com/{}", "a".repeat(4_000))), 21609),
        ("unknown parameter", sms("Body=Hello&IdempotencyKey=1"), 20001),
        ("parameter of another case", sms("body=Hello"), 20001),
        ("repeated parameter", sms("Body=Hello&Body=Hello"), 20001),
        ("stray percent", sms("Body=100%"), 20001),
        ("not UTF-8", sms("Body=%FF"), 20001),
    ];
    let fixture = Fixture::start().await;
    for (name, form, code) in &cases {
        let answer = fixture.send_sms(form).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {answer:?}");
        let error = answer.json();
        assert_eq!(error["code"], *code, "{name}: {error}");
        assert_eq!(error["status"], 400, "{name}");
        assert_eq!(error["more_info"], format!("https://www.twilio.com/docs/errors/{code}"), "{name}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{name}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Twilio).refused, cases.len() as u64);
}

#[tokio::test]
async fn a_full_queue_is_a_rate_limit() {
    let fixture = Fixture::start().await;
    let answer = fixture.send_sms("To=%2B14155550101&From=%2B15005550008&Body=Hello").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (429, &21611.into()));
}

#[tokio::test]
async fn checks_credentials_path_method_and_type() {
    let fixture = Fixture::start().await;
    let credentials = fixture.sandbox.credentials().clone();
    let url = fixture.messages_url();
    let sid = credentials.twilio_account_sid.as_str();
    let good = basic(sid, &credentials.twilio_auth_token);
    let form = "application/x-www-form-urlencoded";
    let elsewhere = url.replace(sid, "AC00000000000000000000000000000009");
    let cases = [
        ("no credentials", Method::POST, url.clone(), String::new(), form, 401, 20003),
        ("wrong token", Method::POST, url.clone(), basic(sid, "wrong"), form, 401, 20003),
        ("wrong user", Method::POST, url.clone(), basic("AC1", &credentials.twilio_auth_token), form, 401, 20003),
        ("bearer", Method::POST, url.clone(), good.replace("Basic", "Bearer"), form, 401, 20003),
        ("not base64", Method::POST, url.clone(), "Basic ???".to_owned(), form, 401, 20003),
        ("another account", Method::POST, elsewhere, good.clone(), form, 404, 20404),
        ("unknown path", Method::POST, url.replace("Messages", "Calls"), good.clone(), form, 404, 20404),
        ("wrong method", Method::GET, url.clone(), good.clone(), form, 405, 20004),
        ("JSON", Method::POST, url.clone(), good.clone(), "application/json", 415, 20415),
        ("no type", Method::POST, url.clone(), good.clone(), "", 415, 20415),
    ];
    for (name, method, url, authorization, content_type, status, code) in cases {
        let mut request = Request::builder().method(method).uri(url);
        for (header, value) in [("authorization", authorization.as_str()), ("content-type", content_type)] {
            if !value.is_empty() {
                request = request.header(header, value);
            }
        }
        let answer = exchange(request.body(SMS.into()).unwrap()).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (status, &code.into()), "{name}: {answer:?}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn a_form_above_a_mebibyte_is_too_large() {
    let fixture = Fixture::start().await;
    let answer = fixture.send_sms(&format!("{SMS}{}", "a".repeat(1024 * 1024))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (413, &20413.into()));
}

#[tokio::test]
async fn takes_what_twilio_takes() {
    let fixture = Fixture::start().await;
    let service = "MG000000000000000000000000000000ff";
    let longest = "é".repeat(1_600);
    let forms = [
        SMS.to_owned(),
        format!("To=%2B14155550101&From=12345&Body={}", encode(&longest)),
        "To=%2B14155550101&From=My+Company&Body=Hello".to_owned(),
        format!("To=%2B14155550101&MessagingServiceSid={service}&Body=Hello"),
        format!("To=%2B14155550101&MessagingServiceSid={service}&From=%2B15005550006&Body=Hello"),
        format!("{SMS}{}", "&MediaUrl=http%3A%2F%2Fexample.com%2Fa.png".repeat(10)),
        "To=%2B14155550101&From=%2B15005550006&MediaUrl=https%3A%2F%2Fexample.com%2Fa.png".to_owned(),
        format!("{SMS}&StatusCallback=http%3A%2F%2F127.0.0.1%3A8080%2Freceipts"),
        format!("{SMS}&ValidityPeriod=600&SmartEncoded=true&MaxPrice=1"),
        "To=%2B14155550101&From=%2B15005550006&ContentSid=HX1".to_owned(),
    ];
    for form in &forms {
        let answer = fixture.send_sms(form).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{form}: {answer:?}");
    }
    assert_eq!(fixture.counters(Service::Twilio).accepted, forms.len() as u64);
}

#[tokio::test]
async fn an_api_key_authenticates_for_the_account() {
    let fixture = Fixture::start().await;
    let credentials = fixture.sandbox.credentials();
    let mut request = fixture.twilio_request(SMS);
    let key = basic(&credentials.twilio_api_key_sid, &credentials.twilio_api_key_secret);
    request.headers_mut().insert("authorization", key.parse().unwrap());
    assert_eq!(exchange(request).await.unwrap().status, StatusCode::CREATED);
}

#[tokio::test]
async fn answers_with_the_created_message() {
    let fixture = Fixture::start().await;
    let text = "Your rent of 2,450 € is due. ".repeat(6);
    let callback = "https://example.com/receipts?tenant=a&notifier_key=key%2F1";
    let form = format!(
        "To=%2B14155550101&From=%2B15005550006&Body={}&StatusCallback={}&MediaUrl=https%3A%2F%2Fexample.com%2Fa.png",
        encode(&text),
        encode(callback)
    );
    let answer = fixture.send_sms(&form).await;
    let created = answer.json();
    let sid = created["sid"].as_str().unwrap();
    let account = &fixture.sandbox.credentials().twilio_account_sid;
    assert!(sid.starts_with("MM") && sid.len() == 34 && sid[2..].bytes().all(|b| b.is_ascii_hexdigit()), "{sid}");
    assert_eq!(created["status"], "queued");
    assert_eq!(created["num_segments"], "2");
    assert_eq!(created["num_media"], "1");
    assert_eq!(created["body"], text);
    assert_eq!(created["to"], "+14155550101");
    assert_eq!(created["direction"], "outbound-api");
    assert_eq!(created["date_created"], "Sun, 01 Mar 2026 12:00:00 +0000");
    assert_eq!(created["uri"], format!("/2010-04-01/Accounts/{account}/Messages/{sid}.json"));

    let message = fixture.only_message();
    assert_eq!(message.provider_message_id, sid);
    assert_eq!(message.received_at.to_string(), NOW);
    assert_eq!(message.text.as_deref(), Some(text.as_str()));
    assert_eq!(message.idempotency_key.as_deref(), Some("key/1"));
    assert_eq!(message.status_callback.as_deref(), Some(callback));
    assert_eq!(message.media_urls, ["https://example.com/a.png"]);
    let segments = message.segments.as_ref().unwrap();
    assert_eq!((segments.encoding, segments.count()), (Encoding::Gsm7, 2));
    assert_eq!(message.raw, None);
}

#[tokio::test]
async fn a_messaging_service_chooses_later() {
    let fixture = Fixture::start().await;
    let service = "MG000000000000000000000000000000ff";
    let created = fixture.send_sms(&format!("To=%2B14155550101&MessagingServiceSid={service}&Body=Hello")).await.json();
    assert_eq!(created["status"], "accepted");
    assert_eq!(created["num_segments"], "0");
    assert_eq!(created["from"], serde_json::Value::Null);
    assert_eq!(created["messaging_service_sid"], service);
    assert!(created["sid"].as_str().unwrap().starts_with("SM"));
}

#[tokio::test]
async fn ids_are_unique() {
    let fixture = Fixture::start().await;
    let mut sids = std::collections::HashSet::new();
    for _ in 0..50 {
        sids.insert(fixture.send_sms(SMS).await.json()["sid"].to_string());
    }
    assert_eq!(sids.len(), 50);
}

#[tokio::test]
async fn raw_requests_are_kept_on_demand_without_credentials() {
    let mut options = options();
    options.keep_raw = true;
    let fixture = Fixture::with(options).await;
    fixture.send_sms(SMS).await;
    let raw = fixture.only_message().raw.clone().unwrap();
    assert!(raw.starts_with("POST /2010-04-01/Accounts/"), "{raw}");
    assert!(raw.ends_with(&format!("\n\n{SMS}")), "{raw}");
    assert!(raw.contains("authorization: (blanked)"), "{raw}");
    assert!(!raw.contains("Basic"), "{raw}");
    assert!(fixture.get("/sandbox/messages/1").await.json()["raw"].is_string());
    assert!(fixture.get("/sandbox/messages").await.json()["messages"][0].get("raw").is_none());
}
