//! Amazon SNS's answers: XML of AWS's query protocol.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::CONTENT_TYPE};

use super::super::{Refusal, sigv4::SignatureError};

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// What Amazon SNS answers to a request that it does not take.
#[derive(Debug)]
pub(super) struct SnsError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

impl SnsError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidParameter", message)
    }

    pub(super) fn render(&self, request_id: &str) -> Response {
        let side = if self.status.is_server_error() { "Receiver" } else { "Sender" };
        let body = format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>{side}</Type>\n    <Code>{}</Code>\n    \
             <Message>{}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
            self.code,
            escape(&self.message)
        );
        xml(self.status, body, request_id)
    }
}

/// Statuses and codes of the common errors: docs.aws.amazon.com/sns/latest/api/CommonErrors.html.
impl From<SignatureError> for SnsError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Missing => {
                let message = "Request is missing Authentication Token";
                Self::new(StatusCode::FORBIDDEN, "MissingAuthenticationToken", message)
            }
            SignatureError::Incomplete(message) => Self::new(StatusCode::BAD_REQUEST, "IncompleteSignature", message),
            SignatureError::UnknownKey => {
                let message = "The security token included in the request is invalid.";
                Self::new(StatusCode::FORBIDDEN, "InvalidClientTokenId", message)
            }
            SignatureError::Mismatch(message) => Self::new(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message),
        }
    }
}

pub(super) fn published(id: &str, request_id: &str) -> Response {
    let body = format!(
        "<PublishResponse xmlns=\"{NAMESPACE}\">\n  <PublishResult>\n    <MessageId>{id}</MessageId>\n  </PublishResult>\n  \
         <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n</PublishResponse>\n"
    );
    xml(StatusCode::OK, body, request_id)
}

/// What AWS's services answer before they know what is asked: not an error of the query protocol.
pub(super) fn unknown_operation() -> Response {
    (StatusCode::NOT_FOUND, "<UnknownOperationException/>\n").into_response()
}

/// The answer that a switched fault asks for. Amazon never says how long to wait.
pub(super) fn refusal(fault: &Refusal) -> SnsError {
    match fault {
        Refusal::Unavailable => {
            let message = "The request has failed due to a temporary failure of the server.";
            SnsError::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
        }
        Refusal::RateLimited { .. } => SnsError::new(StatusCode::TOO_MANY_REQUESTS, "Throttled", "Rate exceeded"),
        Refusal::Rejected { code, .. } => {
            let message = "Rejected by a sandbox fault";
            match code {
                Some(403) => SnsError::new(StatusCode::FORBIDDEN, "AuthorizationError", message),
                Some(404) => SnsError::new(StatusCode::NOT_FOUND, "NotFound", message),
                _ => SnsError::invalid(message),
            }
        }
    }
}

fn xml(status: StatusCode, body: String, request_id: &str) -> Response {
    let headers = [(CONTENT_TYPE.as_str(), "text/xml"), ("x-amzn-requestid", request_id)];
    (status, headers, Body::from(body)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
