//! The fake of Firebase Cloud Messaging: tokens, and messages by Google's schema.

use std::sync::{Arc, Mutex};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use serde_json::{Value, json};

use super::super::{Channel, SandboxOptions, Service};
use super::fixture::{Answer, Fixture, NOW, encode, exchange, post};

const FORM: &str = "application/x-www-form-urlencoded";

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

fn now() -> i64 {
    NOW.parse::<Timestamp>().unwrap().as_second()
}

fn account(fixture: &Fixture) -> Value {
    serde_json::from_str(&fixture.sandbox.fcm_service_account()).unwrap()
}

/// Signs with the key of the key file.
fn assertion(account: &Value, header: &Value, claims: &Value) -> String {
    let pem = account["private_key"].as_str().unwrap();
    let der = STANDARD.decode(pem.lines().filter(|line| !line.starts_with("---")).collect::<String>()).unwrap();
    let key = KeyPair::from_pkcs8(&der).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(account: &Value) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": account["private_key_id"] })
}

fn claims(account: &Value) -> Value {
    json!({
        "iss": account["client_email"], "scope": SCOPE, "aud": account["token_uri"], "iat": now(), "exp": now() + 3_600,
    })
}

async fn ask(fixture: &Fixture, assertion: &str) -> Answer {
    let grant = encode("urn:ietf:params:oauth:grant-type:jwt-bearer");
    let url = account(fixture)["token_uri"].as_str().unwrap().to_owned();
    post(&url, &[("content-type", FORM)], format!("grant_type={grant}&assertion={assertion}")).await
}

