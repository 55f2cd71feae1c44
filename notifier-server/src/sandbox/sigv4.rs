//! Checking AWS's Signature Version 4, as AWS's services do.
//!
//! The algorithm is that of docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; codes
//! are those of the common errors of each service's reference, and the order of the checks and their words those that
//! the services answer with. Stricter than the services: `X-Amz-Date` is needed, and a `Date` in its place does not do.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use http::header::AUTHORIZATION;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::{digest, hmac};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const TERMINATOR: &str = "aws4_request";

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a request is not authenticated. Each service has its own name for the code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SignatureError {
    /// Nothing is signed (`MissingAuthenticationToken`).
    Missing,
    /// The parts of a signature are not there or not readable (`IncompleteSignature`).
    Incomplete(String),
    /// The key or session is not known (`InvalidClientTokenId`, `UnrecognizedClientException`).
    UnknownKey,
    /// Signed wrongly, for another service, at another time, or not all of it (`SignatureDoesNotMatch`,
    /// `InvalidSignatureException`).
    Mismatch(String),
}

/// A service's side of one pair of keys.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    /// Of temporary credentials: then it has to come along as `X-Amz-Security-Token`.
    pub(super) session_token: Option<String>,
    /// As `sns`.
    pub(super) service: &'static str,
    /// As `us-east-1`.
    pub(super) region: String,
    /// How far the time of a signature may be from the service's, in minutes; each service has its own.
    pub(super) skew_max_min: i64,
}

/// The header `Authorization`, taken apart.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl Verifier {
    /// Whether the request with this body was signed with the secret key, now and for this service.
    pub(super) fn verify(&self, parts: &Parts, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((algorithm, parameters)) = header.split_once(' ').filter(|(scheme, _)| scheme.starts_with("AWS4-"))
        else {
            return Err(SignatureError::Missing);
        };
        let time = joined_header(parts, "x-amz-date").unwrap_or_default();
        let authorization = Authorization::read(parameters, header, &time)?;
        check_time(&time, now, self.skew_max_min)?;
        if algorithm != ALGORITHM {
            let message = format!("Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). ");
            return Err(SignatureError::Incomplete(message));
        }
        check_signed_headers(parts, authorization.signed_headers)?;
        self.check_scope(&authorization, &time)?;
        self.check_key(parts, &authorization)?;
        let payload = hex(digest::digest(&digest::SHA256, body).as_ref());
        if joined_header(parts, "x-amz-content-sha256").is_some_and(|told| told != payload) {
            let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(SignatureError::Mismatch(message.to_owned()));
        }
        let request = canonical_request(parts, authorization.signed_headers, &payload);
        self.check_signature(&authorization, &time, &request)
    }

    /// All that is wrong is told at once.
    fn check_scope(&self, authorization: &Authorization<'_>, time: &str) -> Result<(), SignatureError> {
        let mut wrong = Vec::new();
        if authorization.region != self.region {
            wrong.push(format!("Credential should be scoped to a valid region, not '{}'. ", authorization.region));
        }
        if authorization.service != self.service {
            wrong.push(format!("Credential should be scoped to correct service: '{}'. ", self.service));
        }
        if authorization.terminator != TERMINATOR {
            let given = authorization.terminator;
            wrong.push(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{given}'. "));
        }
        let day = time.get(..8).unwrap_or_default();
        if authorization.date != day {
            wrong.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{day}', from '{time}'.",
                authorization.date
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(SignatureError::Mismatch(wrong.concat())) }
    }

    fn check_key(&self, parts: &Parts, authorization: &Authorization<'_>) -> Result<(), SignatureError> {
        let session = joined_header(parts, "x-amz-security-token");
        let is_known = authorization.access_key_id == self.access_key_id && session == self.session_token;
        if is_known { Ok(()) } else { Err(SignatureError::UnknownKey) }
    }

    fn check_signature(
        &self,
        authorization: &Authorization<'_>,
        time: &str,
        request: &str,
    ) -> Result<(), SignatureError> {
        let Authorization { date, region, service, .. } = authorization;
        let hashed = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
        let to_sign = format!("{ALGORITHM}\n{time}\n{date}/{region}/{service}/{TERMINATOR}\n{hashed}");
        let secret = format!("AWS4{}", self.secret_access_key).into_bytes();
        let steps = [*date, *region, *service, TERMINATOR];
        let key = steps.into_iter().fold(secret, |key, step| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), step.as_bytes()).as_ref().to_vec()
        });
        let signature = hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), to_sign.as_bytes()).as_ref());
        // In plain time: the secret is public.
        if signature == authorization.signature {
            return Ok(());
        }
        Err(SignatureError::Mismatch(format!(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this \
             request should have been\n'{request}'\n\nThe String-to-Sign should have been\n'{to_sign}'\n"
        )))
    }
}

