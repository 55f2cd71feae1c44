//! What Vonage's codes mean: those in answers (<https://developer.vonage.com/en/api-errors/sms>) and those in delivery receipts
//! (<https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts>).

use notifier_plugin_sdk::ReceiptStatus::{self, Bounced, Failed, Unsubscribed};
use notifier_plugin_sdk::{Class, ErrorTable};

/// The status of a message that was taken.
pub(crate) const TAKEN: &str = "0";

/// The status for a sender that does not fit the destination: in the United States and in Canada it has to be a number of the
/// account (<https://api.support.vonage.com/hc/en-us/articles/204014883-Rejection-Code-10-or-Error-Code-15-Illegal-Sender>).
/// Other destinations take it, so the provider goes on.
pub(crate) const SENDER_OF_ANOTHER_DESTINATION: &str = "15";

/// The statuses of messages that were not taken.
pub(crate) const REQUEST_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("1", Class::RateLimited), // faster than the account may send
        ("2", Class::Message),     // a parameter is missing
        ("3", Class::Message),     // a parameter is invalid
        ("4", Class::Provider),    // wrong key or secret
        ("5", Class::Unavailable), // internal error
        ("6", Class::Recipient),   // cannot be processed, as with an unknown prefix of the number
        ("7", Class::Suppressed),  // the number is barred
        ("8", Class::Provider),    // the account is barred
        ("9", Class::Provider),    // no credit left
        ("10", Class::RateLimited), // too many connections
        ("11", Class::Provider),   // the account may not use this API
        ("12", Class::Message),    // too long
        ("14", Class::Provider),   // wrong signature: the account wants signed requests
        ("15", Class::Message),    // the sender is not allowed for this destination: see [`SENDER_OF_ANOTHER_DESTINATION`]
        ("22", Class::Message),    // wrong network code, which is never sent
        ("23", Class::Provider),   // the callback is too long or no URL
        ("29", Class::Message),    // a demo account, which sends to listed numbers only: others still get theirs
        ("32", Class::Provider),   // signed and with a secret
        ("33", Class::Recipient),  // the number is out of use
    ],
    // Vonage answers 200 whatever it did. A status that is not listed is no success all the same, and says nothing about the
    // account or the address.
    statuses: &[(200, Class::Message)],
};

/// An `err-code` of a delivery receipt.
#[derive(Debug)]
pub(crate) struct ReceiptError {
    pub(crate) code: &'static str,
    /// Whose fault it is.
    pub(crate) class: Class,
    /// What it says: that the message failed, that the number takes none, or that the recipient wants none.
    pub(crate) says: ReceiptStatus,
    pub(crate) meaning: &'static str,
}

const fn receipt(code: &'static str, class: Class, says: ReceiptStatus, meaning: &'static str) -> ReceiptError {
    ReceiptError { code, class, says, meaning }
}

/// Receipts hold a code only, so the words for people are ours. The number is good where a later message may arrive, or where
/// only a route to it is missing (12).
#[rustfmt::skip]
pub(crate) const RECEIPT_ERRORS: &[ReceiptError] = &[
    receipt("1", Class::Unavailable, Failed, "no reason could be determined"),
    receipt("2", Class::Recipient, Failed, "the handset was out of reach"),
    receipt("3", Class::Recipient, Bounced, "the number is no longer in use"),
    receipt("4", Class::Recipient, Bounced, "the subscription bars messages"),
    receipt("5", Class::Recipient, Failed, "the number was ported and cannot be reached"),
    receipt("6", Class::Message, Failed, "the carrier's spam filter blocked the message"),
    receipt("7", Class::Recipient, Failed, "the handset was busy"),
    receipt("8", Class::Unavailable, Failed, "the network had an error"),
    receipt("9", Class::Suppressed, Unsubscribed, "the recipient asked for no messages from this service"),
    receipt("10", Class::Message, Failed, "the message has an error, as in its encoding"),
    receipt("11", Class::Unavailable, Failed, "Vonage has no route to the number"),
    receipt("12", Class::Recipient, Failed, "there is no route to the number: is it right?"),
    receipt("13", Class::Recipient, Failed, "the recipient is too young for such messages"),
    receipt("14", Class::Recipient, Bounced, "the carrier blocks messages to the number"),
    receipt("15", Class::Recipient, Failed, "the recipient's prepaid credit is used up"),
    receipt("16", Class::Provider, Failed, "the account's credit is used up"),
    receipt("39", Class::Provider, Failed, "the sender may not send to the United States"),
    receipt("41", Class::RateLimited, Failed, "the sender's daily limit is used up"),
    receipt("50", Class::Provider, Failed, "the entity id is missing or wrong"),
    receipt("51", Class::Provider, Failed, "the sender is not registered for the entity id"),
    receipt("52", Class::Message, Failed, "the text is not the one registered as the content id"),
    receipt("53", Class::Message, Failed, "the consent filter blocked the message"),
    receipt("54", Class::Message, Failed, "a regulation of the country forbids the message"),
    receipt("99", Class::Unavailable, Failed, "the route had an error"),
];

pub(crate) fn receipt_error(code: &str) -> Option<&'static ReceiptError> {
    RECEIPT_ERRORS.iter().find(|known| known.code == code)
}
