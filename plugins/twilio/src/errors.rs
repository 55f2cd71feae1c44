//! What Twilio's codes mean. They are described at <https://www.twilio.com/docs/api/errors>, each on a page of its own:
//! <https://www.twilio.com/docs/api/errors/21610>. Listed are those that can concern a message as this plugin sends it, which has
//! no content template, no schedule and no channel but SMS.

use notifier_plugin_sdk::ReceiptStatus::{self, Bounced, Failed, Unsubscribed};
use notifier_plugin_sdk::{Class, ErrorTable};

/// Codes in the answer to a request. Twilio splits codes now and then; one that is missing here means what its HTTP status
/// means.
pub(crate) const REQUEST_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("20001", Class::Provider),    // a parameter of the request is unknown
        ("20003", Class::Provider),    // authentication failed
        ("20004", Class::Provider),    // method not allowed: this is not the API that `base_url` should name
        ("20005", Class::Provider),    // account not active
        ("20006", Class::Provider),    // access denied
        ("20008", Class::Provider),    // test credentials cannot do this, as with a messaging service
        ("20010", Class::Provider),    // the account is not allowed to do this
        ("20403", Class::Provider),    // forbidden
        ("20404", Class::Provider),    // no such account
        ("20422", Class::Message),     // a parameter is invalid
        ("20423", Class::Provider),    // a SID is invalid
        ("20426", Class::Provider),    // encryption of an older version than Twilio speaks
        ("20429", Class::RateLimited), // too many requests; this one was not processed
        ("20500", Class::Unavailable), // internal error
        ("20503", Class::Unavailable), // service unavailable
        ("20504", Class::Unknown),     // internal error of which nothing is said: as with HTTP 504, it may have been processed
        ("21211", Class::Recipient),   // `To` is not a number
        ("21212", Class::Provider),    // `From` is not a number or sender
        ("21217", Class::Recipient),   // the number does not appear to be valid
        ("21264", Class::Provider),    // `From` is not verified
        ("21265", Class::Recipient),   // `To` is a short code
        ("21266", Class::Recipient),   // `To` is `From`
        ("21267", Class::Provider),    // a trial account has no alphanumeric sender
        ("21268", Class::Recipient),   // `To` is a premium rate or information service number
        ("21401", Class::Recipient),   // not a phone number
        ("21408", Class::Message),     // the account may not send to this country
        ("21470", Class::Provider),    // the account's SID is invalid
        ("21471", Class::Provider),    // no such account
        ("21472", Class::Provider),    // account not active
        ("21601", Class::Provider),    // `From` cannot send text messages
        ("21602", Class::Message),     // no body
        ("21603", Class::Provider),    // no `From`
        ("21604", Class::Recipient),   // no `To`
        ("21605", Class::Message),     // body too long
        ("21606", Class::Message),     // `From` is no sender for this destination, or not ours
        ("21607", Class::Provider),    // a trial account can send from its trial number only
        ("21608", Class::Message),     // a trial account can send to its verified numbers only, and this is none
        ("21609", Class::Provider),    // `StatusCallback` is not a URL that Twilio would call
        ("21610", Class::Suppressed),  // the recipient replied STOP
        ("21611", Class::RateLimited), // `From` has too many messages waiting
        ("21612", Class::Recipient),   // `To` cannot be reached from this `From`
        ("21614", Class::Recipient),   // `To` is not a mobile number
        ("21616", Class::Provider),    // `From` fits several numbers of the account
        ("21617", Class::Message),     // body too long
        ("21618", Class::Message),     // the body cannot be sent
        ("21619", Class::Message),     // neither body nor media
        ("21620", Class::Message),     // a media URL is invalid
        ("21621", Class::Message),     // `From` cannot send media; texts it can
        ("21622", Class::Message),     // the account cannot send media; texts it can
        ("21623", Class::Message),     // too many media
        ("21624", Class::Provider),    // the validity period is out of range
        ("21635", Class::Recipient),   // `To` is a landline
        ("21657", Class::Message),     // the destination does not take this sender id
        ("21658", Class::Message),     // a parameter is too long
        ("21659", Class::Message),     // `From` is a short code of another country, or not Twilio's
        ("21660", Class::Provider),    // `From` is of another account
        ("21661", Class::Provider),    // `From` cannot send text messages
        ("21662", Class::Message),     // `To` cannot be reached from this `From` in the region Ireland
        ("21663", Class::Provider),    // `From` is routed wrongly
        ("21668", Class::Provider),    // numbers like `From` cannot send in the region Ireland
        ("21701", Class::Provider),    // no such messaging service
        ("21702", Class::Provider),    // the messaging service sends no new messages
        ("21703", Class::Message),     // the messaging service has senders, and none for this destination or media
        ("21704", Class::Provider),    // the messaging service has no sender
        ("21705", Class::Provider),    // the messaging service is invalid
        ("21709", Class::Provider),    // the messaging service's alphanumeric sender is invalid
        ("21711", Class::Provider),    // `From` is not of this messaging service
        ("21712", Class::Provider),    // `From` is of another messaging service
        ("21730", Class::Unavailable), // maintenance
        ("21910", Class::Provider),    // `From` and `To` are of different channels
        ("30029", Class::Provider),    // this account has no choice of `ContentRetention`
        ("30030", Class::Provider),    // this account has no choice of `AddressRetention`
        ("30037", Class::Provider),    // the account may not send messages
        ("30044", Class::Message),     // longer than a trial account may send
        ("30454", Class::RateLimited), // the account has sent as many messages as it may
        ("63038", Class::RateLimited), // the account has sent as many messages as it may in 24 hours
        ("90007", Class::Provider),    // the validity period is out of range, here or in the messaging service
    ],
    // Twilio says of its 5xx that they can be tried again; a 502 or 504 is a gateway's, which does not know what Twilio did.
    statuses: &[],
};

