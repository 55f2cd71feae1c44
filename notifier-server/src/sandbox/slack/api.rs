//! The Web API: a bearer token, arguments in JSON, and 200 with `ok` for nearly everything.

use axum::{http::request::Parts, response::Response};
use http::{Method, StatusCode, header::AUTHORIZATION, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::{
    super::vendor::{self, credentials, header, media_type},
    RETRY_AFTER_S,
    message::{self, Fault},
    rate_limited,
};

/// The errors of `chat.postMessage`, those that all methods have among them
/// (docs.slack.dev/reference/methods/chat.postMessage, "Errors").
const ERRORS: [&str; 60] = [
    "access_denied",
    "accesslimited",
    "account_inactive",
    "as_user_not_supported",
    "attachment_payload_limit_exceeded",
    "cannot_reply_to_message",
    "channel_not_found",
    "deprecated_endpoint",
    "duplicate_channel_not_found",
    "duplicate_message_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "fatal_error",
    "internal_error",
    "invalid_arg_name",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_auth",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_charset",
    "invalid_form_data",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "invalid_post_type",
    "is_archived",
    "markdown_text_conflict",
    "message_limit_exceeded",
    "messages_tab_disabled",
    "metadata_must_be_sent_from_app",
    "metadata_too_large",
    "method_deprecated",
    "missing_file_data",
    "missing_post_type",
    "missing_scope",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_permission",
    "no_text",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "org_login_required",
    "rate_limited",
    "ratelimited",
    "request_timeout",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
    "restricted_action_thread_only_channel",
    "service_unavailable",
    "slack_connect_canvas_sharing_blocked",
    "slack_connect_file_link_sharing_blocked",
    "team_access_not_granted",
    "team_added_to_org",
    "token_expired",
    "token_revoked",
    "too_many_attachments",
    "two_factor_setup_required",
];

const ARGUMENTS: [&str; 17] = [
    "channel",
    "text",
    "blocks",
    "attachments",
    "markdown_text",
    "as_user",
    "icon_emoji",
    "icon_url",
    "link_names",
    "metadata",
    "mrkdwn",
    "parse",
    "reply_broadcast",
    "thread_ts",
    "unfurl_links",
    "unfurl_media",
    "username",
];

/// What a method answers to a call that it does not take.
#[derive(Debug)]
pub(super) struct ApiError {
    error: &'static str,
    messages: Vec<String>,
}

impl ApiError {
    pub(super) fn new(error: &'static str) -> Self {
        Self { error, messages: Vec::new() }
    }

    fn of_argument(message: impl Into<String>) -> Self {
        Self { error: "invalid_arguments", messages: vec![format!("[ERROR] {}", message.into())] }
    }

    pub(super) fn render(self) -> Response {
        if self.error == "ratelimited" {
            return rate_limited(Some(RETRY_AFTER_S));
        }
        let mut body = json!({ "ok": false, "error": self.error });
        if !self.messages.is_empty() {
            body["errors"] = json!(self.messages);
            body["response_metadata"] = json!({ "messages": self.messages });
        }
        vendor::json(StatusCode::OK, &body)
    }
}

/// The error that a name stands for.
fn magic(name: &str) -> Option<ApiError> {
    ERRORS.into_iter().find(|error| *error == name).map(ApiError::new)
}

pub(super) fn check_token(parts: &Parts, known: &str) -> Result<(), ApiError> {
    if !parts.headers.contains_key(AUTHORIZATION) {
        return Err(ApiError::new("not_authed"));
    }
    match credentials(parts, "bearer") {
        Some(token) if token == known => Ok(()),
        Some(token) => {
            let magic = token.strip_prefix("xoxb-").and_then(magic);
            Err(magic.unwrap_or_else(|| ApiError::new("invalid_auth")))
        }
        None => Err(ApiError::new("invalid_auth")),
    }
}

pub(super) fn names_charset(parts: &Parts) -> bool {
    charset(parts).is_some()
}

fn charset(parts: &Parts) -> Option<&str> {
    header(parts, &CONTENT_TYPE).split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("charset="))
}

/// Reads and checks the arguments.
pub(super) fn parse(parts: &Parts, body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match media_type(parts).as_str() {
        _ if parts.method != Method::POST => return Err(ApiError::new("invalid_post_type")),
        "" => return Err(ApiError::new("missing_post_type")),
        "application/json" => {}
        _ => return Err(ApiError::new("invalid_post_type")),
    }
    let is_known = |charset: &str| ["utf-8", "iso-8859-1"].iter().any(|known| charset.eq_ignore_ascii_case(known));
    if charset(parts).is_some_and(|charset| !is_known(charset)) {
        return Err(ApiError::new("invalid_charset"));
    }
    let arguments = match serde_json::from_slice(body) {
        Ok(Value::Object(arguments)) => arguments,
        Ok(_) => return Err(ApiError::new("json_not_object")),
        Err(_) => return Err(ApiError::new("invalid_json")),
    };
    if let Some(unknown) = arguments.keys().find(|name| !ARGUMENTS.contains(&name.as_str())) {
        return Err(ApiError::of_argument(format!("no such argument: {unknown}")));
    }
    check_channel(&arguments)?;
    message::check(&arguments).map_err(|fault| match fault {
        Fault::Empty => ApiError::new("no_text"),
        Fault::TooLong => ApiError::new("msg_too_long"),
        Fault::Attachments => ApiError::new("too_many_attachments"),
        Fault::Blocks(messages) => ApiError { error: "invalid_blocks", messages },
        Fault::Argument(message) => ApiError::of_argument(message),
    })?;
    check_markdown(&arguments)?;
    Ok(arguments)
}

/// "An encoded ID that represents a channel, private group, or DM", or the name of a public channel.
fn check_channel(arguments: &Map<String, Value>) -> Result<(), ApiError> {
    let channel = match arguments.get("channel") {
        None => return Err(ApiError::of_argument("missing required field: channel")),
        Some(Value::String(channel)) => channel.as_str(),
        Some(_) => return Err(ApiError::of_argument("must be a string [json-pointer:/channel]")),
    };
    let name = channel.strip_prefix('#').unwrap_or(channel);
    if let Some(error) = magic(name) {
        return Err(error);
    }
    let is_id = channel.len() >= 9
        && channel.starts_with(['C', 'D', 'G', 'U', 'W'])
        && channel.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    // Lower case, without spaces or periods, at most 80 characters.
    let in_name = |c: char| c.is_alphanumeric() && !c.is_uppercase() || matches!(c, '-' | '_');
    let is_name = (1..=80).contains(&name.chars().count()) && name.chars().all(in_name);
    if is_id || is_name { Ok(()) } else { Err(ApiError::new("channel_not_found")) }
}

/// "This argument should not be used in conjunction with `blocks` or `text`."
fn check_markdown(arguments: &Map<String, Value>) -> Result<(), ApiError> {
    let with_others = arguments.contains_key("blocks") || arguments.contains_key("text");
    if arguments.contains_key("markdown_text") && with_others {
        return Err(ApiError::new("markdown_text_conflict"));
    }
    Ok(())
}
