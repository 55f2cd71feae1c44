//! The operator's settings of a Slack app.

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the bot token of the mode `api`.
pub(crate) const BOT_TOKEN: &str = "bot_token";

/// Name of the secret that holds the end of the webhook's URL in the mode `webhook`: whoever knows it may post.
pub(crate) const WEBHOOK_PATH: &str = "webhook_path";

/// Which of Slack's two ways is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// `chat.postMessage` with a bot token: any conversation that the app may post to.
    Api,
    /// An incoming webhook: the one channel that it was made for.
    Webhook,
}

/// How messages are posted and how they look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which of Slack's two ways is taken.
    pub mode: Mode,
    /// What recipients call the one channel of the webhook. `webhook` only.
    pub channel: Option<String>,
    /// The root of `/api/…` or `/services/…`, as `https://slack-gov.com`. Plain HTTP for loopback only.
    pub base_url: Option<String>,
    /// Whether `&`, `<` and `>` of the text are escaped, so that it reads as it was written. Without it, a text may hold links
    /// and mentions as Slack writes them, `<https://example.com|Example>` and `<!here>`, and so may the values that are filled
    /// into it. Layouts are never escaped.
    #[serde(default = "yes")]
    pub escape: bool,
    /// Whether `*bold*` and the like are formatted. Slack does unless told otherwise.
    pub mrkdwn: Option<bool>,
    /// Whether links to text get a preview.
    pub unfurl_links: Option<bool>,
    /// Whether links to media get a preview.
    pub unfurl_media: Option<bool>,
    /// Messages become replies to the message with this `ts`.
    pub thread_ts: Option<String>,
    /// Replies are shown in the channel as well. `api` only.
    #[serde(default)]
    pub reply_broadcast: bool,
    /// Name of the sender instead of the app's; needs the scope `chat:write.customize`. `api` only.
    pub username: Option<String>,
    /// Emoji as icon of the sender, as `:house:`; needs the scope `chat:write.customize`. `api` only.
    pub icon_emoji: Option<String>,
    /// URL of the icon of the sender; needs the scope `chat:write.customize`. `api` only.
    pub icon_url: Option<String>,
}

fn yes() -> bool {
    true
}

impl Settings {
    /// The root of the mode's addresses (<https://docs.slack.dev/apis/web-api/>,
    /// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>).
    pub(crate) fn base_url(&self) -> &str {
        match (&self.base_url, self.mode) {
            (Some(url), _) => url,
            (None, Mode::Api) => "https://slack.com",
            (None, Mode::Webhook) => "https://hooks.slack.com",
        }
    }

    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: &str, problem: Option<String>| {
            problems.extend(problem.map(|problem| SettingProblem { setting: setting.into(), problem }));
        };
        report("base_url", check_base_url(self.base_url()).err());
        report("thread_ts", self.thread_ts.as_deref().and_then(check_thread_ts));
        report("username", self.username.as_deref().and_then(check_username));
        report("icon_emoji", self.icon_emoji.as_deref().and_then(check_icon_emoji));
        report("icon_url", self.icon_url.as_deref().and_then(check_icon_url));
        if self.icon_emoji.is_some() && self.icon_url.is_some() {
            report("icon_url", Some("would be overridden by `icon_emoji`: set one of the two".into()));
        }
        if self.reply_broadcast && self.thread_ts.is_none() {
            report("reply_broadcast", Some("shows a reply, and without `thread_ts` there is none".into()));
        }
        report("channel", self.check_channel());
        if self.mode == Mode::Webhook {
            // A webhook has the name and the icon of its app
            // (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>).
            for (setting, is_set) in [
                ("reply_broadcast", self.reply_broadcast),
                ("username", self.username.is_some()),
                ("icon_emoji", self.icon_emoji.is_some()),
                ("icon_url", self.icon_url.is_some()),
            ] {
                report(setting, is_set.then(|| "cannot be chosen with a webhook: leave it out, or use `api`".into()));
            }
        }
        problems
    }

    /// Nobody but the operator knows where a webhook posts to.
    fn check_channel(&self) -> Option<String> {
        match (self.mode, self.channel.as_deref()) {
            (Mode::Api, Some(_)) => Some("is of webhooks only: leave it out, each message names its own".into()),
            (Mode::Webhook, None) => {
                Some("is missing: want what recipients call the webhook's channel, as its id C0123456789".into())
            }
            (Mode::Webhook, Some("")) => Some("is empty: want what recipients call the webhook's channel".into()),
            (Mode::Api, None) | (Mode::Webhook, Some(_)) => None,
        }
    }
}

/// As `1503435956.000247` (<https://docs.slack.dev/reference/methods/chat.postMessage>).
fn check_thread_ts(ts: &str) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let right = ts.split_once('.').is_some_and(|(seconds, rest)| digits(seconds) && digits(rest));
    (!right).then(|| format!("`{ts}` is not the `ts` of a message: want it as 1503435956.000247"))
}

fn check_username(name: &str) -> Option<String> {
    name.trim().is_empty().then(|| "is empty: leave it out for the app's own name".into())
}

fn check_icon_emoji(emoji: &str) -> Option<String> {
    let name = emoji.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).unwrap_or_default();
    let right = !name.is_empty() && !name.contains(char::is_whitespace);
    (!right).then(|| format!("`{emoji}` is not the code of an emoji: want it as :house:"))
}

fn check_icon_url(url: &str) -> Option<String> {
    let right = url.starts_with("https://") || url.starts_with("http://");
    (!right).then(|| format!("`{url}` is not a URL that Slack can fetch: want https://…"))
}
