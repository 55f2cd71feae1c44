//! Twilio's answers: the created message, and errors of the form `{code, message, more_info, status}`.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::super::{Refusal, Segments};
use super::parameters::CreateMessage;

/// What Twilio answers to a request that it does not take.
#[derive(Debug)]
pub(super) struct TwilioError {
    code: u32,
    message: Cow<'static, str>,
}

impl TwilioError {
    pub(super) fn new(code: u32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn not_found(path: &str) -> Self {
        Self::new(20404, format!("The requested resource {path} was not found"))
    }

    /// Codes 204xx and 205xx end in their HTTP status; a few others have one of their own; the rest is 400.
    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            20003 => StatusCode::UNAUTHORIZED,
            20004 => StatusCode::METHOD_NOT_ALLOWED,
            21611 => StatusCode::TOO_MANY_REQUESTS,
            20400..=20599 => u16::try_from(self.code - 20_000)
                .ok()
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or_default(),
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn render(&self) -> Response {
        let status = self.status();
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": status.as_u16(),
        });
        (status, [(CONTENT_TYPE, "application/json")], Body::from(body.to_string())).into_response()
    }
}

/// The answer that a switched fault asks for.
pub(super) fn refusal(fault: &Refusal) -> Response {
    match fault {
        Refusal::Unavailable => TwilioError::new(20503, "Service unavailable").render(),
        Refusal::RateLimited { retry_after_s } => {
            let mut answer = TwilioError::new(20429, "Too Many Requests").render();
            if let Some(seconds) = retry_after_s {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            answer
        }
        Refusal::Rejected { code, .. } => {
            TwilioError::new(code.unwrap_or(21211), "Rejected by a sandbox fault").render()
        }
    }
}

/// The representation of a message that was just created: Twilio has not sent anything yet.
#[derive(Serialize)]
struct Created<'a> {
    account_sid: &'a str,
    api_version: &'static str,
    body: &'a str,
    date_created: &'a str,
    date_sent: Option<&'a str>,
    date_updated: &'a str,
    direction: &'static str,
    error_code: Option<u32>,
    error_message: Option<&'a str>,
    from: Option<&'a str>,
    messaging_service_sid: Option<&'a str>,
    num_media: String,
    num_segments: String,
    price: Option<&'a str>,
    price_unit: &'static str,
    sid: &'a str,
    status: &'static str,
    subresource_uris: SubresourceUris,
    to: &'a str,
    uri: String,
}

#[derive(Serialize)]
struct SubresourceUris {
    media: String,
}

pub(super) fn created(
    account_sid: &str,
    sid: &str,
    sms: &CreateMessage,
    segments: &Segments,
    created_at: Timestamp,
) -> Response {
    // With a messaging service, sender and so segments are not known yet.
    let by_service = sms.messaging_service_sid.is_some();
    let date = created_at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    let path = format!("/2010-04-01/Accounts/{account_sid}/Messages/{sid}");
    let representation = Created {
        account_sid,
        api_version: "2010-04-01",
        body: sms.body.as_deref().unwrap_or_default(),
        date_created: &date,
        date_sent: None,
        date_updated: &date,
        direction: "outbound-api",
        error_code: None,
        error_message: None,
        from: sms.from.as_deref(),
        messaging_service_sid: sms.messaging_service_sid.as_deref(),
        num_media: sms.media_urls.len().to_string(),
        num_segments: if by_service { 0 } else { segments.count().max(1) }.to_string(),
        price: None,
        price_unit: "USD",
        sid,
        status: if by_service { "accepted" } else { "queued" },
        subresource_uris: SubresourceUris { media: format!("{path}/Media.json") },
        to: &sms.to,
        uri: format!("{path}.json"),
    };
    match serde_json::to_vec(&representation) {
        Ok(body) => (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], Body::from(body)).into_response(),
        Err(_) => TwilioError::new(20500, "Internal server error").render(),
    }
}
