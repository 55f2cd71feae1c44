//! What Postmark's error codes mean (<https://postmarkapp.com/developer/api/overview#error-codes>).

use notifier_plugin_sdk::{Class, ErrorTable};

/// The codes that the sending of one message may be answered with. 400, 401, 405, 409 and 429 were on that page for years and
/// are no longer; Postmark does not say that it stopped sending them.
pub(crate) const ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("10", Class::Provider),     // no valid server token
        ("11", Class::Message),      // several errors
        ("100", Class::Unavailable), // offline for maintenance
        ("101", Class::Unknown),     // an error that should not have occurred: as with the status 500
        ("300", Class::Message),     // the message does not pass; for addresses see below
        ("400", Class::Provider),    // the sender is not registered
        ("401", Class::Provider),    // the sender is not confirmed
        ("402", Class::Message),     // not JSON
        ("403", Class::Message),     // a field that is none, or of another type
        ("405", Class::Provider),    // not allowed to send: no credits left
        ("406", Class::Suppressed),  // every recipient is inactive: bounced, complained or was suppressed before
        ("409", Class::Provider),    // headers that say JSON are missing: somebody in between took them away
        ("410", Class::Message),     // too many messages at once
        ("411", Class::Message),     // an attachment of a kind that is not allowed
        ("412", Class::Provider),    // the account is pending approval, and may write to its own domain only
        ("413", Class::Provider),    // the account may not send
        ("422", Class::Provider),    // no such server or account
        ("429", Class::RateLimited), // too many requests
        ("1235", Class::Provider),   // no such stream
        ("1236", Class::Provider),   // the stream is not for sending
        ("1480", Class::Provider),   // the server may not be used from our address
    ],
    statuses: &[
        (415, Class::Provider), // headers are missing: as with 409
        // "In most cases the message is lost", says Postmark of it: in others it is not, and would be sent twice.
        (500, Class::Unknown),
    ],
};

/// How a 300 about an address begins, and whose fault it is. From answers, as the tests of django-anymail have them
/// (<https://github.com/anymail/django-anymail>).
pub(crate) const ADDRESSES: &[(&str, Class)] = &[
    ("Invalid 'To'", Class::Recipient),
    ("Error parsing 'To'", Class::Recipient),
    ("Invalid 'From'", Class::Provider),
    ("Error parsing 'From'", Class::Provider),
];
