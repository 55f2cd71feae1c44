//! What SNS's errors mean.

use notifier_plugin_sdk::{Class, ErrorTable};

/// The errors of `Publish` with the codes that stand in answers, from the service's model, and after them those of every AWS
/// service that speaks its protocol (<https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html>).
pub(crate) const PUBLISH_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("AuthorizationError", Class::Provider),          // the key may not publish
        ("EndpointDisabled", Class::Recipient),           // of an application's endpoint
        ("InternalError", Class::Unavailable),            // SNS failed
        (INVALID_PARAMETER, Class::Message),              // a parameter breaks a rule
        ("InvalidSecurity", Class::Provider),             // the signature is wrong, or the request came without TLS
        ("KMSAccessDenied", Class::Provider),             // of an encrypted topic
        ("KMSDisabled", Class::Provider),                 // of an encrypted topic
        ("KMSInvalidState", Class::Provider),             // of an encrypted topic
        ("KMSNotFound", Class::Provider),                 // of an encrypted topic
        ("KMSOptInRequired", Class::Provider),            // of an encrypted topic
        ("KMSThrottling", Class::RateLimited),            // of an encrypted topic
        ("NotFound", Class::Provider),                    // no such topic or endpoint
        ("ParameterValueInvalid", Class::Message),        // a parameter breaks a rule
        ("PlatformApplicationDisabled", Class::Provider), // of an application's endpoint
        ("ValidationException", Class::Message),          // a parameter is invalid
        // Not in the list of `Publish`, but in that of the service.
        ("OptedOut", Class::Suppressed),                  // the recipient replied STOP
        ("Throttled", Class::RateLimited),                // the rate of the account
        ("UserError", Class::Message),                    // a parameter breaks a rule
        // Of every service.
        ("AccessDenied", Class::Provider),                // no access key reached SNS, or it may nothing
        ("AccessDeniedException", Class::Provider),       // the key may not publish
        ("ExpiredToken", Class::Provider),                // the session token is too old
        ("IncompleteSignature", Class::Provider),         // the signature has not AWS's form
        ("InternalFailure", Class::Unavailable),          // SNS failed
        ("InvalidAction", Class::Provider),               // `base_url` is another service's
        ("InvalidClientTokenId", Class::Provider),        // no such access key, or a wrong session token
        ("MissingAuthenticationToken", Class::Provider),  // no access key reached SNS
        ("NotAuthorized", Class::Provider),               // no permission
        ("OptInRequired", Class::Provider),               // the account has no SNS
        ("RequestExpired", Class::Unavailable),           // signed more than 15 minutes ago, or ahead
        ("ServiceUnavailable", Class::Unavailable),       // SNS failed for the moment
        ("SignatureDoesNotMatch", Class::Provider),       // the secret access key is another one
        ("Throttling", Class::RateLimited),               // the rate of the account
        ("ThrottlingException", Class::RateLimited),      // the rate of the account
        ("UnrecognizedClientException", Class::Provider), // no such access key
        ("ValidationError", Class::Message),              // a parameter is invalid
    ],
    statuses: &[],
};

/// The code of parameters that break a rule.
pub(crate) const INVALID_PARAMETER: &str = "InvalidParameter";

/// How the text of that error begins when the rule is about the recipient, as in "Invalid parameter: PhoneNumber Reason: +1 is
/// not valid to publish to". Not documented; seen in the answers of the service.
pub(crate) const OF_PHONE_NUMBER: &str = "Invalid parameter: PhoneNumber";
