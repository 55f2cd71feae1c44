//! What Twilio's codes mean. The codes are described at <https://www.twilio.com/docs/api/errors>.

use notifier_plugin_sdk::{Class, ErrorTable};

/// Codes in the answer to a request. Twilio splits codes now and then; one that is missing here means what its HTTP status
/// means.
pub(crate) const REQUEST_ERRORS: ErrorTable = ErrorTable {
    codes: &[
        // The account.
        ("20003", Class::Provider),   // authentication failed
        ("20005", Class::Provider),   // account not active
        ("20404", Class::Provider),   // no such account or resource
        // The service. Twilio says of 429 that the request was not processed.
        ("20429", Class::RateLimited),
        ("20500", Class::Unavailable),
        ("20503", Class::Unavailable),
        // The sender.
        ("21212", Class::Provider),   // `From` is not a number or sender
        ("21603", Class::Provider),   // `From` is missing
        ("21606", Class::Provider),   // `From` cannot send to this destination or is not ours
        ("21611", Class::RateLimited), // `From` has too many messages waiting
        // The recipient.
        ("21211", Class::Recipient),  // `To` is not a number
        ("21612", Class::Recipient),  // `To` cannot be reached from this sender
        ("21614", Class::Recipient),  // `To` is not a mobile number
        ("21610", Class::Suppressed), // the recipient replied STOP
        // The message.
        ("21408", Class::Message),    // the account may not send to this country
        ("21602", Class::Message),    // no body
        ("21617", Class::Message),    // body over 1600 characters
    ],
    // "Not processed": Twilio promises it of all its 5xx, a gateway's included.
    statuses: &[(504, Class::Unavailable)],
};

/// Codes in a status callback. There is no status to fall back to: what is not listed is a failure of this message.
pub(crate) const RECEIPT_ERRORS: &[(&str, Class)] = &[
    ("30001", Class::Unavailable), // queue overflow
    ("30002", Class::Provider),    // account suspended
    ("30003", Class::Unavailable), // handset unreachable
    ("30004", Class::Suppressed),  // message blocked, often after STOP
    ("30005", Class::Recipient),   // unknown handset
    ("30006", Class::Recipient),   // landline or unreachable carrier
    ("30007", Class::Message),     // filtered by the carrier
    ("30008", Class::Unavailable), // unknown
    ("30034", Class::Provider),    // number not registered for the United States
];