async fn token(fixture: &Fixture) -> String {
    let account = account(fixture);
    let answer = ask(fixture, &assertion(&account, &header(&account), &claims(&account))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn send_as(fixture: &Fixture, token: &str, project: &str, body: &str) -> Answer {
    let url = format!("{}/v1/projects/{project}/messages:send", fixture.sandbox.url(Service::Fcm));
    let bearer = format!("Bearer {token}");
    post(&url, &[("authorization", &bearer), ("content-type", "application/json")], body.to_owned()).await
}

async fn send(fixture: &Fixture, body: &Value) -> Answer {
    send_as(fixture, &token(fixture).await, "sandbox-project", &body.to_string()).await
}

fn fcm_code(answer: &Answer) -> Option<String> {
    let told = answer.json();
    let details = told["error"]["details"].as_array()?;
    details.iter().find_map(|detail| Some(detail.get("errorCode")?.as_str()?.to_owned()))
}

#[tokio::test]
async fn takes_a_message_and_keeps_all_of_it() {
    let fixture = Fixture::start().await;
    let answer = send(
        &fixture,
        &json!({ "message": {
            "token": "device-1:abc_DEF", "notification": { "title": "Rent", "body": "Is due ‘soon’" },
            "data": { "url": "https://example.com/?a=1", "count": "2" },
            "android": { "priority": "HIGH", "ttl": "3600s", "collapseKey": "rent", "notification": { "channel_id": "a" } },
            "apns": { "headers": { "apns-priority": "10" }, "payload": { "aps": { "badge": 1 } } },
            "webpush": { "headers": { "TTL": "15" }, "notification": { "actions": [] }, "fcmOptions": { "link": "https://a.b" } },
            "fcmOptions": null,
        } }),
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let name = answer.json()["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("projects/sandbox-project/messages/0:"), "{name}");
    let message = fixture.only_message();
    assert_eq!((message.provider, message.channel), (Service::Fcm, Channel::Push));
    assert_eq!(message.provider_message_id, name);
    assert_eq!(message.to, ["device-1:abc_DEF"]);
    assert_eq!((message.subject.as_deref(), message.text.as_deref()), (Some("Rent"), Some("Is due ‘soon’")));
    assert_eq!(message.custom_args["url"], "https://example.com/?a=1");
    let document = message.document.as_ref().unwrap();
    assert_eq!(document["android"]["collapse_key"], "rent");
    assert_eq!(document["apns"]["payload"]["aps"]["badge"], 1);
    assert_eq!(document.get("fcm_options"), None, "null is absent");
}

#[tokio::test]
async fn tokens_are_for_right_assertions_only() {
    let fixture = Fixture::start().await;
    let account = account(&fixture);
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&account);
        claims[name] = value;
        assertion(&account, &header(&account), &claims)
    };
    let good = assertion(&account, &header(&account), &claims(&account));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other_signature = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([1; 256]));
    let unsigned = assertion(&account, &json!({ "alg": "none" }), &claims(&account));
    let other_key = assertion(&account, &json!({ "alg": "RS256", "kid": "other" }), &claims(&account));
    for (name, assertion, error) in [
        ("no token", "abc".to_owned(), "invalid_grant"),
        ("two parts", signed.to_owned(), "invalid_grant"),
        ("another signature", other_signature, "invalid_grant"),
        ("no algorithm", unsigned, "invalid_grant"),
        ("another key", other_key, "invalid_grant"),
        ("another account", changed("iss", json!("a@b.c")), "invalid_grant"),
        ("another audience", changed("aud", json!("https://fcm.googleapis.com/")), "invalid_grant"),
        ("an hour and a second", changed("exp", json!(now() + 3_601)), "invalid_grant"),
        ("over", changed("exp", json!(now())), "invalid_grant"),
        ("from the future", changed("iat", json!(now() + 301)), "invalid_grant"),
        ("time as text", changed("exp", json!((now() + 60).to_string())), "invalid_grant"),
        ("no scope", changed("scope", json!("")), "invalid_scope"),
        ("another scope", changed("scope", json!("messaging")), "invalid_scope"),
    ] {
        let answer = ask(&fixture, &assertion).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &json!(error)), "{name}: {answer:?}");
        assert!(answer.json()["error_description"].is_string(), "{name}");
    }
    let url = account["token_uri"].as_str().unwrap();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    for (content_type, body, error) in [
        (FORM, format!("grant_type=refresh_token&assertion={good}"), "unsupported_grant_type"),
        (FORM, format!("assertion={good}"), "invalid_request"),
        (FORM, grant.to_owned(), "invalid_request"),
        (FORM, format!("{grant}&assertion={good}&assertion={good}"), "invalid_request"),
        ("application/json", format!("{grant}&assertion={good}"), "invalid_request"),
    ] {
        let answer = post(url, &[("content-type", content_type)], body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &json!(error)));
    }
    let to_google = ask(&fixture, &changed("aud", json!("https://oauth2.googleapis.com/token"))).await;
    assert_eq!((to_google.status, &to_google.json()["expires_in"]), (StatusCode::OK, &json!(3_599)));
    assert_eq!(to_google.json()["token_type"], "Bearer");
}

#[tokio::test]
async fn tokens_end() {
    let time = Arc::new(Mutex::new(NOW.parse::<Timestamp>().unwrap()));
    let clock = Arc::clone(&time);
    let fixture = Fixture::with(SandboxOptions::new(Arc::new(move || *clock.lock().unwrap()))).await;
    let token = token(&fixture).await;
    let message = json!({ "message": { "token": "a" } }).to_string();
    *time.lock().unwrap() += SignedDuration::from_secs(3_598);
    assert_eq!(send_as(&fixture, &token, "sandbox-project", &message).await.status, StatusCode::OK);
    *time.lock().unwrap() += SignedDuration::from_secs(1);
    let answer = send_as(&fixture, &token, "sandbox-project", &message).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
}

