//! Vonage's side of `POST /sms/json`.
//!
//! Parameters, limits and statuses are those of Vonage's OpenAPI description (github.com/Nexmo/api-specification,
//! `definitions/sms.yml`; `client-ref` and `callback` have the limits of its newer versions). Whatever is wrong with a
//! message is told with HTTP status 200. Stricter than the vendor: unknown and repeated parameters are refused. As at
//! the vendor, a text with characters outside GSM-7 arrives garbled unless `type` is `unicode`.
//!
//! There are no test numbers at Vonage; here numbers of the range 1 500 555 that Twilio reserves for tests, followed by
//! the digits of a status, are answered with that status: 15005550007 with 7, 15005550029 with 29.
//!
//! Delivery receipts are posted as JSON to the `callback` of the message, signed with the signature secret
//! (`receipts`).
//!
//! In a configuration:
//!
//! ```toml
//! [providers.vonage.settings]
//! base_url = "http://127.0.0.1:40008"   # Sandbox::url(Service::Vonage)
//! api_key = "abcd1234"                  # Credentials::vonage_api_key
//! # Secrets: Credentials::{vonage_api_secret, vonage_signature_secret}
//! ```

mod answers;
mod parameters;

use axum::{
    body::Body,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    Method, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use ring::hmac;

use self::{
    answers::{SmsError, accepted},
    parameters::Sms,
};
use super::{
    Channel, Credentials, Message, Refusal, Segments, Service,
    vendor::{Desk, Vendor, Verdict, World, media_type},
};

/// The fake.
pub(super) struct FakeVonage {
    desk: Desk,
    api_key: String,
    api_secret: String,
    signature_secret: String,
}

impl FakeVonage {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Self {
        let api_secret = credentials.vonage_api_secret.clone();
        Self {
            desk: Desk::new(Service::Vonage, world, vec![api_secret.clone()]),
            api_key: credentials.vonage_api_key.clone(),
            api_secret,
            signature_secret: credentials.vonage_signature_secret.clone(),
        }
    }

    fn send(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, SmsError> {
        // What is no form has no parameters.
        let is_form = media_type(parts) == "application/x-www-form-urlencoded";
        let form = if is_form { &body[..] } else { &[][..] };
        let mut given = parameters::read(form)?;
        self.authenticate(&mut given)?;
        let sms = Sms::check(given)?;
        let segments = Segments::of(&sms.text);
        let ids: Vec<String> = (0..segments.count().max(1)).map(|_| self.message_id()).collect();
        let answer = accepted(&sms, &ids);
        let mut ids = ids.into_iter();
        let mut message = Message::new(Service::Vonage, Channel::Sms, ids.next().unwrap_or_default());
        message.further_part_ids = ids.collect();
        message.to = vec![sms.to];
        message.from = Some(sms.from);
        message.text = Some(sms.text);
        message.segments = Some(segments);
        message.status_callback = sms.callback;
        message.idempotency_key = sms.client_ref;
        Ok(Verdict::accepted(message, answer))
    }

    /// By key and secret, or by key and signature.
    fn authenticate(&self, given: &mut parameters::Given) -> Result<(), SmsError> {
        let signature = given.get("sig").cloned();
        let signed = signed_text(given.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for name in ["sig", "timestamp"] {
            given.remove(name);
        }
        let key = given.remove("api_key").ok_or_else(|| SmsError::missing("api_key"))?;
        let secret = given.remove("api_secret");
        let is_right = match (signature, secret) {
            (Some(_), Some(_)) => return Err(SmsError::new(32, "Signature And API Secret Disallowed")),
            (Some(signature), None) => {
                let expected = signature_of(&self.signature_secret, &signed);
                if !signature.eq_ignore_ascii_case(&expected) {
                    return Err(SmsError::new(14, "Invalid Signature"));
                }
                true
            }
            (None, Some(secret)) => secret == self.api_secret,
            (None, None) => return Err(SmsError::missing("api_secret")),
        };
        if key == self.api_key && is_right { Ok(()) } else { Err(SmsError::new(4, "Bad Credentials")) }
    }

    /// 16 hexadecimal digits in upper case.
    fn message_id(&self) -> String {
        self.desk.ids.hex().chars().take(16).collect::<String>().to_ascii_uppercase()
    }
}

impl Vendor for FakeVonage {
    /// Far above the largest form that the rules allow.
    const BODY_BYTES_MAX: usize = 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        if parts.uri.path() != "/sms/json" {
            return Verdict::refused(page(StatusCode::NOT_FOUND));
        }
        if parts.method != Method::POST {
            let answer = ([(ALLOW, "POST")], page(StatusCode::METHOD_NOT_ALLOWED));
            return Verdict::refused(answer.into_response());
        }
        self.send(parts, body).unwrap_or_else(|error| Verdict::refused(error.render()))
    }

    fn too_large(&self) -> Response {
        page(StatusCode::PAYLOAD_TOO_LARGE)
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        match fault {
            Refusal::Unavailable => page(StatusCode::SERVICE_UNAVAILABLE),
            // The time to wait is in the words, if anywhere.
            Refusal::RateLimited { .. } => SmsError::throttled().render(),
            Refusal::Rejected { code, .. } => SmsError::new(code.unwrap_or(6), "Rejected by a sandbox fault").render(),
        }
    }
}

/// What stands before the API answers like this.
fn page(status: StatusCode) -> Response {
    (status, [(CONTENT_TYPE, "text/html")], Body::from(format!("<h1>{status}</h1>"))).into_response()
}

/// What is signed: the parameters but the signature in the order of their names, `&` and `=` in values replaced
/// (developer.vonage.com/getting-started/concepts/signing-messages, "Manually generate a signature";
/// `lib/vonage/signature.rb` of Vonage's library for Ruby).
pub(super) fn signed_text<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut parameters: Vec<_> = parameters.filter(|(name, _)| *name != "sig").collect();
    parameters.sort_unstable();
    parameters.into_iter().map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_"))).collect()
}

/// HMAC-SHA256 in hexadecimal digits, in upper case as in the example of the description.
pub(super) fn signature_of(secret: &str, signed: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, signed.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that Vonage's library for Ruby tests with (`test/vonage/signature_test.rb`).
    #[test]
    fn the_signature_is_vonages() {
        let parameters = [
            ("to", "13239877404"),
            ("message-timestamp", "2013-11-21 15:27:30"),
            ("messageId", "020000001B0FE827"),
            ("msisdn", "14843472194"),
            ("sig", "is not signed"),
            ("text", "Test again"),
            ("timestamp", "1385047698"),
            ("type", "text"),
        ];
        let signature = signature_of("my_secret_key_for_testing", &signed_text(parameters.into_iter()));
        assert_eq!(signature, "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330");
        assert_eq!(signed_text([("k", "a&b=c")].into_iter()), "&k=a_b_c");
    }
}
