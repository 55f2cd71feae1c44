//! Google's errors: `google.rpc.Status` as JSON (cloud.google.com/apis/design/errors), with the error codes of
//! firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode among the details.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

use super::super::{Refusal, vendor};

/// What Google answers to a request that it does not take.
#[derive(Debug)]
pub(super) struct FcmError {
    code: StatusCode,
    /// The canonical code.
    status: &'static str,
    message: String,
    details: Vec<Value>,
    retry_after_s: Option<u32>,
}

const AUTHENTICATE: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
                            https://developers.google.com/identity/sign-in/web/devconsole-project.";

impl FcmError {
    fn new(code: StatusCode, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), details: Vec::new(), retry_after_s: None }
    }

    /// An error of Firebase Cloud Messaging itself.
    fn of_fcm(code: StatusCode, status: &'static str, error: &str, message: impl Into<String>) -> Self {
        let detail = json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": error });
        Self { details: vec![detail], ..Self::new(code, status, message) }
    }

    /// The message has the right form and says something that cannot be.
    pub(super) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::of_fcm(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "INVALID_ARGUMENT", message)
    }

    /// The JSON does not fit the schema: each field with what is wrong.
    pub(super) fn bad_request(violations: &[(String, String)]) -> Self {
        let descriptions: Vec<&str> = violations.iter().map(|(_, description)| description.as_str()).collect();
        let violation = |(field, description): &(String, String)| match field.as_str() {
            "" => json!({ "description": description }),
            field => json!({ "field": field, "description": description }),
        };
        let violations: Vec<Value> = violations.iter().map(violation).collect();
        let detail = json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations });
        let error = Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", descriptions.join("\n"));
        Self { details: vec![detail], ..error }
    }

    pub(super) fn no_json() -> Self {
        let description = "Invalid JSON payload received. Unexpected token.".to_owned();
        Self::bad_request(&[(String::new(), description)])
    }

    pub(super) fn too_big() -> Self {
        Self::invalid_argument("Android message is too big")
    }

    pub(super) fn no_credentials() -> Self {
        Self::unauthenticated("Request is missing required authentication credential.", "CREDENTIALS_MISSING")
    }

    pub(super) fn bad_credentials() -> Self {
        Self::unauthenticated("Request had invalid authentication credentials.", "ACCESS_TOKEN_EXPIRED")
    }

    fn unauthenticated(message: &str, reason: &str) -> Self {
        let error = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", format!("{message} {AUTHENTICATE}"));
        Self { details: vec![error_info(reason)], ..error }
    }

    pub(super) fn insufficient_scopes() -> Self {
        let message = "Request had insufficient authentication scopes.";
        let error = Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message);
        Self { details: vec![error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")], ..error }
    }

    pub(super) fn no_permission(project: &str) -> Self {
        let message = format!(
            "Permission 'cloudmessaging.messages.create' denied on resource \
             '//cloudresourcemanager.googleapis.com/projects/{project}' (or it may not exist)."
        );
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    /// The error that a registration token stands for.
    pub(super) fn magic(token: &str) -> Option<Self> {
        Some(match token {
            "unregistered" => {
                let message = "Requested entity was not found.";
                Self::of_fcm(StatusCode::NOT_FOUND, "NOT_FOUND", "UNREGISTERED", message)
            }
            "sender-id-mismatch" => {
                Self::of_fcm(StatusCode::FORBIDDEN, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch")
            }
            "quota-exceeded" => Self::quota_exceeded(Some(60)),
            "invalid-argument" => Self::bad_token(),
            "third-party-auth-error" => {
                let message = "Auth error from APNS or Web Push Service";
                Self::of_fcm(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", message)
            }
            "unavailable" => Self { retry_after_s: Some(30), ..Self::unavailable() },
            "internal" => {
                let message = "Internal error encountered.";
                Self::of_fcm(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "INTERNAL", message)
            }
            _ => return None,
        })
    }

    pub(super) fn bad_token() -> Self {
        Self::invalid_argument("The registration token is not a valid FCM registration token")
    }

    /// "An extension of type google.rpc.QuotaFailure is returned to specify which quota was exceeded."
    fn quota_exceeded(retry_after_s: Option<u32>) -> Self {
        let message = "Quota exceeded for quota metric 'Message rate' and limit 'Message rate per device'";
        let mut error = Self::of_fcm(StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", message);
        let violation = json!({ "subject": "device", "description": message });
        let failure = json!({ "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation] });
        error.details.push(failure);
        Self { retry_after_s, ..error }
    }

    fn unavailable() -> Self {
        let message = "The service is currently unavailable.";
        Self::of_fcm(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "UNAVAILABLE", message)
    }

    pub(super) fn render(&self) -> Response {
        let mut error = json!({ "code": self.code.as_u16(), "message": self.message, "status": self.status });
        if !self.details.is_empty() {
            error["details"] = json!(self.details);
        }
        let mut answer = vendor::json(self.code, &json!({ "error": error }));
        if let Some(seconds) = self.retry_after_s {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

fn error_info(reason: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
        "metadata": { "service": "fcm.googleapis.com", "method": "google.firebase.fcm.v1.FcmService.SendMessage" },
    })
}

/// The answer that a switched fault asks for.
pub(super) fn refusal(fault: &Refusal) -> Response {
    match fault {
        Refusal::Unavailable => FcmError::unavailable().render(),
        Refusal::RateLimited { retry_after_s } => FcmError::quota_exceeded(*retry_after_s).render(),
        Refusal::Rejected { code, .. } => {
            let error = match code {
                Some(401) => FcmError::bad_credentials(),
                Some(403) => FcmError::no_permission("sandbox"),
                Some(404) => FcmError::magic("unregistered").unwrap_or_else(FcmError::bad_token),
                _ => FcmError::invalid_argument("Rejected by a sandbox fault"),
            };
            error.render()
        }
    }
}
