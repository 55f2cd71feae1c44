//! What is handed to a provider: words and addresses, all of them checked.

use std::fmt;

use jiff::Timestamp;

use super::channel::Channel;
use super::id::{CategoryName, DeliveryId, TenantId};
use super::notification::MessageOptions;
use super::recipient::{ChatId, EmailAddress, InvalidAddress, PhoneNumber, PushToken, Recipient, WebhookUrl};
use super::template::Words;
use super::timeline::Reason;

/// An email address and the name shown for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The address.
    pub address: EmailAddress,
    /// The name; free of control characters.
    pub name: Option<String>,
}

impl Mailbox {
    /// Reads `ada@example.com` or `Ada Lovelace <ada@example.com>`.
    ///
    /// # Errors
    /// When the address is not one, or the name has control characters, quotes, angle brackets or over 128 characters.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let Some((name, address)) = text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) else {
            return Ok(Self { address: EmailAddress::parse(text)?, name: None });
        };
        let name = name.trim();
        let name_is_fine =
            name.chars().count() <= 128 && !name.chars().any(|c| c.is_control() || matches!(c, '"' | '<' | '>'));
        if !name_is_fine {
            return Err(InvalidAddress {
                problem: "the name before `<` has at most 128 characters and no quotes, brackets or line breaks".into(),
            });
        }
        let name = (!name.is_empty()).then(|| name.to_owned());
        Ok(Self { address: EmailAddress::parse(address)?, name })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address.as_str()),
            None => f.write_str(self.address.as_str()),
        }
    }
}

/// A file that goes with an email.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name shown for it.
    pub filename: String,
    /// Its media type, as `application/pdf`.
    pub content_type: String,
    /// Set when the HTML refers to it as `cid:…`.
    pub content_id: Option<String>,
    /// Its bytes.
    pub data: Vec<u8>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("filename", &self.filename).field("bytes", &self.data.len()).finish()
    }
}

/// An email, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailMessage {
    /// From whom.
    pub sender: Mailbox,
    /// To whom.
    pub recipient: Mailbox,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// One line.
    pub subject: String,
    /// The plain text; at least one of `text` and `html` is present.
    pub text: Option<String>,
    /// The HTML.
    pub html: Option<String>,
    /// Extra headers.
    pub headers: Vec<(String, String)>,
    /// Files.
    pub attachments: Vec<Attachment>,
}

/// A text message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsMessage {
    /// Number, short code or alphanumeric sender; `None` when the provider picks one.
    pub sender: Option<String>,
    /// To whom.
    pub recipient: PhoneNumber,
    /// The words.
    pub text: String,
    /// Pictures and the like (MMS).
    pub media_urls: Vec<String>,
}

/// A push message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMessage {
    /// To which device or browser.
    pub recipient: PushToken,
    /// One line.
    pub title: String,
    /// The words.
    pub body: String,
    /// What the application on the device gets beside them, by name.
    pub data: Vec<(String, String)>,
}

/// A chat message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// To whom or where.
    pub recipient: ChatId,
    /// The words; where there is a layout, what is shown in its place.
    pub text: String,
    /// The vendor's own layout: a JSON object or array.
    pub layout: Option<String>,
}

/// An event, ready to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookMessage {
    /// Where to.
    pub recipient: WebhookUrl,
    /// What happened, as `rent.due`.
    pub kind: String,
    /// What there is to know about it: a JSON object or array.
    pub payload: String,
}

/// The words and addresses of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageContent {
    /// For [`Channel::Email`].
    Email(EmailMessage),
    /// For [`Channel::Sms`].
    Sms(SmsMessage),
    /// For [`Channel::Push`].
    Push(PushMessage),
    /// For [`Channel::Chat`].
    Chat(ChatMessage),
    /// For [`Channel::Webhook`].
    Webhook(WebhookMessage),
}

