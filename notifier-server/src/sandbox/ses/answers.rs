//! SES's answers in the form of the protocol restJson1 (smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html): the
//! name of an error is in a header, its words are in the body.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, DATE},
};
use jiff::Timestamp;
use serde_json::json;

use super::super::{Refusal, sigv4::SignatureError};

/// The errors of SendEmail and their statuses: `sesv2/2019-09-27/service-2.json` in github.com/boto/botocore.
const ERRORS: [(&str, u16, &str); 8] = [
    ("AccountSuspendedException", 400, "The account's ability to send email has been permanently restricted."),
    ("BadRequestException", 400, "The input you provided is invalid."),
    ("LimitExceededException", 400, "There are too many instances of the specified resource type."),
    ("MailFromDomainNotVerifiedException", 400, "The sending domain isn't verified."),
    (
        "MessageRejected",
        400,
        "Email address is not verified. The following identities failed the check in region US-EAST-1",
    ),
    ("NotFoundException", 404, "The resource you attempted to access doesn't exist."),
    ("SendingPausedException", 400, "The account's ability to send email is currently paused."),
    ("TooManyRequestsException", 429, "Maximum sending rate exceeded."),
];

/// The status of an error of SendEmail.
pub(in super::super) fn status_of(name: &str) -> Option<u16> {
    ERRORS.iter().find(|(known, ..)| *known == name).map(|(_, status, _)| *status)
}

/// What SES answers to a request that it does not take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AwsError {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl AwsError {
    pub(super) fn new(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into() }
    }

    /// What is asked for cannot be.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestException", message)
    }

    /// A member of the request breaks a constraint of the API's description.
    pub(super) fn constraint(member: &str, constraint: &str) -> Self {
        let told =
            format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}");
        Self::bad_request(told)
    }

    pub(super) fn render(&self, request_id: &str, now: Timestamp) -> Response {
        let mut headers = head(request_id, now);
        headers.insert("x-amzn-errortype", HeaderValue::from_static(self.name));
        (self.status, headers, Body::from(json!({ "message": self.message }).to_string())).into_response()
    }
}

/// Names of the common errors as the services of restJson1 have them; their words are those of all services.
impl From<SignatureError> for AwsError {
    fn from(error: SignatureError) -> Self {
        let (name, message) = match error {
            SignatureError::Missing => {
                ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
            }
            SignatureError::Incomplete(message) => ("IncompleteSignatureException", message),
            SignatureError::UnknownKey => {
                ("UnrecognizedClientException", "The security token included in the request is invalid.".to_owned())
            }
            SignatureError::Mismatch(message) => ("InvalidSignatureException", message),
        };
        Self::new(StatusCode::FORBIDDEN, name, message)
    }
}

/// The message was taken.
pub(super) fn accepted(message_id: &str, request_id: &str, now: Timestamp) -> Response {
    (head(request_id, now), Body::from(json!({ "MessageId": message_id }).to_string())).into_response()
}

/// The error that a switched fault asks for.
pub(super) fn refusal(fault: &Refusal) -> AwsError {
    let of_name = |name: &str| {
        let known = ERRORS.iter().find(|(known, ..)| *known == name);
        let (name, status, message) = known.unwrap_or(&ERRORS[1]);
        AwsError::new(StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST), name, *message)
    };
    match fault {
        Refusal::Unavailable => {
            let told = "Service is unable to handle request.";
            AwsError::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", told)
        }
        // SES does not say how long to wait.
        Refusal::RateLimited { .. } => of_name("TooManyRequestsException"),
        Refusal::Rejected { field, .. } => of_name(field.as_deref().unwrap_or("MessageRejected")),
    }
}

/// The time is told, by which a caller whose clock is wrong can sign.
fn head(request_id: &str, now: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [(DATE.as_str(), date.as_str()), ("x-amzn-requestid", request_id)] {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers
}
