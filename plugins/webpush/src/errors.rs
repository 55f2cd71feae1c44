//! What the answers of push services mean.
//!
//! - Mozilla: `{"errno"}`, listed at <https://github.com/mozilla-services/autopush-rs/blob/master/docs/src/errors.md>;
//!   what the page leaves open is answered by `error.rs` and `routers/mod.rs` in `autoendpoint/src` of that repository.
//! - Apple: `{"reason"}`, listed at [Sending web push notifications][apple].
//! - Google: a sentence. Those about our key and token are in Chromium's `components/gcm_driver/web_push_common.cc`, all
//!   with 403.
//! - Microsoft: headers, described at [Push notification service request and response headers][microsoft].
//!
//! [apple]: https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers
//! [microsoft]: https://learn.microsoft.com/en-us/windows/apps/develop/notifications/push-notifications/push-request-response-headers

use notifier_plugin_sdk::{Class, ErrorTable, Problem, Response, SendError};
use serde_json::Value;

/// Codes, and statuses that mean something else of a subscription than of an API. Mozilla's 201 is missing: it comes
/// with 429 and with 503, and these tell the two apart.
pub(crate) const ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        // Mozilla
        ("101", Class::Message),     // a crypto header is missing
        ("102", Class::Suppressed),  // the endpoint is none, and should not be used again
        ("103", Class::Suppressed),  // the endpoint has expired
        ("104", Class::Message),     // too large
        ("105", Class::Suppressed),  // the browser was removed while we asked
        ("106", Class::Suppressed),  // no such subscription
        ("108", Class::Recipient),   // the endpoint is corrupt
        ("109", Class::Provider),    // VAPID: the token or its signature is not taken
        ("110", Class::Message),     // a crypto header is wrong
        ("111", Class::Message),     // a header is missing
        ("112", Class::Message),     // TTL is no number
        ("113", Class::Message),     // Topic is too long, or not base64url
        ("114", Class::Message),     // TTL is negative
        ("202", Class::Unavailable), // may be tried again at once
        ("900", Class::Unavailable), // between Mozilla and the service of a phone's maker: set up wrongly
        ("901", Class::Unavailable), // likewise: not authenticated
        ("902", Class::Unavailable), // likewise: no connection
        ("903", Class::Unknown),     // likewise: no answer in time, so it may have the message
        ("999", Class::Unavailable), // unknown error
        // Apple
        ("BadAuthorizationHeader", Class::Provider),
        ("BadJwtToken", Class::Provider),      // the token, which includes a `subject` that leads nowhere
        ("BadPath", Class::Recipient),         // the endpoint is none
        ("BadTtl", Class::Message),
        ("BadUrgency", Class::Message),
        ("BadVapidPublicKey", Class::Provider),
        ("BadWebPushRequest", Class::Message), // not encrypted as it should be
        ("BadWebPushTopic", Class::Message),
        ("IdleTimeout", Class::Unavailable),
        ("InternalServerError", Class::Unavailable),
        ("MethodNotAllowed", Class::Message),
        ("PayloadTooLarge", Class::Message),
        ("ServiceUnavailable", Class::Unavailable),
        ("Shutdown", Class::Unavailable),
        ("TooManyRequests", Class::RateLimited),
        ("VapidPkHashMismatch", Class::Recipient), // the subscription was made with another key
        // Microsoft, in `x-wns-status`
        ("appthrottled", Class::RateLimited),      // seen only, with 406
        ("channelthrottled", Class::RateLimited),  // dropped: too many for this subscription
        ("dropped", Class::Recipient),             // with a 2xx: the browser does not want it
    ],
    #[rustfmt::skip]
    statuses: &[
        (404, Class::Suppressed),  // RFC 8030, 7.3: the subscription has expired
        (406, Class::RateLimited), // Microsoft: throttled
        (410, Class::Suppressed),  // gone
    ],
};

/// Sentences that say of one subscription what their status and code would say of our key, and so of all of them. A
/// subscription is bound to the key that it was made with (RFC 8292, 4.2); after a change of keys, or with those of a
/// test system among them, some are bound to another.
#[rustfmt::skip]
pub(crate) const SENTENCES: &[(&str, Class)] = &[
    // Mozilla, with 401 and errno 109: `VapidError::KeyMismatch` in autoendpoint/src/headers/vapid.rs.
    ("VAPID public key mismatch", Class::Recipient),
    // Google, with 403: <https://github.com/web-push-libs/webpush-java/issues/212>.
    ("do not correspond to the credentials used to create the subscriptions", Class::Recipient),
    // Google, with 403, of subscriptions made for Firebase's own keys:
    // <https://github.com/bartbutenaers/node-red-contrib-ui-web-push/issues/7>.
    ("does not correspond to the sender ID used to subscribe this user", Class::Recipient),
    // Google, with 403, of single subscriptions: <https://github.com/zaru/webpush/issues/89>.
    ("invalid push subscription endpoint", Class::Recipient),
    // Google, with 400, of subscriptions made without a key: <https://github.com/web-push-libs/web-push/issues/237>.
    ("UnauthorizedRegistration", Class::Recipient),
];

/// Microsoft's 403: "not authorized to send a notification to this URI even though they are authenticated"
/// (<https://learn.microsoft.com/en-us/windows/apps/develop/notifications/push-notifications/troubleshooting>). So our key is right,
/// and the subscription is of another. A wrong key is answered with 401.
const WNS_NOT_FOR_THIS_URI: u16 = 403;

/// The error that an answer means; none where the push service took the message.
pub(crate) fn error(response: &Response, is_wns: bool) -> Option<SendError> {
    let body: Value = response.json().unwrap_or_default();
    let code = code(&body, response);
    let told = told(&body, response);
    let problem = Problem { code, message: told.unwrap_or_else(|| Problem::of_response(response).message) };
    match response.status {
        200..=299 => (problem.code.is_some()).then(|| ERRORS.classify(response, problem)),
        // Not followed. Mozilla: stop using this endpoint.
        300..=399 => Some(Class::Recipient.into_error(None, problem)),
        _ => Some(match SENTENCES.iter().find(|(sentence, _)| problem.message.contains(sentence)) {
            Some((_, class)) => class.into_error(None, problem),
            None if is_wns && response.status == WNS_NOT_FOR_THIS_URI && problem.code.is_none() => {
                Class::Recipient.into_error(None, problem)
            }
            None => ERRORS.classify(response, problem),
        }),
    }
}

/// The service's own code. Of an answer that accepts only Microsoft's word counts: it may have dropped the message
/// all the same.
fn code(body: &Value, response: &Response) -> Option<String> {
    let wns = response.header("x-wns-status").filter(|status| match *status {
        // Comes with every error as well, and says no more than that.
        "dropped" => response.is_success(),
        "appthrottled" | "channelthrottled" => true,
        _ => false,
    });
    if response.is_success() {
        return wns.map(Into::into);
    }
    let errno = body.get("errno").and_then(Value::as_u64).map(|errno| errno.to_string());
    let reason = body.get("reason").and_then(Value::as_str).filter(|reason| !reason.is_empty()).map(Into::into);
    errno.or(reason).or(wns.map(Into::into))
}

/// In words.
fn told(body: &Value, response: &Response) -> Option<String> {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let told = text("message").or(text("reason")).or(response.header("x-wns-error-description"));
    told.filter(|told| !told.is_empty()).map(|told| format!("HTTP {}: {told}", response.status))
}
