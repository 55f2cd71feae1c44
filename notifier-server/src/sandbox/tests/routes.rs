//! `/sandbox` and `/sandbox/messages`.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::{Channel, Service};
use super::fixture::{Fixture, SMS, mail};

#[tokio::test]
async fn messages_are_json() {
    let fixture = Fixture::start().await;
    fixture.send_sms(SMS).await;
    fixture.send_mail(&mail()).await;
    let list = fixture.get("/sandbox/messages").await.json();
    assert_eq!(list["next_after"], 2);
    assert_eq!(list["counters"]["twilio"]["accepted"], 1);
    let [sms, email] = &list["messages"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!(
        (&sms["provider"], &sms["channel"], &sms["to"]),
        (&json!("twilio"), &json!("sms"), &json!(["+14155550101"]))
    );
    assert_eq!(
        sms["segments"],
        json!({ "encoding": "GSM-7", "count": 1, "units": 5, "units_per_segment": 160, "parts": [{ "text": "Hello", "units": 5 }] })
    );
    assert_eq!(
        (&email["provider"], &email["channel"], &email["subject"]),
        (&json!("sendgrid"), &json!("email"), &json!("Rent"))
    );
    assert_eq!(email["segments"], Value::Null);
    assert_eq!(fixture.get("/sandbox/messages/2").await.json(), *email);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let fixture = Fixture::start().await;
    for _ in 0..2 {
        fixture.send_sms(SMS).await;
        fixture.send_mail(&mail()).await;
    }
    for (query, seqs) in [
        ("?provider=twilio", vec![1, 3]),
        ("?channel=email", vec![2, 4]),
        ("?to=%2B14155550101", vec![1, 3]),
        ("?to=nobody@example.com", vec![]),
        ("?limit=1", vec![4]),
        ("?after=1&limit=2", vec![2, 3]),
        ("?after=1&channel=sms", vec![3]),
        ("?after=4", vec![]),
    ] {
        let list = fixture.get(&format!("/sandbox/messages{query}")).await.json();
        let found: Vec<_> = list["messages"].as_array().unwrap().iter().map(|message| message["seq"].clone()).collect();
        assert_eq!(json!(found), json!(seqs), "{query}");
    }
}

#[tokio::test]
async fn wrong_filters_are_refused_with_the_field() {
    let fixture = Fixture::start().await;
    for (query, field) in [
        ("?provider=directory", "provider"),
        ("?channel=fax", "channel"),
        ("?after=x", "after"),
        ("?limit=0", "limit"),
        ("?limit=10001", "limit"),
        ("?from=a", "from"),
    ] {
        let answer = fixture.get(&format!("/sandbox/messages{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (400, &json!(field)), "{query}");
    }
    assert_eq!(fixture.get("/sandbox/messages?to=%zz").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.get("/sandbox/messages/x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.get("/sandbox/messages/1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn deleting_clears() {
    let fixture = Fixture::start().await;
    fixture.send_sms(SMS).await;
    assert_eq!(fixture.console(Method::DELETE, "/sandbox/messages", "").await.status, StatusCode::NO_CONTENT);
    let list = fixture.get("/sandbox/messages").await.json();
    assert_eq!((&list["messages"], &list["next_after"]), (&json!([]), &json!(1)));
    assert_eq!(list["counters"]["twilio"]["accepted"], 0);
}

#[tokio::test]
async fn the_page_says_why_a_text_message_has_no_key() {
    let script = Fixture::start().await.get("/sandbox/page.js").await;
    assert!(std::str::from_utf8(&script.body).unwrap().contains("none: Twilio has no field for it"));
}

#[tokio::test]
async fn the_page_knows_every_service_and_channel() {
    let script = Fixture::start().await.get("/sandbox/page.js").await;
    let script = std::str::from_utf8(&script.body).unwrap();
    for service in Service::ALL {
        assert!(script.contains(&format!("{{ name: \"{}\", label: ", service.name())), "{}", service.name());
    }
    for channel in Channel::ALL {
        assert!(script.contains(&format!(" {}: \"", channel.name())), "{}", channel.name());
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let fixture = Fixture::start().await;
    for (path, content_type) in [
        ("/sandbox", "text/html; charset=utf-8"),
        ("/sandbox/page.css", "text/css; charset=utf-8"),
        ("/sandbox/page.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = fixture.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some(content_type)), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.contains("script-src 'self';"), "{policy}");
        let text = std::str::from_utf8(&answer.body).unwrap().replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("innerHTML"), "{path}");
    }
}
