//! Slack's side of incoming webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks) and of
//! `chat.postMessage` (docs.slack.dev/reference/methods/chat.postMessage).
//!
//! Layouts are checked as Block Kit describes them (`blocks`). Stricter than the vendor: only JSON is taken and no
//! form, unknown arguments are refused and not ignored, and a text that Slack would cut is refused.
//!
//! Every documented error can be had, by its own name: of the Web API with the error as the channel, as `is_archived`
//! or `#is_archived`, or as the end of the token, as `xoxb-token_revoked`; of an incoming webhook with the error in
//! place of the address's last part, as `/services/T00000001/B00000001/channel_not_found`. `ratelimited` is answered
//! with 429 and `Retry-After: 30` in all three places.
//!
//! In a configuration:
//!
//! ```toml
//! [providers.slack.settings]
//! base_url = "http://127.0.0.1:40006"   # Sandbox::url(Service::Slack)
//! # The bot token, or what follows `/services/`: Credentials::{slack_bot_token, slack_webhook}
//! ```

mod api;
mod blocks;
mod hook;
mod message;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::{
    body::Body,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::{Value, json};

use super::{
    Channel, Credentials, Message, Refusal, Service,
    vendor::{self, Desk, Vendor, Verdict, World},
};

/// What `ratelimited` tells to wait.
const RETRY_AFTER_S: u32 = 30;

/// The fake.
pub(super) struct FakeSlack {
    desk: Desk,
    webhook: String,
    bot_token: String,
    /// Messages posted so far: part of their timestamps, which are Slack's ids.
    posted: AtomicU64,
}

impl FakeSlack {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Self {
        let webhook = credentials.slack_webhook.clone();
        let desk = Desk::new(Service::Slack, world, vec![webhook.clone()]);
        Self { desk, webhook, bot_token: credentials.slack_bot_token.clone(), posted: AtomicU64::new(0) }
    }

    /// Seconds, and six digits that tell the messages of a second apart.
    fn timestamp(&self) -> String {
        let number = self.posted.fetch_add(1, Relaxed) % 1_000_000;
        format!("{}.{number:06}", self.desk.now().as_second())
    }

    fn hook(&self, parts: &Parts, address: &str, body: &Bytes) -> Result<Verdict, hook::HookError> {
        hook::check_address(address, &self.webhook)?;
        let payload = hook::parse(parts, body)?;
        let mut message = Message::new(Service::Slack, Channel::Chat, String::new());
        // All of the address but the secret.
        message.to = self.webhook.rsplit_once('/').map(|(place, _)| place.to_owned()).into_iter().collect();
        message.text = payload.get("text").and_then(Value::as_str).map(str::to_owned);
        message.document = Some(Value::Object(payload));
        Ok(Verdict::accepted(message, hook::ok()))
    }

    fn post_message(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, api::ApiError> {
        api::check_token(parts, &self.bot_token)?;
        let arguments = api::parse(parts, body)?;
        let channel = arguments.get("channel").and_then(Value::as_str).unwrap_or_default().to_owned();
        let text = ["text", "markdown_text"].into_iter().find_map(|name| arguments.get(name)?.as_str());
        let text = text.map(str::to_owned);
        let timestamp = self.timestamp();
        let mut answer = json!({
            "ok": true,
            "channel": channel,
            "ts": timestamp,
            "message": {
                "type": "message", "subtype": "bot_message", "bot_id": "B00000001", "ts": timestamp,
                "text": text.clone().unwrap_or_default(),
            },
        });
        if let (Some(blocks), Some(posted)) = (arguments.get("blocks"), answer.get_mut("message")) {
            posted["blocks"] = blocks.clone();
        }
        if !api::names_charset(parts) {
            answer["warning"] = json!("missing_charset");
            answer["response_metadata"] = json!({ "warnings": ["missing_charset"] });
        }
        let mut message = Message::new(Service::Slack, Channel::Chat, timestamp);
        message.to = vec![channel];
        message.text = text;
        message.document = Some(Value::Object(arguments));
        Ok(Verdict::accepted(message, vendor::json(StatusCode::OK, &answer)))
    }
}

impl Vendor for FakeSlack {
    /// Far above the largest message that the rules allow.
    const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        let path = parts.uri.path();
        if let Some(address) = path.strip_prefix("/services/") {
            let refused = |error: hook::HookError| Verdict::refused(error.render());
            return self.hook(parts, address, body).unwrap_or_else(refused);
        }
        match path.strip_prefix("/api/") {
            Some("chat.postMessage") => {
                let refused = |error: api::ApiError| Verdict::refused(error.render());
                self.post_message(parts, body).unwrap_or_else(refused)
            }
            Some(_) => Verdict::refused(api::ApiError::new("unknown_method").render()),
            None => Verdict::refused(
                (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/html")], "<h1>Not found</h1>").into_response(),
            ),
        }
    }

    fn too_large(&self) -> Response {
        api::ApiError::new("msg_too_long").render()
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        match fault {
            Refusal::Unavailable => {
                let headers = [(CONTENT_TYPE, "text/html")];
                (StatusCode::SERVICE_UNAVAILABLE, headers, Body::from("<h1>503 Service Unavailable</h1>"))
                    .into_response()
            }
            Refusal::RateLimited { retry_after_s } => rate_limited(*retry_after_s),
            // Incoming webhooks tell by the status, the Web API by `ok`: both can be read here.
            Refusal::Rejected { code, .. } => {
                let status = code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
                let (status, error) = match status.unwrap_or(StatusCode::BAD_REQUEST) {
                    StatusCode::FORBIDDEN => (StatusCode::FORBIDDEN, "action_prohibited"),
                    StatusCode::NOT_FOUND => (StatusCode::NOT_FOUND, "channel_not_found"),
                    StatusCode::GONE => (StatusCode::GONE, "channel_is_archived"),
                    status => (status, "invalid_arguments"),
                };
                vendor::json(status, &json!({ "ok": false, "error": error }))
            }
        }
    }
}

/// docs.slack.dev/apis/web-api/rate-limits: "a HTTP 429 Too Many Requests error, and a Retry-After HTTP header
/// containing the number of seconds until you can retry".
fn rate_limited(retry_after_s: Option<u32>) -> Response {
    let body = json!({ "ok": false, "error": "ratelimited" });
    let mut answer = vendor::json(StatusCode::TOO_MANY_REQUESTS, &body);
    if let Some(seconds) = retry_after_s {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
