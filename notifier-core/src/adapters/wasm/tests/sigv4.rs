//! Amazon's own test suite for Signature Version 4, and the example in its documentation.

use bytes::Bytes;
use http::request::Builder;
use http::{Method, Request};

use super::super::auth::sigv4::{Credentials, sign};
use crate::adapters::egress::EgressError;

const CREDENTIALS: Credentials<'static> = Credentials {
    access_key_id: "AKIDEXAMPLE",
    secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    session_token: None,
};

fn get(path: &str) -> Builder {
    Request::get(format!("https://example.amazonaws.com{path}"))
}

fn post(path: &str) -> Builder {
    Request::post(format!("https://example.amazonaws.com{path}"))
}

fn authorization(request: Builder, body: &'static str, service: &str, credentials: &Credentials<'_>) -> String {
    let mut request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
    sign(&mut request, credentials, service, "us-east-1", "2015-08-30T12:36:00Z".parse().unwrap()).unwrap();
    assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

/// One case of the suite: its name there, the request, which headers are signed, the signature.
type Case = (&'static str, Method, &'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

const PLAIN: &str = "host;x-amz-date";
const MINE: &str = "host;my-header1;x-amz-date";

const SUITE: &[Case] = &[
    ("get-vanilla", Method::GET, "/", &[], PLAIN, VANILLA),
    ("get-vanilla, without a path", Method::GET, "", &[], PLAIN, VANILLA),
    ("get-slash", Method::GET, "//", &[], PLAIN, VANILLA),
    ("get-slash-dot-slash", Method::GET, "/./", &[], PLAIN, VANILLA),
    ("get-relative", Method::GET, "/example/..", &[], PLAIN, VANILLA),
    ("get-relative-relative", Method::GET, "/example1/example2/../..", &[], PLAIN, VANILLA),
    (
        "get-slash-pointless-dot",
        Method::GET,
        "/./example",
        &[],
        PLAIN,
        "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
    ),
    (
        "get-slashes",
        Method::GET,
        "//example//",
        &[],
        PLAIN,
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
    ),
    (
        "get-unreserved",
        Method::GET,
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        PLAIN,
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    ("get-utf8", Method::GET, "/ሴ", &[], PLAIN, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    (
        "get-vanilla-query-order-key-case",
        Method::GET,
        "/?Param2=value2&Param1=value1",
        &[],
        PLAIN,
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-empty-query-key",
        Method::GET,
        "/?Param1=value1",
        &[],
        PLAIN,
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "get-vanilla-query-unreserved",
        Method::GET,
        "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        PLAIN,
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        "get-vanilla-utf8-query",
        Method::GET,
        "/?ሴ=bar",
        &[],
        PLAIN,
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "get-header-key-duplicate",
        Method::GET,
        "/",
        &[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
        MINE,
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "get-header-value-order",
        Method::GET,
        "/",
        &[("My-Header1", "value4"), ("My-Header1", "value1"), ("My-Header1", "value3"), ("My-Header1", "value2")],
        MINE,
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        "get-header-value-trim",
        Method::GET,
        "/",
        &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    ("post-vanilla", Method::POST, "/", &[], PLAIN, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "post-vanilla-query",
        Method::POST,
        "/?Param1=value1",
        &[],
        PLAIN,
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    (
        "post-header-key-sort",
        Method::POST,
        "/",
        &[("My-Header1", "value1")],
        MINE,
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    (
        "post-header-value-case",
        Method::POST,
        "/",
        &[("My-Header1", "VALUE1")],
        MINE,
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
];

#[test]
fn the_suite() {
    for (name, method, path, headers, signed, signature) in SUITE {
        let request = get(path).method(method);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}"
        );
        assert_eq!(authorization(request, "", "service", &CREDENTIALS), expected, "{name}");
    }
}

#[test]
fn a_body_is_signed() {
    let request = post("/").header("Content-Type", "application/x-www-form-urlencoded");
    let authorization = authorization(request, "Param1=value1", "service", &CREDENTIALS);
    let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
    assert!(authorization.ends_with(signature), "{authorization}");
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let credentials = Credentials {
        session_token: Some(
            "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
        ),
        ..CREDENTIALS
    };
    let authorization = authorization(post("/"), "", "service", &credentials);
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{authorization}");
    let signature = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
    assert!(authorization.ends_with(signature), "{authorization}");
}

#[test]
fn the_example_of_the_documentation() {
    let request = Request::get("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let authorization = authorization(request, "", "iam", &CREDENTIALS);
    let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    assert!(authorization.ends_with(signature), "{authorization}");
}

#[test]
fn what_cannot_be_signed() {
    let now = "2015-08-30T12:36:00Z".parse().unwrap();
    let refused = |request: Builder, service: &str, region: &str| {
        let mut request = request.body(Bytes::new()).unwrap();
        matches!(sign(&mut request, &CREDENTIALS, service, region, now), Err(EgressError::Invalid(_)))
    };
    assert!(refused(get("/"), "", "us-east-1"));
    assert!(refused(get("/"), "iam/us", "us-east-1"));
    assert!(refused(get("/"), "s3", "us-east-1"));
    assert!(refused(get("/"), "iam", "us east"));
    assert!(refused(get("/").header("authorization", "x"), "iam", "us-east-1"));
    assert!(refused(get("/").header("x-amz-date", "x"), "iam", "us-east-1"));
    assert!(refused(get("/").header("x-amz-security-token", "x"), "iam", "us-east-1"));
    assert!(!refused(get("/"), "iam", "us-east-1"));
}
