//! A vendor's error codes as data, so that a code which the vendor adds or splits is one line.

use crate::contract::{Problem, Rejection, RejectionKind, Response, SendError, Wait};
use crate::{clock, retry_after};

/// What an error means for the message and for its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not processed, ask again when the vendor says so.
    RateLimited,
    /// Certainly not processed, and likely to work later.
    Unavailable,
    /// This message will never be taken.
    Message,
    /// The address is wrong.
    Recipient,
    /// The recipient opted out, bounced or complained before.
    Suppressed,
    /// Credentials, account, sender or settings.
    Provider,
    /// May have been processed.
    Unknown,
}

impl Class {
    /// As in the attribute `class` of a receipt event, where the contract has no word of its own.
    pub fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Message => "message",
            Self::Recipient => "recipient",
            Self::Suppressed => "suppressed",
            Self::Provider => "provider",
            Self::Unknown => "unknown",
        }
    }

    /// This class of an answer, with how long the vendor asked to be left alone.
    pub fn of_answer(self, response: &Response, problem: Problem) -> SendError {
        self.into_error(retry_after::retry_after_ms(response, clock::now_ms()), problem)
    }

    /// This class with a problem, as the contract words it.
    pub fn into_error(self, retry_after_ms: Option<u64>, problem: Problem) -> SendError {
        let rejected = |kind, problem| SendError::Rejected(Rejection { kind, problem });
        match self {
            Self::RateLimited => SendError::RateLimited(Wait { retry_after_ms, problem }),
            Self::Unavailable => SendError::Unavailable(Wait { retry_after_ms, problem }),
            Self::Message => rejected(RejectionKind::Message, problem),
            Self::Recipient => rejected(RejectionKind::Recipient, problem),
            Self::Suppressed => rejected(RejectionKind::Suppressed, problem),
            Self::Provider => rejected(RejectionKind::Provider, problem),
            Self::Unknown => SendError::Unknown(problem),
        }
    }
}

/// What a vendor's codes mean. A code that is not listed means what its HTTP status means.
#[derive(Clone, Copy, Debug)]
pub struct ErrorTable {
    /// The vendor's codes, each once.
    pub codes: &'static [(&'static str, Class)],
    /// Statuses that mean something else with this vendor than in [`ErrorTable::class_of_status`].
    pub statuses: &'static [(u16, Class)],
}

impl ErrorTable {
    /// For a vendor whose HTTP status says it all.
    pub const NONE: Self = Self { codes: &[], statuses: &[] };

    /// The class of a code, or else of a status.
    pub fn class(&self, code: Option<&str>, status: u16) -> Class {
        let by_code = code.and_then(|code| find(self.codes, |known| *known == code));
        by_code
            .or_else(|| find(self.statuses, |known| *known == status))
            .unwrap_or_else(|| Self::class_of_status(status))
    }

    /// The error that an answer means, with how long the vendor asked to be left alone.
    pub fn classify(&self, response: &Response, problem: Problem) -> SendError {
        self.class(problem.code.as_deref(), response.status).of_answer(response, problem)
    }

    /// What HTTP statuses mean in general (RFC 9110, RFC 6585).
    pub fn class_of_status(status: u16) -> Class {
        match status {
            // An error answer without an error status: whoever called this could not read a success.
            0..=299 => Class::Unknown,
            // Redirects are not followed: whoever answers is not the API that was meant.
            300..=399 => Class::Provider,
            401 | 402 | 403 | 404 | 407 | 410 => Class::Provider,
            // The server gave up waiting for our request, so it has not got it.
            408 => Class::Unavailable,
            425 => Class::Unavailable,
            429 => Class::RateLimited,
            400..=499 => Class::Message,
            // A gateway got no usable answer from the server behind it, and does not know what that one did (RFC 9110, 15.6.3
            // and 15.6.5). 520, 522 and 524 are Cloudflare's words for the same: an answer that it could not read, a connection
            // on which the request was not acknowledged, no answer in time
            // (<https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/>).
            502 | 504 | 520 | 522 | 524 => Class::Unknown,
            500..=599 => Class::Unavailable,
            _ => Class::Unknown,
        }
    }
}

fn find<K>(table: &[(K, Class)], is_it: impl Fn(&K) -> bool) -> Option<Class> {
    table.iter().find(|(known, _)| is_it(known)).map(|(_, class)| *class)
}
