//! What FCM's errors mean.

use notifier_plugin_sdk::{Class, ErrorTable};

/// The codes of an `FcmError` (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>), and where an answer has none,
/// its status (<https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>). `UNSPECIFIED_ERROR` and `UNKNOWN`
/// say nothing: the HTTP status does.
pub(crate) const ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        ("INVALID_ARGUMENT", Class::Message),         // what is wrong with it is in the fields: see [`ARGUMENTS`]
        ("UNREGISTERED", Class::Suppressed),          // the app was removed, or has another token by now: delete this one
        ("SENDER_ID_MISMATCH", Class::Recipient),     // the token is of another project's app
        ("QUOTA_EXCEEDED", Class::RateLimited),       // too many messages, in all or to this device
        ("UNAVAILABLE", Class::Unavailable),          // overloaded
        ("INTERNAL", Class::Unavailable),             // internal error; "you could retry the same request"
        ("THIRD_PARTY_AUTH_ERROR", Class::Recipient), // the project's key for APNs or for web push: see [`THIRD_PARTY_AUTH`]
        ("APNS_AUTH_ERROR", Class::Recipient),        // its former name, which Google's own libraries still know

        ("UNAUTHENTICATED", Class::Provider),         // no valid access token
        ("PERMISSION_DENIED", Class::Provider),       // the service account may not send, or the API is not enabled
        ("NOT_FOUND", Class::Provider),               // not a token, which would be UNREGISTERED: the project
        ("UNIMPLEMENTED", Class::Provider),           // not the API that was meant
        ("RESOURCE_EXHAUSTED", Class::RateLimited),   // a quota of the project
        ("ABORTED", Class::Unavailable),              // in conflict with another request
        ("CANCELLED", Class::Unknown),                // somewhere on the way
        ("DEADLINE_EXCEEDED", Class::Unknown),        // "may be returned even if the operation has completed"
    ],
    statuses: &[],
};

/// "A message targeted to an iOS device or a web push registration could not be sent. Check the validity of your development and
/// production credentials" (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>). An operator has to act, but Android
/// is served all the same: the provider goes on.
pub(crate) const THIRD_PARTY_AUTH: [&str; 2] = ["THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"];

/// Whose fault an `INVALID_ARGUMENT` is by the field that a `google.rpc.BadRequest` points at.
pub(crate) const ARGUMENTS: &[(&str, Class)] = &[("message.token", Class::Recipient)];

/// Of a token that cannot be one, FCM names no field by now, and only its words tell: "The registration token is not a valid FCM
/// registration token" (<https://firebase.google.com/docs/cloud-messaging/error-codes>).
pub(crate) const TOKEN_IS_INVALID: &str = "not a valid FCM registration token";

/// "Use exponential backoff with a minimum initial delay of 1 minute"
/// (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>, `QUOTA_EXCEEDED`).
pub(crate) const RATE_LIMIT_MS: u64 = 60_000;