impl MessageContent {
    /// The channel it is for.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Sms(_) => Channel::Sms,
            Self::Push(_) => Channel::Push,
            Self::Chat(_) => Channel::Chat,
            Self::Webhook(_) => Channel::Webhook,
        }
    }

    /// The address it comes from; `None` when the provider picks it, and where the channel has none.
    #[must_use]
    pub fn sender_address(&self) -> Option<&str> {
        match self {
            Self::Email(email) => Some(email.sender.address.as_str()),
            Self::Sms(sms) => sms.sender.as_deref(),
            Self::Push(_) | Self::Chat(_) | Self::Webhook(_) => None,
        }
    }

    /// The address it goes to.
    #[must_use]
    pub fn recipient_address(&self) -> &str {
        match self {
            Self::Email(email) => email.recipient.address.as_str(),
            Self::Sms(sms) => sms.recipient.as_str(),
            Self::Push(push) => push.recipient.as_str(),
            Self::Chat(chat) => chat.recipient.as_str(),
            Self::Webhook(event) => event.recipient.as_str(),
        }
    }
}

/// One message for one provider call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Which delivery; its text is the idempotency key.
    pub delivery: DeliveryId,
    /// Whose.
    pub tenant: TenantId,
    /// Of which kind.
    pub category: CategoryName,
    /// When the notification was accepted: later attempts tell the same time.
    pub accepted_at: Timestamp,
    /// What and to whom.
    pub content: MessageContent,
}

/// Who messages come from, unless a provider's settings say otherwise. What goes to a device, a chat or a server comes from
/// whoever the provider's account is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Senders {
    /// The sender of email. Without one, email cannot be sent.
    pub email: Option<Mailbox>,
    /// The sender of text messages; many providers pick one themselves.
    pub sms: Option<String>,
}

/// Puts words, address and sender together.
///
/// # Errors
/// The reason why there can be no such message: no sender is configured, or words and address are of different channels.
pub fn compose(
    words: Words,
    recipient: &Recipient,
    senders: &Senders,
    options: &MessageOptions,
) -> Result<MessageContent, Reason> {
    match words {
        Words::Email { subject, text, html } => {
            let Some(address) = recipient.email.clone() else { return Err(no_address(Channel::Email)) };
            let Some(sender) = senders.email.clone() else {
                return Err(Reason::new("sender.missing", "no sender of email is configured (`senders.email`)"));
            };
            Ok(MessageContent::Email(EmailMessage {
                sender,
                recipient: Mailbox { address, name: None },
                reply_to: options.reply_to.clone(),
                subject,
                text,
                html,
                headers: options.headers.clone(),
                attachments: options.attachments.clone(),
            }))
        }
        Words::Sms { text } => {
            let Some(address) = recipient.phone.clone() else { return Err(no_address(Channel::Sms)) };
            Ok(MessageContent::Sms(SmsMessage {
                sender: senders.sms.clone(),
                recipient: address,
                text,
                media_urls: options.media_urls.clone(),
            }))
        }
        Words::Push { title, body, data } => {
            let Some(recipient) = recipient.push_token.clone() else { return Err(no_address(Channel::Push)) };
            Ok(MessageContent::Push(PushMessage { recipient, title, body, data }))
        }
        Words::Chat { text, layout } => {
            let Some(recipient) = recipient.chat_id.clone() else { return Err(no_address(Channel::Chat)) };
            Ok(MessageContent::Chat(ChatMessage { recipient, text, layout }))
        }
        Words::Webhook { kind, payload } => {
            let Some(recipient) = recipient.webhook_url.clone() else { return Err(no_address(Channel::Webhook)) };
            Ok(MessageContent::Webhook(WebhookMessage { recipient, kind, payload }))
        }
    }
}

/// Why somebody without an address is not told anything on that channel.
#[must_use]
pub fn no_address(channel: Channel) -> Reason {
    Reason::new("recipient.no_address", format!("the recipient has no address for {channel}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes() {
        let cases = [
            ("ada@example.com", Some((None, "ada@example.com"))),
            ("Ada Lovelace <ada@example.com>", Some((Some("Ada Lovelace"), "ada@example.com"))),
            ("<ada@example.com>", Some((None, "ada@example.com"))),
            ("Zoë 🏠 <z@example.com>", Some((Some("Zoë 🏠"), "z@example.com"))),
            ("Ada\r\nBcc: x <ada@example.com>", None),
            ("\"Ada\" <ada@example.com>", None),
            ("Ada <ada@example.com", None),
            ("Ada <>", None),
        ];
        for (text, expected) in cases {
            let actual = Mailbox::parse(text).ok();
            let actual = actual.as_ref().map(|m| (m.name.as_deref(), m.address.as_str()));
            assert_eq!(actual, expected, "{text:?}");
        }
    }
}