/// Codes for a sender that does not fit the destination. Other destinations may take it, so the provider goes on. Twilio's pages: "for this destination/account" (21606), "not supported
/// in the specific destination" (21657), "must be associated with the same country as the destination address" (21659), "none of
/// them are capable of sending the requested message or media to this recipient" (21703).
pub(crate) const SENDER_OF_ANOTHER_DESTINATION: [&str; 4] = ["21606", "21657", "21659", "21703"];

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
    receipt("30018", Class::Provider, Failed, "the carrier wants the sender id registered"),
    receipt("30020", Class::Unavailable, Failed, "Twilio's scheduling failed"),
    receipt("30021", Class::Unavailable, Failed, "Twilio's messaging service failed"),
    receipt("30022", Class::RateLimited, Failed, "the sender went over the rate that carriers allow it"),
    receipt("30023", Class::RateLimited, Failed, "the sender went over what carriers allow it in a day"),
    receipt("30024", Class::Provider, Failed, "the carrier does not know the sender's number"),
    receipt("30027", Class::RateLimited, Failed, "the sender went over what T-Mobile allows it in a day"),
    receipt("30032", Class::Provider, Failed, "the sender's toll-free number is not verified"),
    receipt("30033", Class::Provider, Failed, "the sender's campaign is suspended"),
    receipt("30034", Class::Provider, Failed, "the sender is not registered for messages to the United States"),
    receipt("30035", Class::Provider, Failed, "the sender's number is still being set up"),
    receipt("30036", Class::RateLimited, Failed, "the message waited in Twilio's queue for longer than it was valid"),
    receipt("30037", Class::Provider, Failed, "the account may not send messages"),
    receipt("30040", Class::Provider, Failed, "the carrier wants the sender id registered"),
    receipt("30041", Class::Provider, Failed, "the sender is not registered in the recipient's country"),
    receipt("30042", Class::Provider, Failed, "the alphanumeric sender is generic, or not this account's"),
    receipt("30043", Class::Provider, Failed, "an international message went through a domestic gateway"),
    receipt("30410", Class::Unavailable, Failed, "the carrier did not answer in time"),
    receipt("30454", Class::RateLimited, Failed, "the account has sent as many messages as it may"),
    receipt("30500", Class::Unavailable, Failed, "Twilio failed internally"),
    receipt("63038", Class::RateLimited, Failed, "the account has sent as many messages as it may in 24 hours"),
    // The phone is off: nobody's fault, and the number is good.
    receipt("30003", Class::Recipient, Failed, "the handset is switched off or out of reach"),
    receipt("30004", Class::Suppressed, Unsubscribed, "the message was blocked, often because the recipient replied STOP"),
    receipt("30005", Class::Recipient, Bounced, "the number is unknown or no longer in use"),
    // Also said of a carrier that a short code does not reach, so that the number may be good with another sender.
    receipt("30006", Class::Recipient, Failed, "the number is a landline, or its carrier cannot be reached"),
    receipt("30007", Class::Message, Failed, "the carrier or Twilio filtered the message"),
    receipt("30010", Class::Message, Failed, "the message would have cost more than its highest price"),
    receipt("30011", Class::Message, Failed, "the number takes no media in its region; texts it may"),
    receipt("30019", Class::Message, Failed, "the message is larger than the carrier takes"),
    receipt("30038", Class::Message, Failed, "the one-time password was filtered"),
    receipt("30039", Class::Message, Failed, "filtered, as the recipient seems to answer by itself without end"),
    receipt("30044", Class::Message, Failed, "the message is longer than a trial account may send"),
    receipt("30450", Class::Message, Failed, "Twilio blocked the delivery"),
    receipt("30453", Class::Message, Failed, "the message could not be delivered"),
    receipt("30485", Class::Message, Failed, "the message could not be delivered"),
    // A messaging service finds out after it has answered.
    receipt("21610", Class::Suppressed, Unsubscribed, "the recipient replied STOP"),
];

pub(crate) fn receipt_error(code: &str) -> Option<&'static ReceiptError> {
    RECEIPT_ERRORS.iter().find(|known| known.code == code)
}

/// Whose fault a failure is of which only the code of an answer tells: a messaging service looks for a sender after it has
/// answered, and says then what it would have said before. What is not listed at all says nothing about account or address.
pub(crate) fn class_of_late_answer(code: &str) -> Class {
    REQUEST_ERRORS.codes.iter().find(|(known, _)| *known == code).map_or(Class::Message, |(_, class)| *class)
}
