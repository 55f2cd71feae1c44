//! The body of a message: that of `chat.postMessage` (<https://docs.slack.dev/reference/methods/chat.postMessage>), and the part
//! of it that an incoming webhook takes (<https://docs.slack.dev/messaging/#payloads>).

use std::borrow::Cow;

use notifier_plugin_sdk::{Chat, SendError};
use serde::Serialize;
use serde_json::Value;

use crate::layout::Layout;
use crate::settings::{Mode, Settings};

/// Slack cuts longer texts off (<https://docs.slack.dev/changelog/2018-04-truncating-really-long-messages>).
pub(crate) const TEXT_CHARS_MAX: usize = 40_000;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    /// With a layout it is what notifications and screen readers say.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrkdwn: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_links: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_media: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_broadcast: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_emoji: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_url: Option<&'a str>,
}

/// The body, or why Slack would refuse it.
pub(crate) fn body(settings: &Settings, chat: &Chat) -> Result<Vec<u8>, SendError> {
    let layout = chat.layout.as_deref().map(Layout::read).transpose()?.unwrap_or_default();
    let text = text(settings, &chat.text)?;
    if text.is_none() && layout.is_empty() {
        return Err(SendError::message(Some("no_text"), "the message has neither text nor layout"));
    }
    let body = Body {
        channel: channel(settings, chat)?,
        text,
        blocks: layout.blocks,
        attachments: layout.attachments,
        mrkdwn: settings.mrkdwn,
        unfurl_links: settings.unfurl_links,
        unfurl_media: settings.unfurl_media,
        thread_ts: settings.thread_ts.as_deref(),
        reply_broadcast: settings.reply_broadcast.then_some(true),
        username: settings.username.as_deref(),
        icon_emoji: settings.icon_emoji.as_deref(),
        icon_url: settings.icon_url.as_deref(),
    };
    serde_json::to_vec(&body)
        .map_err(|error| SendError::message(None, format!("the message cannot be written as JSON: {error}")))
}

/// A webhook posts to its own channel whoever the message is for: one that is for somebody else must not end up there.
fn channel<'a>(settings: &Settings, chat: &'a Chat) -> Result<Option<&'a str>, SendError> {
    match (settings.mode, chat.recipient.as_str()) {
        (Mode::Api, "") => Err(SendError::recipient(
            Some("channel_not_found"),
            "the recipient is empty: want the id of a channel, a direct message or a user",
        )),
        (Mode::Api, channel) => Ok(Some(channel)),
        (Mode::Webhook, recipient) if settings.channel.as_deref() == Some(recipient) => Ok(None),
        (Mode::Webhook, other) => {
            let own = settings.channel.as_deref().unwrap_or_default();
            let problem =
                format!("the recipient is `{other}`, and the webhook posts to its own channel only: want `{own}`");
            // A wrong place to ask, not a wrong recipient: a provider that calls the API reaches others.
            Err(SendError::message(None, problem))
        }
    }
}

/// None where there is nothing to read.
fn text<'a>(settings: &Settings, text: &'a str) -> Result<Option<Cow<'a, str>>, SendError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let text = if settings.escape { escaped(text) } else { Cow::Borrowed(text) };
    let chars = text.chars().count();
    if chars > TEXT_CHARS_MAX {
        let problem = format!("the text has {chars} characters, Slack takes {TEXT_CHARS_MAX}: shorten the template");
        return Err(SendError::message(Some("msg_too_long"), problem));
    }
    Ok(Some(text))
}

/// The three characters that Slack reads as its own, and no other
/// (<https://docs.slack.dev/messaging/formatting-message-text/#escaping>).
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}
