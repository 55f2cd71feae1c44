//! What Resend's errors mean. They are told apart by `name`, described at <https://resend.com/docs/api-reference/errors>; its
//! official libraries list the same names.

use notifier_plugin_sdk::{Class, ErrorTable};

/// `validation_error` is not among them: with 403 it is about the account or the sender, with 400 and 422 about this message,
/// so its status tells. So does that of a name which Resend adds.
pub(crate) const ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("invalid_idempotency_key", Class::Message),              // 400: not 1 to 256 characters
        ("missing_api_key", Class::Provider),                     // 401
        ("restricted_api_key", Class::Provider),                  // 401: the key may not do this
        ("invalid_api_key", Class::Provider),                     // 403
        ("not_found", Class::Provider),                           // 404: no such endpoint, as with a wrong `base_url`
        ("method_not_allowed", Class::Provider),                  // 405: the same
        // 409: the key came with another body within 24 hours. What came with it first may have been sent, so no other key
        // may be tried.
        ("invalid_idempotent_request", Class::Message),
        // 409: the first request with this key is not done yet. Asked again, Resend answers as it will have answered that one.
        ("concurrent_idempotent_requests", Class::Unavailable),
        ("invalid_attachment", Class::Message),                   // 422: neither content nor path
        ("invalid_from_address", Class::Provider),                // 422: every message has that sender
        ("invalid_access", Class::Provider),                      // 422: about API keys
        ("invalid_parameter", Class::Message),                    // 422: not a UUID
        ("invalid_region", Class::Provider),                      // 422: about domains
        ("missing_required_field", Class::Message),               // 422
        ("rate_limit_exceeded", Class::RateLimited),              // 429: requests per second
        (DAILY_QUOTA, Class::RateLimited),                        // 429: passes by itself, see there
        ("monthly_quota_exceeded", Class::Provider),              // 429: until somebody pays for more, or for weeks
        ("security_error", Class::Message),                       // 451: something in this request is suspicious
        ("application_error", Class::Unavailable),                // 500
        ("internal_server_error", Class::Unavailable),            // 500
    ],
    statuses: &[],
};

/// The day's messages are used up, which begins again at midnight UTC
/// (<https://github.com/resend/resend-skills>, `error-reference.md`). The headers of this answer are about requests per second
/// and do not say so.
pub(crate) const DAILY_QUOTA: &str = "daily_quota_exceeded";

/// How a `validation_error` about an address begins, and whose fault it is. From answers, not from documentation.
pub(crate) const FIELDS: &[(&str, Class)] =
    &[("Invalid `to` field", Class::Recipient), ("Invalid `from` field", Class::Provider)];
