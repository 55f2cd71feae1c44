//! The kinds of problem that the API answers with: the closed vocabulary behind `type`.

use http::StatusCode;

/// What kind of thing went wrong. Clients may depend on [`ProblemKind::name`] and [`ProblemKind::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The body is not JSON.
    MalformedBody,
    /// A parameter of the path, the query or a header cannot be used.
    InvalidParameter,
    /// What a vendor sent cannot be read.
    MalformedReceipt,
    /// Who sent this is not who it has to be.
    Unverified,
    /// There is nothing here.
    NotFound,
    /// The resource does not know this method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The idempotency key stands for a different request.
    KeyReused,
    /// It was sent, is being sent, or has ended.
    TooLate,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// The body is JSON, but fields of it cannot be used.
    InvalidRequest,
    /// As many replays run as may.
    TooManyReplays,
    /// A defect of the server.
    Internal,
    /// More connections than the server serves.
    Overloaded,
    /// There is more to do than can be kept up with.
    QueueFull,
    /// The server is about to end.
    Stopping,
    /// Something that the server depends on does not work.
    Unavailable,
}

impl ProblemKind {
    /// Every kind, by status.
    pub const ALL: [ProblemKind; 18] = [
        Self::MalformedBody,
        Self::InvalidParameter,
        Self::MalformedReceipt,
        Self::Unverified,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::KeyReused,
        Self::TooLate,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidRequest,
        Self::TooManyReplays,
        Self::Internal,
        Self::Overloaded,
        Self::QueueFull,
        Self::Stopping,
        Self::Unavailable,
    ];

    /// The last segment of `type`, which is `/problems/<name>`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MalformedBody => "malformed-body",
            Self::InvalidParameter => "invalid-parameter",
            Self::MalformedReceipt => "malformed-receipt",
            Self::Unverified => "unverified",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::KeyReused => "key-reused",
            Self::TooLate => "too-late",
            Self::BodyTooLarge => "body-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::InvalidRequest => "invalid-request",
            Self::TooManyReplays => "too-many-replays",
            Self::Internal => "internal",
            Self::Overloaded => "overloaded",
            Self::QueueFull => "queue-full",
            Self::Stopping => "stopping",
            Self::Unavailable => "unavailable",
        }
    }

    /// The status that goes with it (RFC 9110 section 15).
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::MalformedBody | Self::InvalidParameter | Self::MalformedReceipt => StatusCode::BAD_REQUEST,
            Self::Unverified => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::KeyReused | Self::TooLate => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidRequest => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyReplays => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Overloaded | Self::QueueFull | Self::Stopping | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The `title`: the same for every occurrence.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::MalformedBody => "The body is not JSON",
            Self::InvalidParameter => "A parameter cannot be used",
            Self::MalformedReceipt => "The receipt cannot be read",
            Self::Unverified => "The signature is not right",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::RequestTimeout => "The body did not arrive in time",
            Self::KeyReused => "The idempotency key was used before",
            Self::TooLate => "It is too late for that",
            Self::BodyTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body must be JSON",
            Self::InvalidRequest => "The request is not valid",
            Self::TooManyReplays => "Too many replays",
            Self::Internal => "Internal error",
            Self::Overloaded => "Too many connections",
            Self::QueueFull => "Too much to do",
            Self::Stopping => "The server is stopping",
            Self::Unavailable => "Not available at the moment",
        }
    }

    /// What it means and what to do about it: the text behind `type`.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::MalformedBody => {
                "The body could not be read as JSON in UTF-8. `detail` names the line and column. Nothing was stored."
            }
            Self::InvalidParameter => {
                "A parameter of the path, the query string or a header is unknown, given twice or malformed. `field` \
                 names it. Nothing was stored."
            }
            Self::MalformedReceipt => {
                "What was sent to the address for receipts is signed, but cannot be read as what the vendor sends. \
                 Nothing was stored. The log has the details under `request_id`, at the level `debug`."
            }
            Self::Unverified => {
                "What was sent to the address for receipts has no signature, a wrong one, or one that is too old. \
                 Nothing was stored. Compare the secret or key in the provider's settings with the vendor's, and \
                 `server.public_url` with the address that the vendor calls: signatures cover it."
            }
            Self::NotFound => "There is no such route, or no record with this id or name.",
            Self::MethodNotAllowed => {
                "The route exists, but not for this method. The `Allow` header lists those it has."
            }
            Self::RequestTimeout => {
                "The body did not arrive within the configured time. Nothing was stored. Send it again."
            }
            Self::KeyReused => {
                "The idempotency key was used for a request that differs from this one. Nothing was stored. Use a new \
                 key for a new request, and exactly the same body for a repeated one."
            }
            Self::TooLate => {
                "Nothing of the notification can be changed like this any more: it was sent, is being sent, or has \
                 ended. Nothing was changed. `detail` says how each delivery stands."
            }
            Self::BodyTooLarge => "The body exceeds the configured limit, which `detail` names. Nothing was stored.",
            Self::UnsupportedMediaType => {
                "Send the body with `Content-Type: application/json`, in UTF-8, unencoded. Where many notifications are \
                 submitted at once, `application/x-ndjson` is taken as well."
            }
            Self::InvalidRequest => {
                "The body is JSON, but fields are missing, unknown, of the wrong type or have values that cannot be \
                 used. `errors` lists them with their paths, at most 50, and `errors_omitted` counts the rest; `field` \
                 is the first path. Nothing was stored."
            }
            Self::TooManyReplays => {
                "Replays run slowly on purpose, and only a few at the same time. Nothing was started. Wait for one to \
                 end: `GET /v1/replays` shows how far they are."
            }
            Self::Internal => {
                "A defect of the server. Whether the request had an effect is not known: repeat it with the same \
                 idempotency key. The log has the details under `request_id`."
            }
            Self::Overloaded => {
                "The server has as many connections as it is configured to serve. Nothing was stored. Send the request \
                 again after `Retry-After` seconds, and reuse connections."
            }
            Self::QueueFull => {
                "More waits to be stored or sent than the server is configured to hold. Nothing was stored. Send the \
                 request again after `Retry-After` seconds; the same idempotency key makes that safe."
            }
            Self::Stopping => {
                "The server is shutting down and accepts nothing more. Nothing was stored. Send the request again \
                 after `Retry-After` seconds."
            }
            Self::Unavailable => {
                "The store, the user database or the catalog does not answer usefully. When it happens to a request \
                 that stores something, its effect is not known: repeat it with the same idempotency key after \
                 `Retry-After` seconds."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_urls() {
        let names: BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ProblemKind::ALL.len());
        for name in names {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
        }
    }

    #[test]
    fn every_kind_is_an_error() {
        for kind in ProblemKind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        }
    }
}