#[tokio::test]
async fn messages_need_a_token_of_the_project() {
    let fixture = Fixture::start().await;
    let message = json!({ "message": { "token": "a" } }).to_string();
    let account = account(&fixture);
    let mut narrow = claims(&account);
    narrow["scope"] = json!("https://www.googleapis.com/auth/devstorage.read_only");
    let narrow = ask(&fixture, &assertion(&account, &header(&account), &narrow)).await.json();
    let narrow = narrow["access_token"].as_str().unwrap();
    let good = token(&fixture).await;
    for (token, project, status, code) in [
        ("ya29.other", "sandbox-project", 401, "UNAUTHENTICATED"),
        (narrow, "sandbox-project", 403, "PERMISSION_DENIED"),
        (&good, "other-project", 403, "PERMISSION_DENIED"),
    ] {
        let answer = send_as(&fixture, token, project, &message).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["status"]),
            (status, &json!(code)),
            "{token} {project}"
        );
    }
    let url = format!("{}/v1/projects/sandbox-project/messages:send", fixture.sandbox.url(Service::Fcm));
    let without = post(&url, &[("content-type", "application/json")], message.clone()).await;
    assert_eq!(without.json()["error"]["details"][0]["reason"], "CREDENTIALS_MISSING");
    let bearer = format!("Bearer {good}");
    let text = post(&url, &[("authorization", &bearer), ("content-type", "text/plain")], message.clone()).await;
    assert_eq!((text.status.as_u16(), &text.json()["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
    let elsewhere = post(&url.replace(":send", ":sent"), &[("authorization", &bearer)], message).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.header("content-type")), (404, Some("text/html; charset=UTF-8")));
    let get = Request::get(&url).header("authorization", &bearer).body(Default::default()).unwrap();
    assert_eq!(exchange(get).await.unwrap().status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn the_schema_is_strict() {
    let fixture = Fixture::start().await;
    let token = token(&fixture).await;
    for (message, description) in [
        (
            json!({ "token": "a", "titel": "b" }),
            "Invalid JSON payload received. Unknown name \"titel\" at 'message': Cannot find field.",
        ),
        (
            json!({ "token": "a", "notification": { "text": "b" } }),
            "Unknown name \"text\" at 'message.notification': Cannot find field.",
        ),
        (json!({ "token": 1 }), "Invalid value at 'message.token' (TYPE_STRING), 1"),
        (
            json!({ "token": "a", "data": { "count": 12 } }),
            "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
        ),
        (json!({ "token": "a", "data": ["b"] }), "Invalid value at 'message.data'"),
        (json!({ "token": "a", "notification": "b" }), "Invalid value at 'message.notification' (TYPE_MESSAGE), \"b\""),
        (
            json!({ "token": "a", "android": { "priority": "high" } }),
            "Invalid value at 'message.android.priority' (TYPE_ENUM), \"high\"",
        ),
        (
            json!({ "token": "a", "android": { "ttl": 3600 } }),
            "'message.android.ttl' (type.googleapis.com/google.protobuf.Duration), 3600",
        ),
        (json!({ "token": "a", "android": { "ttl": "1h" } }), "'message.android.ttl'"),
        (
            json!({ "token": "a", "android": { "notification": { "sticky": "true" } } }),
            "'message.android.notification.sticky' (TYPE_BOOL), \"true\"",
        ),
        (
            json!({ "token": "a", "android": { "notification": { "title_loc_args": [1] } } }),
            "'message.android.notification.title_loc_args[0]' (TYPE_STRING), 1",
        ),
        (
            json!({ "token": "a", "android": { "collapseKey": "b", "collapse_key": "b" } }),
            "'message.android.collapse_key'",
        ),
        (
            json!({ "token": "a", "apns": { "payload": "b" } }),
            "'message.apns.payload' (type.googleapis.com/google.protobuf.Struct), \"b\"",
        ),
        (json!({ "token": "a", "topic": "b" }), "oneof field 'target' is already set. Cannot set 'topic'"),
        (Value::Null, "Invalid value at 'message', it is required"),
    ] {
        let body = json!({ "message": message }).to_string();
        let answer = send_as(&fixture, &token, "sandbox-project", &body).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status.as_u16(), &error["status"]), (400, &json!("INVALID_ARGUMENT")), "{body}");
        assert!(error["message"].as_str().unwrap().contains(description), "{body}: {error}");
        assert_eq!(error["details"][0]["@type"], "type.googleapis.com/google.rpc.BadRequest");
        assert!(error["details"][0]["fieldViolations"][0]["description"].is_string(), "{error}");
    }
    for body in ["", "[]", "{", r#"{"message":{"token":"a"}} x"#] {
        assert_eq!(send_as(&fixture, &token, "sandbox-project", body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn a_message_that_cannot_be_is_an_error_of_fcm() {
    let fixture = Fixture::start().await;
    let data = |name: &str| json!({ "token": "a", "data": { name: "b" } });
    for (name, message) in [
        ("no target", json!({ "data": { "a": "b" } })),
        ("an empty token", json!({ "token": "" })),
        ("a token with a space", json!({ "token": "a b" })),
        ("a topic with its prefix", json!({ "topic": "/topics/news" })),
        ("a condition", json!({ "condition": "news" })),
        ("reserved: from", data("from")),
        ("reserved: message_type", data("message_type")),
        ("reserved: google", data("google.sent_time")),
        ("reserved: gcm", data("gcm.n.e")),
        ("four weeks and a second", json!({ "token": "a", "android": { "ttl": "2419201s" } })),
        ("4097 bytes", json!({ "token": "a", "data": { "k": "b".repeat(4_096) } })),
        ("4097 bytes of text", json!({ "token": "a", "notification": { "body": "é".repeat(2_046) + "ab" } })),
        ("2049 bytes to a topic", json!({ "topic": "a", "data": { "k": "b".repeat(2_048) } })),
    ] {
        let answer = send(&fixture, &json!({ "message": message })).await;
        let expected = (400, Some("INVALID_ARGUMENT".to_owned()));
        assert_eq!((answer.status.as_u16(), fcm_code(&answer)), expected, "{name}: {answer:?}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    for message in [
        json!({ "token": "a", "data": { "k": "b".repeat(4_095) } }),
        json!({ "topic": "news", "data": { "k": "b".repeat(2_047) } }),
        json!({ "condition": "'a' in topics && 'b' in topics" }),
    ] {
        assert_eq!(send(&fixture, &json!({ "message": message })).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn registration_tokens_stand_for_errors() {
    let fixture = Fixture::start().await;
    for (token, status, code, canonical, wait) in [
        ("unregistered", 404, "UNREGISTERED", "NOT_FOUND", None),
        ("sender-id-mismatch", 403, "SENDER_ID_MISMATCH", "PERMISSION_DENIED", None),
        ("quota-exceeded", 429, "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED", Some("60")),
        ("invalid-argument", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", None),
        ("third-party-auth-error", 401, "THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", None),
        ("unavailable", 503, "UNAVAILABLE", "UNAVAILABLE", Some("30")),
        ("internal", 500, "INTERNAL", "INTERNAL", None),
    ] {
        let answer = send(&fixture, &json!({ "message": { "token": token } })).await;
        assert_eq!((answer.status.as_u16(), fcm_code(&answer).as_deref()), (status, Some(code)));
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["status"], &error["code"], answer.header("retry-after")),
            (&json!(canonical), &json!(status), wait)
        );
    }
}

#[tokio::test]
async fn validating_only_delivers_nothing() {
    let fixture = Fixture::start().await;
    let answer = send(&fixture, &json!({ "validate_only": true, "message": { "token": "a" } })).await;
    assert_eq!(answer.json(), json!({ "name": "projects/sandbox-project/messages/fake_message_id" }));
    let counters = fixture.counters(Service::Fcm);
    assert_eq!((counters.validated, counters.accepted), (1, 0));
    let wrong = send(&fixture, &json!({ "validateOnly": true, "message": { "token": "unregistered" } })).await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn faults_hit_messages_and_not_tokens() {
    let fixture = Fixture::start().await;
    let message = json!({ "message": { "token": "a" } });
    for (fault, status, code) in [
        (json!({ "fault": "unavailable", "times": 1 }), 503, "UNAVAILABLE"),
        (json!({ "fault": "rate_limited", "retry_after_s": 2, "times": 1 }), 429, "QUOTA_EXCEEDED"),
        (json!({ "fault": "rejected", "times": 1 }), 400, "INVALID_ARGUMENT"),
        (json!({ "fault": "rejected", "code": 404, "times": 1 }), 404, "UNREGISTERED"),
    ] {
        fixture.set_fault(Service::Fcm, &fault).await;
        let answer = send(&fixture, &message).await;
        assert_eq!((answer.status.as_u16(), fcm_code(&answer).as_deref()), (status, Some(code)), "{fault}");
    }
    assert_eq!(send(&fixture, &message).await.status, StatusCode::OK);
}
