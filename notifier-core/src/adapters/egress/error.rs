//! How a request can fail, by the one question that matters afterwards: may it have been processed?

/// Why there is no usable response. The first three mean that nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The policy forbids it: the host, the port, the scheme or the address behind the name.
    #[error("denied: {0}")]
    Denied(String),
    /// The request itself is malformed or too large.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// There was no connection (name, route, TLS), or it closed before it took the request.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The request was, or may have been, on its way when the connection or the time ended: it may have been processed.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// The response is larger than allowed; the request was processed as its status says.
    #[error("the response with status {status} is too large")]
    TooLarge {
        /// HTTP status of the response.
        status: u16,
    },
}
