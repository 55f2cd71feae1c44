//! Incoming webhooks: a secret address, JSON in, a word out.

use axum::{
    body::Body,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use super::{
    super::vendor::media_type,
    RETRY_AFTER_S,
    message::{self, Fault},
    rate_limited,
};

/// The documented errors with their statuses (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
/// "Handle errors"; api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks).
const ERRORS: [(&str, StatusCode); 15] = [
    ("action_prohibited", StatusCode::FORBIDDEN),
    ("channel_is_archived", StatusCode::GONE),
    ("channel_not_found", StatusCode::NOT_FOUND),
    ("invalid_blocks", StatusCode::BAD_REQUEST),
    ("invalid_payload", StatusCode::BAD_REQUEST),
    ("invalid_token", StatusCode::FORBIDDEN),
    ("no_active_hooks", StatusCode::NOT_FOUND),
    ("no_service", StatusCode::NOT_FOUND),
    ("no_service_id", StatusCode::NOT_FOUND),
    ("no_team", StatusCode::NOT_FOUND),
    ("no_text", StatusCode::BAD_REQUEST),
    ("posting_to_general_channel_denied", StatusCode::FORBIDDEN),
    ("rollup_error", StatusCode::INTERNAL_SERVER_ERROR),
    ("team_disabled", StatusCode::FORBIDDEN),
    ("user_not_found", StatusCode::BAD_REQUEST),
];

/// "You cannot override the default channel, username, or icon": those are not among them.
const FIELDS: [&str; 9] =
    ["text", "blocks", "attachments", "thread_ts", "mrkdwn", "link_names", "unfurl_links", "unfurl_media", "metadata"];

/// What a webhook answers to a request that it does not take.
#[derive(Debug)]
pub(super) enum HookError {
    Word(&'static str, StatusCode),
    RateLimited,
}

impl HookError {
    fn new(word: &'static str) -> Self {
        let status =
            ERRORS.iter().find(|(known, _)| *known == word).map_or(StatusCode::BAD_REQUEST, |(_, status)| *status);
        Self::Word(word, status)
    }

    pub(super) fn render(&self) -> Response {
        match self {
            Self::Word(word, status) => plain(*status, word),
            Self::RateLimited => rate_limited(Some(RETRY_AFTER_S)),
        }
    }
}

pub(super) fn ok() -> Response {
    plain(StatusCode::OK, "ok")
}

/// `T…/B…/…`: team, service and token. The last is the secret, or the name of an error.
pub(super) fn check_address(address: &str, known: &str) -> Result<(), HookError> {
    if address == known {
        return Ok(());
    }
    let (given, known): (Vec<_>, Vec<_>) = (address.split('/').collect(), known.split('/').collect());
    match (given[..].first_chunk::<3>(), known[..].first_chunk::<3>()) {
        (Some([team, ..]), Some([known_team, ..])) if team != known_team => Err(HookError::new("no_team")),
        (Some([_, service, _]), Some([_, known_service, _])) if service != known_service => {
            Err(HookError::new("no_service"))
        }
        (Some([_, _, "ratelimited"]), _) => Err(HookError::RateLimited),
        (Some([_, _, token]), _) if given.len() == 3 => {
            let magic = ERRORS.iter().find(|(word, _)| word == token);
            Err(HookError::new(magic.map_or("invalid_token", |(word, _)| *word)))
        }
        _ => Err(HookError::new("no_service")),
    }
}

/// Reads and checks a payload.
pub(super) fn parse(parts: &Parts, body: &[u8]) -> Result<Map<String, Value>, HookError> {
    if parts.method != Method::POST || media_type(parts) != "application/json" {
        return Err(HookError::new("invalid_payload"));
    }
    let Ok(Value::Object(payload)) = serde_json::from_slice(body) else {
        return Err(HookError::new("invalid_payload"));
    };
    if payload.keys().any(|name| !FIELDS.contains(&name.as_str())) {
        return Err(HookError::new("invalid_payload"));
    }
    message::check(&payload).map_err(|fault| match fault {
        Fault::Empty => HookError::new("no_text"),
        Fault::Blocks(_) => HookError::new("invalid_blocks"),
        Fault::Attachments => HookError::new("too_many_attachments"),
        Fault::Argument(_) | Fault::TooLong => HookError::new("invalid_payload"),
    })?;
    Ok(payload)
}

fn plain(status: StatusCode, word: &'static str) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], Body::from(word)).into_response()
}
