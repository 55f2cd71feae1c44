//! AWS Signature Version 4, made by the host so that no plugin holds a signing key.
//!
//! For every service but S3, which signs paths and bodies differently and sends no messages.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, Tag, sign as hmac};

use super::super::cache::hex;
use crate::adapters::egress::EgressError;

/// What AWS gave to the account.
pub(in super::super) struct Credentials<'a> {
    pub(in super::super) access_key_id: &'a str,
    pub(in super::super) secret_access_key: &'a str,
    pub(in super::super) session_token: Option<&'a str>,
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Adds date, session token and signature. Every header that the request has is signed.
pub(in super::super) fn sign(
    request: &mut Request<Bytes>,
    credentials: &Credentials<'_>,
    service: &str,
    region: &str,
    now: Timestamp,
) -> Result<(), EgressError> {
    check_scope("service", service)?;
    check_scope("region", region)?;
    if service == "s3" {
        return Err(EgressError::Invalid("requests to S3 cannot be signed".into()));
    }
    for name in [&header::AUTHORIZATION, &DATE, &TOKEN] {
        if request.headers().contains_key(name) {
            return Err(EgressError::Invalid(format!("the header `{name}` is set by the signature")));
        }
    }
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    set(request, DATE, &time)?;
    if let Some(token) = credentials.session_token {
        set(request, TOKEN, token)?;
    }
    let (canonical, signed_headers) = canonical_request(request)?;
    let scope = format!("{}/{region}/{service}/aws4_request", &time[..8]);
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(digest(&SHA256, canonical.as_bytes()).as_ref()));
    let key = signing_key(credentials.secret_access_key, &time[..8], region, service);
    let signature = hex(hmac(&key, to_sign.as_bytes()).as_ref());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
        credentials.access_key_id
    );
    set(request, header::AUTHORIZATION, &authorization)
}

/// Service and region stand between slashes in the scope.
fn check_scope(what: &str, value: &str) -> Result<(), EgressError> {
    let is_fine = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_fine { Ok(()) } else { Err(EgressError::Invalid(format!("`{}` is not an AWS {what}", value.escape_debug()))) }
}

fn set(request: &mut Request<Bytes>, name: HeaderName, value: &str) -> Result<(), EgressError> {
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| EgressError::Invalid(format!("the value for `{name}` has characters that no header can hold")))?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Key {
    let key = |bytes: &[u8]| Key::new(HMAC_SHA256, bytes);
    let derive = |parent: Tag, text: &str| hmac(&key(parent.as_ref()), text.as_bytes());
    let dated = hmac(&key(format!("AWS4{secret}").as_bytes()), date.as_bytes());
    let scoped = derive(derive(dated, region), service);
    key(derive(scoped, "aws4_request").as_ref())
}

/// The request in the one form that both sides can compute, and the names of its headers.
fn canonical_request(request: &Request<Bytes>) -> Result<(String, String), EgressError> {
    let uri = request.uri();
    let host = canonical_host(request)?;
    let mut headers: Vec<(&str, String)> = vec![("host", host)];
    for name in request.headers().keys() {
        let values: Vec<_> = request.headers().get_all(name).iter().map(canonical_value).collect();
        headers.push((name.as_str(), values.join(",")));
    }
    headers.sort();
    let signed_headers = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = format!("{}\n", request.method());
    let path = canonical_path(uri.path());
    let _ = write!(canonical, "{path}\n{}\n", canonical_query(uri.query().unwrap_or_default()));
    for (name, value) in &headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed_headers}\n{}", hex(digest(&SHA256, request.body()).as_ref()));
    Ok((canonical, signed_headers))
}

/// As the client will write it: without the port that the scheme has anyway.
fn canonical_host(request: &Request<Bytes>) -> Result<String, EgressError> {
    let uri = request.uri();
    let host = uri.host().ok_or_else(|| EgressError::Invalid("the URL has no host".into()))?;
    let default_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    Ok(match uri.port_u16() {
        Some(port) if port != default_port => format!("{host}:{port}"),
        _ => host.to_owned(),
    })
}

/// Without spaces around it, and with single spaces inside.
fn canonical_value(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without dot segments and empty ones, and encoded once more.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut canonical: String = segments.iter().flat_map(|segment| ["/".into(), encode(segment)]).collect();
    if canonical.is_empty() || path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..") {
        canonical.push('/');
    }
    canonical
}

/// Sorted by name, then value, each encoded the same way however it was written.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode_again(name), encode_again(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// Encodes what is not encoded yet: `%` followed by two hexadecimal digits stays, in upper case.
fn encode_again(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut encoded = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' if bytes.len() >= at + 3 && bytes[at + 1..at + 3].iter().all(u8::is_ascii_hexdigit) => {
                encoded.push_str(&text[at..at + 3].to_ascii_uppercase());
                at += 3;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(bytes[at]));
                at += 1;
            }
            byte => {
                let _ = write!(encoded, "%{byte:02X}");
                at += 1;
            }
        }
    }
    encoded
}
