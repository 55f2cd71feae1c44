//! What Twilio's codes mean. They are described at <https://www.twilio.com/docs/api/errors>.

use notifier_plugin_sdk::ReceiptStatus::{self, Bounced, Failed, Unsubscribed};
use notifier_plugin_sdk::{Class, ErrorTable};

/// Codes in the answer to a request. Twilio splits codes now and then; one that is missing here means what its HTTP status
/// means.
pub(crate) const REQUEST_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("20003", Class::Provider),    // authentication failed
        ("20005", Class::Provider),    // account not active
        ("20404", Class::Provider),    // no such account
        ("20429", Class::RateLimited), // too many requests; this one was not processed
        ("20500", Class::Unavailable), // internal error
        ("20503", Class::Unavailable), // service unavailable
        ("21211", Class::Recipient),   // `To` is not a number
        ("21212", Class::Provider),    // `From` is not a number or sender
        ("21408", Class::Message),     // the account may not send to this country
        ("21602", Class::Message),     // no body
        ("21603", Class::Provider),    // no `From`
        ("21606", Class::Provider),    // `From` is not ours, or cannot send
        ("21610", Class::Suppressed),  // the recipient replied STOP
        ("21611", Class::RateLimited), // `From` has too many messages waiting
        ("21612", Class::Recipient),   // `To` cannot be reached from this `From`
        ("21614", Class::Recipient),   // `To` is not a mobile number
        ("21617", Class::Message),     // body too long
    ],
    // Twilio says of its 5xx that they can be tried again; a 504 is a gateway's, which does not know what Twilio did.
    statuses: &[],
};

/// A code in a status callback.
#[derive(Debug)]
pub(crate) struct ReceiptError {
    pub(crate) code: &'static str,
    /// Whose fault it is.
    pub(crate) class: Class,
    /// What it says: that the message failed, that the address takes none, or that the recipient wants none.
    pub(crate) says: ReceiptStatus,
    pub(crate) meaning: &'static str,
}

const fn receipt(code: &'static str, class: Class, says: ReceiptStatus, meaning: &'static str) -> ReceiptError {
    ReceiptError { code, class, says, meaning }
}

/// Callbacks hold a code only, so the words for people are ours. The classes of the first part are the provider's fault or a
/// carrier's, and count against it.
#[rustfmt::skip]
pub(crate) const RECEIPT_ERRORS: &[ReceiptError] = &[
    receipt("30001", Class::Unavailable, Failed, "too many messages were waiting for this sender"),
    receipt("30002", Class::Provider, Failed, "the account was suspended after it took the message"),
    receipt("30008", Class::Unavailable, Failed, "the carrier gave no reason"),
    receipt("30017", Class::Unavailable, Failed, "the carrier's network was congested"),
    receipt("30022", Class::RateLimited, Failed, "the sender went over the rate that carriers allow it"),
    receipt("30034", Class::Provider, Failed, "the sender is not registered for messages to the United States"),
    // The phone is off: nobody's fault, and the number is good.
    receipt("30003", Class::Recipient, Failed, "the handset is switched off or out of reach"),
    receipt("30004", Class::Suppressed, Unsubscribed, "the message was blocked, often because the recipient replied STOP"),
    receipt("30005", Class::Recipient, Bounced, "the number is unknown or no longer in use"),
    receipt("30006", Class::Recipient, Bounced, "the number is a landline, or its carrier cannot be reached"),
    receipt("30007", Class::Message, Failed, "the carrier or Twilio filtered the message"),
    // A messaging service finds out after it has answered.
    receipt("21610", Class::Suppressed, Unsubscribed, "the recipient replied STOP"),
];

pub(crate) fn receipt_error(code: &str) -> Option<&'static ReceiptError> {
    RECEIPT_ERRORS.iter().find(|known| known.code == code)
}
