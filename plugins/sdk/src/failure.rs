//! What a failed request means for the message: the one place where `http-error` becomes `send-error`.

use crate::contract::{HttpError, Problem, Rejection, RejectionKind, SendError, Wait};
use crate::error_table::{Class, ErrorTable};

impl SendError {
    /// This message will never be taken; before the first request: not by this vendor, and another provider is asked.
    pub fn message(code: Option<&str>, message: impl Into<String>) -> Self {
        rejected(RejectionKind::Message, code, message.into())
    }

    /// The address is wrong.
    pub fn recipient(code: Option<&str>, message: impl Into<String>) -> Self {
        rejected(RejectionKind::Recipient, code, message.into())
    }

    /// Credentials, account, sender or settings are wrong: an operator must act.
    pub fn provider(code: Option<&str>, message: impl Into<String>) -> Self {
        rejected(RejectionKind::Provider, code, message.into())
    }

    /// The host handed over content of a channel that this plugin did not describe.
    pub fn wrong_channel(channels: &str) -> Self {
        Self::message(None, format!("this provider takes {channels} only"))
    }
}

fn rejected(kind: RejectionKind, code: Option<&str>, message: String) -> SendError {
    SendError::Rejected(Rejection { kind, problem: Problem { code: code.map(Into::into), message } })
}

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> Self {
        let problem = |message| Problem { code: None, message };
        match error {
            HttpError::Denied(reason) => Self::provider(None, format!("the host did not allow the request: {reason}")),
            HttpError::Invalid(reason) => Self::provider(None, format!("the request could not be made: {reason}")),
            HttpError::Unreachable(reason) => Self::Unavailable(Wait {
                retry_after_ms: None,
                problem: problem(format!("no connection to the vendor: {reason}")),
            }),
            HttpError::Interrupted(reason) => Self::Unknown(problem(format!("no answer from the vendor: {reason}"))),
            HttpError::TooLarge(status) => of_unread_answer(status),
        }
    }
}

/// Only the status is known of an answer that was too large, and with it no reason to blame account or address.
fn of_unread_answer(status: u16) -> SendError {
    let class = match status {
        200..=299 | 429 | 500..=599 => ErrorTable::class_of_status(status),
        _ => Class::Message,
    };
    let message = format!("HTTP {status} with a body larger than allowed");
    class.into_error(None, Problem { code: None, message })
}
