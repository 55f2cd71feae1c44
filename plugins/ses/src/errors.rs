//! What SES's errors mean.

use notifier_plugin_sdk::ReceiptStatus::{self, Bounced, Failed};
use notifier_plugin_sdk::{Class, ErrorTable};

/// The errors of `SendEmail` (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>) and those of every
/// AWS service that speaks its protocol (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html>).
pub(crate) const REQUEST_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("AccessDeniedException", Class::Provider),              // the key may not send, or not for this identity
        ("AccountSuspendedException", Class::Provider),          // sending is permanently restricted
        ("BadRequestException", Class::Message),                 // the input is invalid
        ("ExpiredTokenException", Class::Provider),              // the session token is too old
        ("IncompleteSignature", Class::Provider),                // the signature has not AWS's form
        ("InternalFailure", Class::Unavailable),                 // SES failed
        ("InvalidSignatureException", Class::Provider),          // the secret access key is another one
        ("LimitExceededException", Class::Provider),             // a quota of the account that has to be raised
        ("MailFromDomainNotVerifiedException", Class::Provider), // the MAIL FROM domain has no MX record
        ("MalformedHttpRequestException", Class::Message),       // the request cannot be read
        ("MessageRejected", Class::Message),                     // the content is invalid
        ("MissingAuthenticationTokenException", Class::Provider), // no access key reached SES
        ("NotAuthorized", Class::Provider),                      // no permission
        ("NotFoundException", Class::Provider),                  // no such configuration set, tenant or contact list
        ("OptInRequired", Class::Provider),                      // the account has no SES
        ("RequestAbortedException", Class::Unknown),             // the connection ended before the answer was sent
        ("RequestEntityTooLargeException", Class::Message),      // more than SES reads
        ("RequestExpired", Class::Unavailable),                  // signed more than 15 minutes ago, or ahead
        ("RequestTimeoutException", Class::Unavailable),         // SES could not read the request in time
        ("SendingPausedException", Class::Provider),             // sending is paused, for the account or the configuration set
        ("ServiceUnavailable", Class::Unavailable),              // SES failed for the moment
        ("ThrottlingException", Class::RateLimited),             // the rate or the daily quota of the account
        ("TooManyRequestsException", Class::RateLimited),        // the rate or the daily quota of the account
        ("UnknownOperationException", Class::Provider),          // `base_url` is another service's
        ("UnrecognizedClientException", Class::Provider),        // no such access key, or a wrong session token
        ("ValidationError", Class::Message),                     // the input is invalid
        ("ValidationException", Class::Message),                 // the input is invalid
    ],
    statuses: &[],
};

/// In the text of a `MessageRejected` that is about an identity and not about the message: the sender's, or in the sandbox the
/// recipient's (<https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html>).
pub(crate) const NOT_VERIFIED: &str = "not verified";

/// In the text of an error that lasts longer than a second: the quota is that of the last 24 hours, at every moment.
pub(crate) const DAILY_QUOTA: &str = "Daily message quota exceeded";

/// "Wait for an interval of up to 10 minutes" (<https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html>).
pub(crate) const DAILY_QUOTA_WAIT_MS: u64 = 10 * 60 * 1000;

/// Why a mail came back.
#[derive(Debug)]
pub(crate) struct Bounce {
    /// Type and subtype.
    pub(crate) code: &'static str,
    /// Whose fault it is.
    pub(crate) class: Class,
    /// That the address takes no mail, or that this one did not arrive.
    pub(crate) says: ReceiptStatus,
    pub(crate) meaning: &'static str,
}

const fn bounce(code: &'static str, class: Class, says: ReceiptStatus, meaning: &'static str) -> Bounce {
    Bounce { code, class, says, meaning }
}

/// The bounce types (<https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-bounce-types>).
/// A transient one is an end as well, for SES has tried again by itself, but says nothing against the address.
#[rustfmt::skip]
pub(crate) const BOUNCES: &[Bounce] = &[
    bounce("Undetermined.Undetermined", Class::Message, Failed, "SES could not tell why"),
    bounce("Permanent.General", Class::Recipient, Bounced, "the address takes no mail"),
    bounce("Permanent.NoEmail", Class::Recipient, Bounced, "the address does not exist"),
    bounce("Permanent.Suppressed", Class::Suppressed, Bounced, "the address bounced for somebody before: it is on the suppression list of SES"),
    bounce("Permanent.OnAccountSuppressionList", Class::Suppressed, Bounced, "the address is on the account's suppression list, nothing was sent"),
    bounce("Transient.General", Class::Recipient, Failed, "the recipient's server refused the mail for now"),
    bounce("Transient.MailboxFull", Class::Recipient, Failed, "the mailbox is full"),
    bounce("Transient.MessageTooLarge", Class::Message, Failed, "the mail is too large for the recipient's server"),
    bounce("Transient.CustomTimeoutExceeded", Class::Message, Failed, "SES could not deliver the mail in the time that the configuration set allows"),
    bounce("Transient.ContentRejected", Class::Message, Failed, "the recipient's server refused the content"),
    bounce("Transient.AttachmentRejected", Class::Message, Failed, "the recipient's server refused the attachment"),
];

/// What a type means whose subtype is not listed.
pub(crate) const UNKNOWN_BOUNCE: &[Bounce] = &[
    bounce("Permanent", Class::Recipient, Bounced, "the address takes no mail"),
    bounce("Transient", Class::Message, Failed, "the mail did not arrive, and SES has stopped trying"),
];

/// Why a mail is not delivered yet (same page, under `delayType`).
#[rustfmt::skip]
pub(crate) const DELAYS: &[(&str, Class, &str)] = &[
    ("InternalFailure", Class::Unavailable, "SES has a problem of its own"),
    ("General", Class::Unavailable, "the recipient's server ended the conversation"),
    ("MailboxFull", Class::Recipient, "the mailbox is full"),
    ("SpamDetected", Class::Provider, "the recipient's server saw much unsolicited mail from the account"),
    ("RecipientServerError", Class::Recipient, "the recipient's server has a problem"),
    ("IPFailure", Class::Provider, "the recipient's provider blocks or throttles the sending address"),
    ("TransientCommunicationFailure", Class::Unavailable, "the connection to the recipient's server broke off"),
    ("BYOIPHostNameLookupUnavailable", Class::Provider, "the account's own address has no name in DNS"),
    ("Undetermined", Class::Unavailable, "SES could not tell why"),
    ("SendingDeferral", Class::RateLimited, "SES holds the mail back"),
];
