//! What happens to a request on its way out and to its response on the way back, before the plugin sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use tokio::time::Instant;

use super::super::auth::Auth;
use super::super::outgoing::Outgoing;
use super::vendor::{Vendor, response};
use super::{config, load, secret};
use crate::adapters::egress::EgressError;
use crate::adapters::wasm::WasmProvider;

const CANARY: &str = "yellow-canary-0123456789";

fn provider(vendor: &Vendor) -> WasmProvider {
    let mut config = config("caller", notifier_plugins::HOSTILE.component, json!({}));
    config.hosts = Some(vec![vendor.host()]);
    let secrets = [("canary", CANARY), ("id", "AKIDEXAMPLE"), ("broken", "line\nbreak"), ("token", "session-token")];
    config.secrets =
        secrets.map(|(name, value)| (name.to_owned(), secret(value))).into_iter().collect::<BTreeMap<_, _>>();
    load(config)
}

async fn send(vendor: &Vendor, request: Request<Bytes>, auth: Auth) -> Result<Response<Bytes>, EgressError> {
    let provider = provider(vendor);
    let deadline = Instant::now() + Duration::from_secs(20);
    Outgoing::new(provider.grants.clone(), Some(deadline)).send(request, &auth, None).await
}

fn request(vendor: &Vendor) -> Request<Bytes> {
    Request::post(vendor.url("/path")).body(Bytes::from_static(b"body")).unwrap()
}

#[tokio::test]
async fn every_kind_of_authentication() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let name = || "canary".to_owned();
    let aws = Auth::AwsSigV4 {
        service: "ses".into(),
        region: "eu-west-1".into(),
        access_key_id: "id".into(),
        secret_access_key: name(),
        session_token: Some("token".into()),
    };
    let table = [
        (Auth::None, "authorization", None),
        (Auth::Bearer(name()), "authorization", Some("Bearer yellow-canary-0123456789")),
        (
            Auth::Basic { username: "user".into(), password: name() },
            "authorization",
            Some("Basic dXNlcjp5ZWxsb3ctY2FuYXJ5LTAxMjM0NTY3ODk="),
        ),
        (Auth::Header { header: "X-Api-Key".into(), secret: name() }, "x-api-key", Some(CANARY)),
        (aws.clone(), "x-amz-date", Some("20260304T050607Z")),
        (aws.clone(), "x-amz-security-token", Some("session-token")),
    ];
    for (auth, header, expected) in table {
        send(&vendor, request(&vendor), auth.clone()).await.unwrap();
        let arrived = vendor.arrived().pop().unwrap();
        assert_eq!(arrived.header(header), expected, "{auth:?}");
        assert_eq!(arrived.header("accept-encoding"), Some("identity"), "{auth:?}");
    }
    let signed = vendor.arrived().pop().unwrap();
    let authorization = signed.header("authorization").unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-west-1/ses/aws4_request, \
                 SignedHeaders=accept-encoding;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(authorization.starts_with(scope), "{authorization}");
    assert!(!signed.head.contains(CANARY), "{}", signed.head);
}

#[tokio::test]
async fn authentication_that_cannot_be() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let header = |header: &str, secret: &str| Auth::Header { header: header.into(), secret: secret.into() };
    let basic = |username: &str, password: &str| Auth::Basic { username: username.into(), password: password.into() };
    let with = |name: &str| Request::post(vendor.url("/")).header(name, "mine").body(Bytes::new()).unwrap();
    let denied =
        [Auth::Bearer("absent".into()), basic("user", "absent"), header("x-key", "absent"), header("x-key", "")];
    for auth in denied {
        let error = send(&vendor, request(&vendor), auth.clone()).await;
        assert!(matches!(error, Err(EgressError::Denied(_))), "{auth:?}: {error:?}");
    }
    let invalid = [
        (request(&vendor), basic("us:er", "canary")),
        (request(&vendor), header("x key", "canary")),
        (request(&vendor), header("", "canary")),
        (request(&vendor), header("host", "canary")),
        (request(&vendor), header("transfer-encoding", "canary")),
        (request(&vendor), header("x-key", "broken")),
        (request(&vendor), Auth::Bearer("broken".into())),
        (with("authorization"), Auth::Bearer("canary".into())),
        (with("x-key"), header("X-Key", "canary")),
    ];
    for (request, auth) in invalid {
        let error = send(&vendor, request, auth.clone()).await;
        assert!(matches!(error, Err(EgressError::Invalid(_))), "{auth:?}: {error:?}");
        assert!(!format!("{error:?}").contains(CANARY));
    }
    assert!(vendor.arrived().is_empty());
}

#[tokio::test]
async fn secrets_are_gone_before_the_plugin_sees_the_response() {
    let headers = format!("x-echo: Bearer {CANARY}\r\nlocation: https://evil.example/?k={CANARY}\r\n");
    let body = format!("{{\"key\":\"{CANARY}\",\"basic\":\"dXNlcjp5ZWxsb3ctY2FuYXJ5LTAxMjM0NTY3ODk=\"}}");
    let vendor = Vendor::start(move |_| response("302 Found", &headers, &body)).await;
    let auth = Auth::Basic { username: "user".into(), password: "canary".into() };
    let response = send(&vendor, request(&vendor), auth).await.unwrap();
    assert_eq!(response.headers()["x-echo"], "Bearer [secret]");
    assert_eq!(response.headers()["location"], "https://evil.example/?k=[secret]");
    assert_eq!(response.body().as_ref(), b"{\"key\":\"[secret]\",\"basic\":\"[secret]\"}");
}

/// What is compressed cannot be searched; the request was taken, so the answer is lost, not the knowledge of that.
#[tokio::test]
async fn a_compressed_response_is_not_let_through() {
    for (encoding, passes) in [
        ("gzip", false),
        ("br", false),
        ("identity, gzip", false),
        ("identity\r\ncontent-encoding: gzip", false),
        ("identity", true),
        ("Identity", true),
        ("identity\r\ncontent-encoding: identity", true),
    ] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let vendor = Vendor::start(move |_| response("200 OK", &headers, "not searched")).await;
        let result = send(&vendor, request(&vendor), Auth::None).await;
        match passes {
            true => assert!(result.is_ok(), "{encoding}: {result:?}"),
            false => assert!(matches!(result, Err(EgressError::Interrupted(_))), "{encoding}: {result:?}"),
        }
    }
}
