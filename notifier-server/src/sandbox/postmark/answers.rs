//! Postmark's answers: `{"To","SubmittedAt","MessageID","ErrorCode":0,"Message":"OK"}`, and errors of the form
//! `{"ErrorCode","Message"}`, whose code the header `X-PM-ApiErrorCode` repeats:
//! postmarkapp.com/developer/api/overview.

use axum::response::Response;
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::super::{Refusal, vendor};

/// The error codes of sending, their statuses and words.
const ERRORS: [(u32, u16, &str); 14] = [
    (10, 401, "Request does not contain a valid Server token."),
    (100, 503, "The Postmark API is offline for maintenance."),
    (101, 500, "You encountered an error that shouldn't have occurred."),
    (300, 422, "Invalid 'To' address."),
    (402, 422, "Invalid JSON."),
    (403, 422, "Invalid request field(s)."),
    (
        406,
        422,
        "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: inactive@example.com. \
         Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression.",
    ),
    (411, 422, "Attachment file type not allowed."),
    (
        412,
        422,
        "While your account is pending approval, all recipient addresses must share the same domain as the From address.",
    ),
    (413, 422, "This account is not approved to send email."),
    (422, 422, "Invalid Server or Account."),
    (1235, 422, "The stream provided: 'stream' does not exist on this server."),
    (1236, 422, "Sending is not supported for this stream type."),
    // Of older documentation, and still seen.
    (400, 422, "The 'From' address you supplied is not a Sender Signature on your account."),
];

/// The status of an error code.
pub(in super::super) fn status_of(code: u32) -> Option<u16> {
    ERRORS.iter().find(|(known, ..)| *known == code).map(|(_, status, _)| *status)
}

/// What Postmark answers to a request that it does not take.
#[derive(Debug)]
pub(super) struct PostmarkError {
    status: StatusCode,
    code: Option<u32>,
    message: String,
}

impl PostmarkError {
    /// An error in Postmark's own words.
    pub(super) fn coded(code: u32) -> Self {
        let known = ERRORS.iter().find(|(known, ..)| *known == code);
        let (code, status, message) = known.unwrap_or(&ERRORS[2]);
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code: Some(*code), message: (*message).to_owned() }
    }

    /// The same, that says more.
    pub(super) fn telling(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The request to send is not valid.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::coded(300).telling(message)
    }

    /// An error that has a status only.
    pub(super) fn of_status(status: StatusCode, message: &str) -> Self {
        Self { status, code: None, message: message.to_owned() }
    }

    pub(super) fn render(self) -> Response {
        let code = self.code.unwrap_or_else(|| u32::from(self.status.as_u16()));
        let mut answer = vendor::json(self.status, &json!({ "ErrorCode": code, "Message": self.message }));
        if self.code.is_some() {
            answer.headers_mut().insert("x-pm-apierrorcode", HeaderValue::from(code));
        }
        answer
    }
}

/// The email was taken, or with the token for tests only checked.
pub(super) fn accepted(to: &str, id: &str, now: Timestamp, message: &str) -> Response {
    let body = json!({
        "To": to,
        "SubmittedAt": now.strftime("%Y-%m-%dT%H:%M:%S.%7f+00:00").to_string(),
        "MessageID": id,
        "ErrorCode": 0,
        "Message": message,
    });
    vendor::json(StatusCode::OK, &body)
}

/// The answer that a switched fault asks for.
pub(super) fn refusal(fault: &Refusal) -> Response {
    match fault {
        Refusal::Unavailable => PostmarkError::coded(100).render(),
        // Postmark does not say how long to wait.
        Refusal::RateLimited { .. } => {
            PostmarkError::of_status(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded.").render()
        }
        Refusal::Rejected { code, .. } => PostmarkError::coded(code.unwrap_or(300)).render(),
    }
}