impl<'a> Authorization<'a> {
    fn read(parameters: &'a str, header: &str, time: &str) -> Result<Self, SignatureError> {
        let mut given = BTreeMap::new();
        for parameter in parameters.split(',') {
            let Some((name, value)) = parameter.trim().split_once('=') else {
                return Err(SignatureError::Incomplete(format!(
                    "'{}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'.",
                    parameter.trim()
                )));
            };
            given.insert(name, value);
        }
        let mut missing = String::new();
        for name in ["Credential", "Signature", "SignedHeaders"] {
            if !given.contains_key(name) {
                missing.push_str(&format!("Authorization header requires '{name}' parameter. "));
            }
        }
        if time.is_empty() {
            let needed = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
            missing.push_str(needed);
        }
        if !missing.is_empty() {
            return Err(SignatureError::Incomplete(format!("{missing}Authorization={header}")));
        }
        let value = |name| given.get(name).copied().unwrap_or_default();
        let credential = value("Credential");
        let [access_key_id, date, region, service, terminator] = credential.split('/').collect::<Vec<_>>()[..] else {
            return Err(SignatureError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
                 '{credential}'"
            )));
        };
        let (signed_headers, signature) = (value("SignedHeaders"), value("Signature"));
        Ok(Self { access_key_id, date, region, service, terminator, signed_headers, signature })
    }
}

fn check_time(time: &str, now: Timestamp, skew_max_min: i64) -> Result<(), SignatureError> {
    let parsed = DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok();
    let Some(signed_at) = parsed.and_then(|at| at.to_zoned(TimeZone::UTC).ok()).map(|at| at.timestamp()) else {
        return Err(SignatureError::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{time}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )));
    };
    let basic = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let (between, skew_max) = (now.duration_since(signed_at), SignedDuration::from_mins(skew_max_min));
    if between > skew_max {
        let (earliest, now) = (basic(now - skew_max), basic(now));
        let message = format!("Signature expired: {time} is now earlier than {earliest} ({now} - {skew_max_min} min.)");
        return Err(SignatureError::Mismatch(message));
    }
    if between < -skew_max {
        let (latest, now) = (basic(now + skew_max), basic(now));
        let message =
            format!("Signature not yet current: {time} is still later than {latest} ({now} + {skew_max_min} min.)");
        return Err(SignatureError::Mismatch(message));
    }
    Ok(())
}

/// "You must include the host header […] and any x-amz-* headers in the signature"; the list is in lower case and
/// sorted.
fn check_signed_headers(parts: &Parts, signed_headers: &str) -> Result<(), SignatureError> {
    let signed: Vec<&str> = signed_headers.split(';').collect();
    if !signed.contains(&"host") {
        let message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
        return Err(SignatureError::Mismatch(message.to_owned()));
    }
    let mut names = parts.headers.keys().map(http::HeaderName::as_str);
    if let Some(name) = names.find(|name| name.starts_with("x-amz-") && !signed.contains(name)) {
        let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
        return Err(SignatureError::Mismatch(message));
    }
    if !signed.is_sorted() || signed_headers.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let message = format!("The signed headers are not in lower case and in order: '{signed_headers}'.");
        return Err(SignatureError::Mismatch(message));
    }
    Ok(())
}

