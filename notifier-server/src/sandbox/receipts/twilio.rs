//! Twilio's status callbacks: twilio.com/docs/messaging/guides/track-outbound-message-status, signed as in
//! twilio.com/docs/usage/security.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use super::super::{Credentials, Message};
use super::{End, Report};

/// Makes and signs callbacks.
pub(super) struct TwilioReports {
    account_sid: String,
    key: hmac::Key,
}

impl TwilioReports {
    pub(super) fn new(credentials: &Credentials) -> Self {
        let token = credentials.twilio_auth_token.as_bytes();
        Self {
            account_sid: credentials.twilio_account_sid.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token),
        }
    }

    /// That it was sent, and how it ended; nothing where no callback was asked for.
    pub(super) fn reports(&self, message: &Message, end: End) -> Vec<Report> {
        let Some(callback) = &message.status_callback else { return Vec::new() };
        let Ok(url) = callback.parse::<Uri>() else { return Vec::new() };
        let (last, code) = match end {
            End::Delivered | End::Complained => ("delivered", None),
            // "Unknown error": the carrier gave no reason.
            End::Failed => ("undelivered", Some("30008")),
            // "Unknown destination handset".
            End::Bounced | End::Suppressed => ("undelivered", Some("30005")),
        };
        let report = |(status, code)| self.signed(message, callback, url.clone(), status, code);
        [("sent", None), (last, code)].into_iter().filter_map(report).collect()
    }

    fn signed(&self, message: &Message, callback: &str, url: Uri, status: &str, code: Option<&str>) -> Option<Report> {
        let sid = message.provider_message_id.as_str();
        let to = message.to.first().map(String::as_str).unwrap_or_default();
        let mut parameters = BTreeMap::from([
            ("AccountSid", self.account_sid.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("MessageSid", sid),
            ("MessageStatus", status),
            ("SmsSid", sid),
            ("SmsStatus", status),
            ("To", to),
        ]);
        parameters.extend(message.from.as_deref().map(|from| ("From", from)));
        parameters.extend(code.map(|code| ("ErrorCode", code)));
        // The address, then names and values in the order of names.
        let said: String = parameters.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let signature = STANDARD.encode(hmac::sign(&self.key, format!("{callback}{said}").as_bytes()));
        let encoded = |value| utf8_percent_encode(value, NON_ALPHANUMERIC);
        let pairs: Vec<String> =
            parameters.into_iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert("x-twilio-signature", HeaderValue::try_from(signature).ok()?);
        Some(Report { url, headers, body: pairs.join("&").into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of twilio.com/docs/usage/security ("Validating requests"), which Twilio's own libraries test with.
    #[test]
    fn the_signature_is_twilios() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        let said = "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309Digits1234\
                    From+14158675309To+18005551212";
        assert_eq!(STANDARD.encode(hmac::sign(&key, said.as_bytes())), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }
}