fn canonical_request(parts: &Parts, signed_headers: &str, payload: &str) -> String {
    // Each segment of the path is encoded once more, as for every service but S3.
    let segments: Vec<String> = parts.uri.path().split('/').map(encode).collect();
    let mut query: Vec<(String, String)> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (reencode(name), reencode(value)))
        .collect();
    query.sort();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let header = |name: &str| format!("{name}:{}\n", joined_header(parts, name).unwrap_or_default());
    let headers: String = signed_headers.split(';').map(header).collect();
    format!("{}\n{}\n{}\n{headers}\n{signed_headers}\n{payload}", parts.method, segments.join("/"), query.join("&"))
}

/// All values of a header, joined by commas, each without spaces at its ends and with single ones within.
fn joined_header(parts: &Parts, name: &str) -> Option<String> {
    let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let values: Vec<String> =
        values.map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn reencode(encoded: &str) -> String {
    encode(&percent_decode_str(encoded).decode_utf8_lossy())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const NOW: &str = "2015-08-30T12:36:00Z";

    const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

    fn verifier() -> Verifier {
        Verifier {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
            service: "service",
            region: "us-east-1".to_owned(),
            skew_max_min: 15,
        }
    }

    fn authorization(signed_headers: &str, signature: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={signed_headers}, Signature={signature}"
        )
    }

    fn verify(verifier: &Verifier, method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> SignatureError {
        outcome(verifier, method, uri, headers, body, NOW).unwrap_err()
    }

    fn outcome(
        verifier: &Verifier,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
        now: &str,
    ) -> Result<(), SignatureError> {
        let mut request = Request::builder().method(method).uri(uri).header("host", "example.amazonaws.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        verifier.verify(&parts, body.as_bytes(), now.parse().unwrap())
    }

    /// The examples `get-vanilla`, `get-vanilla-query-order-key-case` and `post-x-www-form-urlencoded` of AWS's test
    /// suite for Signature Version 4.
    #[test]
    fn aws_examples_are_right() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let order = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        let posted = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        for (method, uri, extra, signed, signature, body) in [
            ("GET", "/", None, "host;x-amz-date", VANILLA, ""),
            ("GET", "/?Param2=value2&Param1=value1", None, "host;x-amz-date", order, ""),
            ("POST", "/", Some(form), "content-type;host;x-amz-date", posted, "Param1=value1"),
        ] {
            let authorization = authorization(signed, signature);
            let mut headers = vec![("x-amz-date", "20150830T123600Z"), ("authorization", authorization.as_str())];
            headers.extend(extra);
            assert_eq!(outcome(&verifier(), method, uri, &headers, body, NOW), Ok(()), "{uri}");
            let other = outcome(&verifier(), method, uri, &headers, "Param1=value2", NOW);
            assert!(matches!(other, Err(SignatureError::Mismatch(_))), "{other:?}");
        }
    }

    #[test]
    fn each_part_has_to_be_there_and_right() {
        let date = ("x-amz-date", "20150830T123600Z");
        let good = authorization("host;x-amz-date", VANILLA);
        let changed = |from: &str, to: &str| good.replace(from, to);
        let cases = [
            (String::new(), "Missing"),
            ("Bearer abc".to_owned(), "Missing"),
            (changed("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), "Incomplete: Unsupported AWS 'algorithm'"),
            (changed("Credential=", "Credentials="), "Incomplete: Authorization header requires 'Credential'"),
            (changed(", Signature=", ", Signatur="), "Incomplete: Authorization header requires 'Signature'"),
            (changed(", Signature=", ", Signature "), "Incomplete: 'Signature 5fa"),
            (changed("/service/", "/"), "Incomplete: Credential must have exactly 5"),
            (changed("/us-east-1/", "/us-east-2/"), "Mismatch: Credential should be scoped to a valid region"),
            (changed("/service/", "/sns/"), "Mismatch: Credential should be scoped to correct service: 'service'"),
            (changed("aws4_request", "aws5_request"), "Mismatch: Credential should be scoped with a valid terminator"),
            (changed("/20150830/", "/20150831/"), "Mismatch: Date in Credential scope does not match"),
            (changed("host;x-amz-date", "x-amz-date"), "Mismatch: 'Host' or ':authority' must be"),
            (changed("host;x-amz-date", "host"), "Mismatch: 'x-amz-date' must be a 'SignedHeader'"),
            (changed("host;x-amz-date", "x-amz-date;host"), "Mismatch: The signed headers are not"),
            (changed("AKIDEXAMPLE", "AKIDEXAMPLF"), "UnknownKey"),
            (changed("5fa0", "5fa1"), "Mismatch: The request signature we calculated does not match"),
        ];
        for (authorization, expected) in cases {
            let error = verify(&verifier(), "GET", "/", &[date, ("authorization", &authorization)], "");
            let told = match error {
                SignatureError::Missing => "Missing".to_owned(),
                SignatureError::UnknownKey => "UnknownKey".to_owned(),
                SignatureError::Incomplete(message) => format!("Incomplete: {message}"),
                SignatureError::Mismatch(message) => format!("Mismatch: {message}"),
            };
            assert!(told.starts_with(expected), "{authorization}: {told}");
        }
    }

    #[test]
    fn the_time_has_to_be_now() {
        let good = authorization("host;x-amz-date", VANILLA);
        let headers = [("x-amz-date", "20150830T123600Z"), ("authorization", good.as_str())];
        for (now, expected) in [
            ("2015-08-30T12:51:00Z", None),
            ("2015-08-30T12:21:00Z", None),
            (
                "2015-08-30T12:51:01Z",
                Some(
                    "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)",
                ),
            ),
            (
                "2015-08-30T12:20:59Z",
                Some(
                    "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)",
                ),
            ),
        ] {
            let expected = expected.map_or(Ok(()), |message| Err(SignatureError::Mismatch(message.to_owned())));
            assert_eq!(outcome(&verifier(), "GET", "/", &headers, "", now), expected, "{now}");
        }
        let wrong = verify(&verifier(), "GET", "/", &[("x-amz-date", "201"), ("authorization", &good)], "");
        assert!(matches!(&wrong, SignatureError::Incomplete(message) if message.contains("'201'")), "{wrong:?}");
        let none = verify(&verifier(), "GET", "/", &[("authorization", &good)], "");
        assert!(matches!(&none, SignatureError::Incomplete(message) if message.contains("X-Amz-Date")), "{none:?}");
    }

    #[test]
    fn a_session_token_belongs_to_its_key() {
        let good = authorization("host;x-amz-date;x-amz-security-token", VANILLA);
        let date = ("x-amz-date", "20150830T123600Z");
        let token = ("x-amz-security-token", "token");
        let session = Verifier { session_token: Some("token".to_owned()), ..verifier() };
        // With the right token only the signature is wrong.
        let error = verify(&session, "GET", "/", &[date, token, ("authorization", &good)], "");
        assert!(matches!(error, SignatureError::Mismatch(_)), "{error:?}");
        assert_eq!(
            verify(&verifier(), "GET", "/", &[date, token, ("authorization", &good)], ""),
            SignatureError::UnknownKey
        );
        let without = authorization("host;x-amz-date", VANILLA);
        assert_eq!(verify(&session, "GET", "/", &[date, ("authorization", &without)], ""), SignatureError::UnknownKey);
    }

    #[test]
    fn a_told_hash_of_the_body_has_to_be_its() {
        let good = authorization("host;x-amz-content-sha256;x-amz-date", VANILLA);
        let date = ("x-amz-date", "20150830T123600Z");
        let hash = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        let error = verify(&verifier(), "POST", "/", &[date, hash, ("authorization", &good)], "a=1");
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        assert_eq!(error, SignatureError::Mismatch(message.to_owned()));
    }
}
